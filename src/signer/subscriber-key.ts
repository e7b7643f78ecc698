/**
 * A subscriber's own key in the subscriber's own module, for method 3 of CP 6.2.7 (ATT-3): generated so that it can't leave, read back, and used once
 * to sign. The CA's own keys are elsewhere (`pkcs11.ts`): this one belongs to nobody here, and is run where the subscriber's module is.
 */
import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { KeyGenMechanism, KeyType, ObjectClass, type PrivateKey, type PublicKey, type Session, SessionFlag, type SessionObject, type Slot, UserType } from 'graphene-pk11'
import { CKR, moduleResult, Pkcs11Library, type Version } from './library.ts'
import { rsaSpki, SignerUnavailable } from './signer.ts'

/** Names of graphene's for the attributes that are read back. */
type Flag = 'token' | 'private' | 'sensitive' | 'extractable' | 'alwaysSensitive' | 'neverExtractable' | 'local' | 'sign' | 'signRecover' | 'decrypt' | 'unwrap' | 'derive'

export interface TokenFacts {
  /** The slot's number, as other tools print it. It may change when the module is started anew. */
  readonly slot: number
  readonly label: string
  readonly manufacturer: string
  readonly model: string
  readonly serialNumber: string
  readonly hardwareVersion: Version
  readonly firmwareVersion: Version
}

export interface SubscriberKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer
  readonly label: string
  /** CKA_ID, lower-case hexadecimal. */
  readonly id: string
  /** CKA_KEY_GEN_MECHANISM; null when the module doesn't tell. */
  readonly mechanism: number | null
  /** As the module tells them; null for one that it doesn't. */
  attributes<Name extends Flag>(names: readonly Name[]): { readonly [name in Name]: boolean | null }
  /** RSASSA-PKCS1-v1_5 with SHA-256, verified before it is returned. */
  sign(data: Buffer): Promise<Buffer>
  /** Takes both halves out of the module. */
  destroy(): void
}

/** Which of the module's tokens: exactly one must be meant. */
export type TokenChoice = { readonly slot: number } | { readonly label: string } | null

/**
 * Looks at one token without its PIN.
 * @throws SignerUnavailable `token-missing`, `token-ambiguous`, and as the module fails
 */
export class SubscriberToken {
  readonly facts: TokenFacts
  readonly module: ReturnType<Pkcs11Library['info']>
  readonly #library: Pkcs11Library
  readonly #slot: Slot
  #session: Session | null = null

  private constructor(library: Pkcs11Library, slot: Slot) {
    this.#library = library
    this.#slot = slot
    this.facts = factsOf(slot)
    this.module = library.info()
  }

  static async open(path: string, choice: TokenChoice): Promise<SubscriberToken> {
    const library = Pkcs11Library.open(path)
    try {
      return await library.run(() => {
        const all = library.initialisedTokens()
        const found = all.filter((slot) => choice === null || ('slot' in choice ? factsOf(slot).slot === choice.slot : slot.getToken().label === choice.label))
        const known = all.map((slot) => `${factsOf(slot).slot} "${factsOf(slot).label}"`).join(', ') || '–'
        if (found.length === 0) throw new SignerUnavailable('token-missing', known)
        if (found.length > 1) throw new SignerUnavailable('token-ambiguous', known)
        return new SubscriberToken(library, found[0]!)
      })
    } catch (error) {
      await library.release()
      throw named(error)
    }
  }

