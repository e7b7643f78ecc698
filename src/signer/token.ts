/** Making a token. A deliberate act of the ceremony and of a first start; nothing on the way to a signature leads here. */
import { type Session, SessionFlag, type Slot, TokenFlag, UserType } from 'graphene-pk11'
import { CKR, moduleResult, Pkcs11Library } from './library.ts'
import { withLockFile } from './lock-file.mjs'
import { SignerUnavailable } from './signer.ts'

export interface NewToken {
  /** Path of the PKCS #11 library */
  readonly module: string
  /** 1 to 32 printable ASCII characters */
  readonly label: string
  /** Both are made and stored by the caller before the call, so that a crash in here leaves no token whose PINs nobody knows. */
  readonly soPin: string
  readonly userPin: string
  /** A file that keeps two processes from making the same token twice: PKCS #11 itself lets them. */
  readonly lockFile: string
}

/**
 * Initialises an empty slot as a token with this label, unless there is one. A token left half made by a crash is finished.
 * It initialises the module anew; signers that this process has open on it recover by themselves.
 * @returns whether a token was made (or finished) or was there already
 * @throws SignerUnavailable `token-ambiguous` when there are two; `token-missing` when no slot is empty; `pin-refused`
 */
export async function initialiseToken({ module, label, soPin, userPin, lockFile }: NewToken): Promise<'made' | 'present'> {
  if (!/^[\x21-\x7e]([\x20-\x7e]{0,30}[\x21-\x7e])?$/.test(label)) throw new RangeError('a token label is 1 to 32 printable ASCII characters')
  const library = Pkcs11Library.open(module)
  try {
    return await withLockFile(lockFile, async () => {
      // What another process made shows only after a new start of the module.
      await library.run(() => undefined)
      await library.reinitialise(library.generation)
      const before = await library.run(() => single(library, label))
      if (before && userPinSet(before)) return 'present'
      if (!before) {
        await library.run(() => initialiseEmptySlot(library, label, soPin))
        await library.reinitialise(library.generation)
      }
      await library.run(() => {
        const slot = single(library, label)
        if (!slot) throw new SignerUnavailable('token-missing', `The token ${label} was made and can't be found`)
        setUserPin(slot, label, soPin, userPin)
      })
      return 'made'
    })
  } finally {
    await library.release()
  }
}

function single(library: Pkcs11Library, label: string): Slot | null {
  const slots = library.tokens(label)
  if (slots.length > 1) throw new SignerUnavailable('token-ambiguous', `${slots.length} tokens with the label ${label} are in ${library.path}; there must be one`)
  return slots[0] ?? null
}

const userPinSet = (slot: Slot): boolean => (slot.getToken().flags & TokenFlag.USER_PIN_INITIALIZED) !== 0

function initialiseEmptySlot(library: Pkcs11Library, label: string, soPin: string): void {
  const slot = library.emptySlot()
  if (!slot) throw new SignerUnavailable('token-missing', `${library.path} has no empty slot for the token ${label}`)
  try {
    // C_InitToken reads 32 octets whatever it is given (PKCS #11 5.5): a shorter label would be read past its end.
    slot.initToken(soPin, label.padEnd(32, ' '))
  } catch (error) {
    // graphene 2.3.6 initialises the token and then stumbles over the missing answer; whether there is a token is looked up afterwards.
    if (!(error instanceof TypeError)) throw failed(label, error)
  }
}

function setUserPin(slot: Slot, label: string, soPin: string, userPin: string): void {
  let session: Session | null = null
  try {
    session = slot.open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION)
    session.login(soPin, UserType.SO)
    session.initPin(userPin)
    session.logout()
  } catch (error) {
    throw failed(label, error)
  } finally {
    session?.close()
  }
}

function failed(label: string, error: unknown): unknown {
  const result = moduleResult(error)
  if (!result) return error
  if (CKR.pin.has(result.code)) return new SignerUnavailable('pin-refused', `The token ${label} refused its security officer's PIN (${result.name})`, error)
  return new SignerUnavailable('module-failed', `The token ${label} can't be made: ${result.name}`, error)
}
