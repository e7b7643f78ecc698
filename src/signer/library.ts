/**
 * One PKCS #11 library in this process. Its state belongs to the process, not to whoever loaded it: C_Finalize under a running
 * signature ends the process with a fault, so everything goes through one gate that can be shut, drained and opened again.
 */
import { existsSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'
import { Module, type Slot, TokenFlag } from 'graphene-pk11'
import { SignerUnavailable } from './signer.ts'
import { softHsmStorageFault } from './softhsm.ts'

// Signatures run on several native threads at once. Without this flag SoftHSM2 switches its locks off.
const CKF_OS_LOCKING_OK = 0x2

/** CKR_… values by what they ask for (PKCS #11 5.1). */
export const CKR = {
  userAlreadyLoggedIn: 0x100,
  /** SESSION_HANDLE_INVALID, SESSION_CLOSED, OPERATION_ACTIVE, OPERATION_NOT_INITIALIZED, OBJECT_HANDLE_INVALID, KEY_HANDLE_INVALID, USER_NOT_LOGGED_IN */
  sessionLost: new Set([0xb3, 0xb0, 0x90, 0x91, 0x82, 0x60, 0x101]),
  /** GENERAL_ERROR, DEVICE_ERROR, DEVICE_REMOVED, TOKEN_NOT_PRESENT, TOKEN_NOT_RECOGNIZED, CRYPTOKI_NOT_INITIALIZED */
  moduleLost: new Set([0x05, 0x30, 0x32, 0xe0, 0xe1, 0x190]),
  /** PIN_INCORRECT, PIN_INVALID, PIN_LEN_RANGE, PIN_EXPIRED, PIN_LOCKED, USER_PIN_NOT_INITIALIZED */
  pin: new Set([0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0x102]),
} as const

/** The CKR_… value of an error, and its name; null for an error that isn't the module's. */
export function moduleResult(error: unknown): { readonly code: number; readonly name: string } | null {
  if (!(error instanceof Error)) return null
  const code = (error as { code?: unknown }).code
  if (typeof code === 'number' && error.message.startsWith('CKR_')) return { code, name: error.message }
  // Some calls let the native error through, with the number in its text only.
  const found = /\b(CKR_[A-Z0-9_]+):(\d+)/.exec(`${error.message}\n${error.stack ?? ''}`)
  return found ? { code: Number(found[2]), name: found[1]! } : null
}

/** CK_VERSION */
export interface Version {
  readonly major: number
  readonly minor: number
}

export class Pkcs11Library {
  static readonly #loaded = new Map<string, Pkcs11Library>()

  readonly path: string
  readonly #module: Module
  #users = 0
  #generation = 0
  #initialised = false
  #underWay = 0
  #gate: Promise<void> | null = null
  #drained: (() => void) | null = null

  private constructor(path: string) {
    this.path = path
    try {
      this.#module = Module.load(path)
    } catch (error) {
      throw new SignerUnavailable('module-failed', `The PKCS #11 module ${path} can't be loaded: ${firstLine(error)}`, error)
    }
  }

  /**
   * @throws SignerUnavailable `module-missing`, `module-failed`
   */
  static open(path: string): Pkcs11Library {
    if (path === '' || !existsSync(path)) throw new SignerUnavailable('module-missing', `The PKCS #11 module ${path || '(none named)'} doesn't exist`)
    const real = realpathSync(path)
    let library = Pkcs11Library.#loaded.get(real)
    if (!library) {
      library = new Pkcs11Library(real)
      Pkcs11Library.#loaded.set(real, library)
    }
    library.#users++
    return library
  }

  /**
   * Runs one piece of work inside the module. The generation counts initialisations: handles of an older one are void.
   * @throws SignerUnavailable when the module can't be initialised
   */
  async run<T>(work: (generation: number) => T | Promise<T>): Promise<T> {
    while (this.#gate) await this.#gate
    if (!this.#initialised) this.#initialise()
    this.#underWay++
    try {
      return await work(this.#generation)
    } finally {
      if (--this.#underWay === 0) this.#drained?.()
    }
  }

  /** Shuts the gate, waits for the work under way, and initialises the module anew, unless another caller did so since the generation that was seen. */
  async reinitialise(seen: number): Promise<void> {
    while (this.#gate) await this.#gate
    if (this.#generation !== seen) return
    await this.#alone(() => {
      this.#finalise()
      this.#initialise()
    })
  }

  get generation(): number {
    return this.#generation
  }

  /** Lets go of the library. The last user finalises it, after the work under way. */
  async release(): Promise<void> {
    if (--this.#users > 0) return
    while (this.#gate) await this.#gate
    // Somebody may have opened it while we waited.
    if (this.#users > 0 || !this.#initialised) return
    await this.#alone(() => this.#finalise())
  }

  /** Slots with a token that is initialised and has this label; the number of a slot changes from one initialisation to the next, so labels are what counts. */
  tokens(label: string): Slot[] {
    return this.#slots().filter(({ slot, flags }) => (flags & TokenFlag.TOKEN_INITIALIZED) !== 0 && slot.getToken().label === label).map(({ slot }) => slot)
  }

  /** Every slot whose token is initialised. */
  initialisedTokens(): Slot[] {
    return this.#slots().filter(({ flags }) => (flags & TokenFlag.TOKEN_INITIALIZED) !== 0).map(({ slot }) => slot)
  }

  /** What the library says of itself (CK_INFO). Known once it is initialised. */
  info(): { readonly manufacturer: string; readonly description: string; readonly version: Version; readonly cryptokiVersion: Version } {
    const { manufacturerID, libraryDescription, libraryVersion, cryptokiVersion } = this.#module
    return { manufacturer: manufacturerID, description: libraryDescription, version: libraryVersion, cryptokiVersion }
  }

  emptySlot(): Slot | null {
    return this.#slots().find(({ flags }) => (flags & TokenFlag.TOKEN_INITIALIZED) === 0)?.slot ?? null
  }

  #slots(): { slot: Slot; flags: number }[] {
    const collection = this.#module.getSlots(true)
    return Array.from({ length: collection.length }, (_, index) => collection.items(index)).map((slot) => ({ slot, flags: slot.getToken().flags }))
  }

  async #alone(work: () => void): Promise<void> {
    let lift: () => void = () => {}
    this.#gate = new Promise((resolve) => (lift = resolve))
    try {
      if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#drained = resolve))
      work()
    } finally {
      this.#drained = null
      this.#gate = null
      lift()
    }
  }

  #initialise(): void {
    const fault = basename(this.path).includes('softhsm') ? softHsmStorageFault() : null
    if (fault) throw new SignerUnavailable('storage-missing', fault)
    try {
      this.#module.initialize({ flags: CKF_OS_LOCKING_OK })
    } catch (error) {
      throw new SignerUnavailable('module-failed', `The PKCS #11 module ${this.path} can't be initialised: ${firstLine(error)}`, error)
    }
    this.#initialised = true
    this.#generation++
  }

  #finalise(): void {
    this.#initialised = false
    try {
      this.#module.finalize()
    } catch {
      // CKR_CRYPTOKI_NOT_INITIALIZED after a foreign C_Finalize, or a module too broken to say goodbye: what counts is whether it initialises.
    }
  }
}

export const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]!