  /** @throws SignerUnavailable `pin-refused`: it isn't tried again, since modules lock after a few */
  async logIn(pin: string): Promise<void> {
    await this.#run(() => {
      const session = this.#slot.open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION)
      this.#session = session
      try {
        session.login(pin, UserType.USER)
      } catch (error) {
        const result = moduleResult(error)
        if (result && CKR.pin.has(result.code)) throw new SignerUnavailable('pin-refused', result.name, error)
        throw error
      }
    })
  }

  /**
   * @param wanted bits of the modulus; a label of 1 to 64 printable ASCII characters that no key of the token has
   * @throws SignerUnavailable `key-exists` and as the module fails
   */
  async generate({ label, bits }: { readonly label: string; readonly bits: number }): Promise<SubscriberKey> {
    return this.#run(async () => {
      const session = this.#session!
      for (const kind of [ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY]) if (session.find({ class: kind, label }).length > 0) throw new SignerUnavailable('key-exists', label)
      const id = randomBytes(8)
      const pair = await generate(session, label, id, bits)
      // From here on a key stands in the module: whatever fails takes it away again.
      try {
        return this.#key(session, pair, label, id)
      } catch (error) {
        destroy(pair)
        throw error
      }
    })
  }

  async close(): Promise<void> {
    const session = this.#session
    this.#session = null
    try {
      session?.close()
    } catch {
      // The module is gone or closed it already; what counted was said before.
    }
    await this.#library.release()
  }

  #key(session: Session, pair: Pair, label: string, id: Buffer): SubscriberKey {
    const spki = rsaSpki(pair.publicKey.getAttribute('modulus') as Buffer, pair.publicKey.getAttribute('publicExponent') as Buffer)
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    const told = valueOf(pair.privateKey)
    const mechanism = told('keyGenMechanism')
    return {
      spki,
      label,
      id: id.toString('hex'),
      mechanism: typeof mechanism === 'number' ? mechanism : null,
      attributes: (names) => Object.fromEntries(names.map((name) => [name, flag(told(name))])) as { [name in (typeof names)[number]]: boolean | null },
      sign: (data) =>
        this.#run(async () => {
          const signature = await new Promise<Buffer>((resolve, reject) => {
            session.createSign('SHA256_RSA_PKCS', pair.privateKey).once(data, (error: Error | null, made) => (error ? reject(error) : resolve(made)))
          })
          if (!verify('sha256', data, publicKey, signature)) throw new SignerUnavailable('signature-wrong', label)
          return signature
        }),
      destroy: () => destroy(pair),
    }
  }

  /** Work inside the module; its own faults get their CKR_… name. */
  async #run<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await this.#library.run(work)
    } catch (error) {
      throw named(error)
    }
  }
}

/** Every token of the module that is set up, without a PIN. @throws SignerUnavailable */
export async function listTokens(path: string): Promise<readonly TokenFacts[]> {
  const library = Pkcs11Library.open(path)
  try {
    return await library.run(() => library.initialisedTokens().map(factsOf))
  } catch (error) {
    throw named(error)
  } finally {
    await library.release()
  }
}

interface Pair {
  readonly publicKey: PublicKey
  readonly privateKey: PrivateKey
}

function factsOf(slot: Slot): TokenFacts {
  const { label, manufacturerID, model, serialNumber, hardwareVersion, firmwareVersion } = slot.getToken()
  return { slot: slot.handle.readUIntLE(0, Math.min(6, slot.handle.length)), label, manufacturer: manufacturerID, model, serialNumber, hardwareVersion, firmwareVersion }
}

/** CKA_SIGN alone: a key that also decrypts or unwraps would be of use for more than the certificate says (CP 7.1.2). */
function generate(session: Session, label: string, id: Buffer, bits: number): Promise<Pair> {
  const common = { token: true, label, id, keyType: KeyType.RSA }
  const publicTemplate = { ...common, private: false, modulusBits: bits, publicExponent: Buffer.from([1, 0, 1]), verify: true, encrypt: false, wrap: false }
  const privateTemplate = { ...common, private: true, sensitive: true, extractable: false, sign: true, signRecover: false, decrypt: false, unwrap: false, derive: false }
  return new Promise((resolve, reject) => {
    session.generateKeyPair(KeyGenMechanism.RSA, publicTemplate, privateTemplate, (error, pair) => (error || !pair ? reject(error ?? new Error('no key pair')) : resolve(pair)))
  })
}

function destroy({ privateKey, publicKey }: Pair): void {
  privateKey.destroy()
  publicKey.destroy()
}

/** An attribute's value, or undefined where the module doesn't know the attribute (CKR_ATTRIBUTE_TYPE_INVALID). */
const valueOf =
  (key: SessionObject) =>
  (name: string): unknown => {
    try {
      return key.getAttribute(name)
    } catch (error) {
      if (moduleResult(error) === null) throw error
      return undefined
    }
  }

const flag = (value: unknown): boolean | null => (typeof value === 'boolean' ? value : null)

function named(error: unknown): unknown {
  const result = SignerUnavailable.is(error) ? null : moduleResult(error)
  return result ? new SignerUnavailable('module-failed', result.name, error) : error
}
