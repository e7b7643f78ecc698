/**
 * A signer on one PKCS #11 token: a few sessions, one operation at a time on each, signatures on native threads so that the event loop runs on.
 * It recovers from lost sessions and a restarted module by itself, once per call; a refused PIN is final, since hardware locks after a few.
 */
import { createHash, createPublicKey } from 'node:crypto'
import { CertificateType, KeyGenMechanism, KeyType, ObjectClass, type PrivateKey, type PublicKey, type Session, SessionFlag, type SessionObject, UserType } from 'graphene-pk11'
import { readDer } from '../pki/der.ts'
import { CKR, firstLine, moduleResult, Pkcs11Library } from './library.ts'
import { digestInfo, type GeneratedKeyPair, type Hash, type KeyAttributes, type KeyReference, type ModuleFacts, rsaSpki, type Signer, SignerUnavailable, spkiSha256, verifyDigest } from './signer.ts'

export interface TokenAccess {
  /** Path of the PKCS #11 library */
  readonly module: string
  readonly tokenLabel: string
  readonly pin: string
  /** How many signatures may run at once, 1 to 4 [SESSIONS] */
  readonly sessions?: number
}

/** Two sign on two cores while the event loop ends and begins the third; a thread of libuv's four stays for files. */
export const SESSIONS = 3

interface LoadedKey {
  readonly handle: PrivateKey
  readonly publicKey: ReturnType<typeof createPublicKey>
}

/** A place in the pool. Its session is opened when first needed and thrown away after any fault, since a failed operation may stay active in it for ever. */
interface Seat {
  session: Session | null
  generation: number
  keys: Map<string, LoadedKey>
}

type Judged = { readonly error: unknown; readonly recovery: 'none' | 'session' | 'module' }

/**
 * Opens the token and logs in, so that a missing module, a missing token and a wrong PIN show at once.
 * @throws SignerUnavailable
 */
export async function openSigner(access: TokenAccess): Promise<Pkcs11Signer> {
  const library = Pkcs11Library.open(access.module)
  const signer = new Pkcs11Signer(library, access)
  try {
    await signer.check()
    return signer
  } catch (error) {
    await signer.close()
    throw error
  }
}

export class Pkcs11Signer implements Signer {
  readonly tokenLabel: string
  readonly #library: Pkcs11Library
  readonly #pin: string
  readonly #free: Seat[]
  readonly #size: number
  readonly #waiting: ((seat: Seat) => void)[] = []
  #refusedPin: SignerUnavailable | null = null
  #closing: Promise<void> | null = null

  constructor(library: Pkcs11Library, { tokenLabel, pin, sessions = SESSIONS }: TokenAccess) {
    if (!Number.isInteger(sessions) || sessions < 1 || sessions > 4) throw new RangeError(`sessions must be 1 to 4, is ${sessions}`)
    this.tokenLabel = tokenLabel
    this.#library = library
    this.#pin = pin
    this.#size = sessions
    this.#free = Array.from({ length: sessions }, () => ({ session: null, generation: 0, keys: new Map() }))
  }

  /** Opens a session and logs in. */
  async check(): Promise<void> {
    await this.#use(() => undefined)
  }

  async sign(key: KeyReference, hash: Hash, data: Uint8Array): Promise<Buffer> {
    return this.signDigest(key, hash, createHash(hash).update(data).digest())
  }

  async signDigest(key: KeyReference, hash: Hash, digest: Uint8Array): Promise<Buffer> {
    if (key.tokenLabel !== this.tokenLabel) throw new SignerUnavailable('wrong-token', `The key ${key.label} is on the token ${key.tokenLabel}, not on ${this.tokenLabel}`)
    // The digest is taken outside of the module: a CRL of megabytes is more than many modules take in one call.
    const toBeSigned = digestInfo(hash, digest)
    return this.#use(async (session, seat) => {
      const loaded = this.#load(session, seat, key)
      const signature = await new Promise<Buffer>((resolve, reject) => {
        session.createSign('RSA_PKCS', loaded.handle).once(toBeSigned, (error: Error | null, made) => (error ? reject(error) : resolve(made)))
      })
      // A fault during the private-key operation can give the key away (Boneh, DeMillo, Lipton 1997): a wrong signature never leaves this function.
      if (!verifyDigest(loaded.publicKey, hash, digest, signature)) throw new SignerUnavailable('signature-wrong', `The token ${this.tokenLabel} made a wrong signature with the key ${key.label}; it was thrown away`)
      return signature
    })
  }

  async publicKey(label: string): Promise<Buffer> {
    return this.#use((session) => spkiOf(this.#only(session, { class: ObjectClass.PUBLIC_KEY, label }, `public key ${label}`)))
  }

  async generateRsaKeyPair({ label, id, bits }: { label: string; id: string; bits: number }): Promise<GeneratedKeyPair> {
    if (!/^[\x20-\x7e]{1,64}$/.test(label)) throw new RangeError('a key label is 1 to 64 printable ASCII characters')
    const ckaId = octets(id)
    if (!Number.isInteger(bits) || bits < 2048 || bits > 8192 || bits % 8 !== 0) throw new RangeError(`an RSA modulus has 2048 to 8192 bits, not ${bits}`)
    return this.#use(async () => {
      const session = this.#open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION)
      try {
        for (const taken of [{ label }, { id: ckaId }]) {
          for (const kind of [ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY]) {
            if (session.find({ class: kind, ...taken }).length > 0) throw new SignerUnavailable('key-exists', `The token ${this.tokenLabel} already has a key with the label ${label} or the id ${id}`)
          }
        }
        const pair = await generate(session, label, ckaId, bits)
        const attributes = attributesOf(pair.privateKey)
        if (!attributes.local || !attributes.alwaysSensitive || !attributes.neverExtractable || !attributes.sensitive || attributes.extractable) {
          pair.privateKey.destroy()
          pair.publicKey.destroy()
          // CP 6.2.1, CSBR 6.2.7: a key that could leave the module, or came from outside, is no CA key.
          throw new SignerUnavailable('key-exposed', `The token ${this.tokenLabel} made a key that isn't bound to it (${JSON.stringify(attributes)}); it was destroyed`)
        }
        const spki = spkiOf(pair.publicKey)
        return { spki, attributes, reference: { tokenLabel: this.tokenLabel, label, id: ckaId.toString('hex'), spkiSha256: spkiSha256(spki) } }
      } finally {
        quietly(() => session.close())
      }
    })
  }

  /** What the module says of itself. @throws SignerUnavailable as sign does */
  async describe(): Promise<ModuleFacts> {
    return this.#use((session) => {
      const { manufacturerID, model, serialNumber, firmwareVersion } = session.slot.getToken()
      const { manufacturer, description, version } = this.#library.info()
      const told = (text: string) => text.replace(/[^\x20-\x7e]/g, '').trim()
      return { tokenLabel: this.tokenLabel, manufacturer: told(manufacturerID), model: told(model), serialNumber: told(serialNumber), firmware: `${firmwareVersion.major}.${firmwareVersion.minor}`, library: `${told(manufacturer)}: ${told(description)} ${version.major}.${version.minor}` }
    })
  }

  /**
   * What the module says of a key that it holds.
   * @throws SignerUnavailable as sign does
   */
  async attributes(key: KeyReference): Promise<KeyAttributes> {
    return this.#use((session, seat) => attributesOf(this.#load(session, seat, key).handle))
  }

  /**
   * Puts a certificate (DER) beside its key, under the same CKA_ID: Java's PKCS #11 provider finds a key by its certificate alone.
   */
  async storeCertificate({ label, id, certificate }: { label: string; id: string; certificate: Buffer }): Promise<void> {
    const fields = readDer(certificate).children()[0]!.children()
    // Version 3 has its [0] in front; serialNumber, signature, issuer, validity, subject follow (RFC 5280 4.1).
    const [serial, , issuer, , subject] = fields.slice(fields[0]!.tag === 0xa0 ? 1 : 0)
    await this.#use(() => {
      const session = this.#open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION)
      try {
        session.create({ class: ObjectClass.CERTIFICATE, certType: CertificateType.X_509, token: true, private: false, label, id: octets(id), serial: serial!.raw, issuer: issuer!.raw, subject: subject!.raw, value: certificate })
      } finally {
        quietly(() => session.close())
      }
    })
  }

  /**
   * Removes a key pair for ever (CSBR 6.3.2). Only the very key that is on record: its public half is compared before anything is destroyed.
   * @throws SignerUnavailable `key-missing`, `key-changed`; `module-failed` when the key is there still afterwards
   */
  async removeKeyPair(key: KeyReference): Promise<void> {
    if (key.tokenLabel !== this.tokenLabel) throw new SignerUnavailable('wrong-token', `The key ${key.label} is on the token ${key.tokenLabel}, not on ${this.tokenLabel}`)
    await this.#use((session, seat) => {
      this.#load(session, seat, key)
      const id = octets(key.id)
      const writing = this.#open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION)
      try {
        for (const kind of [ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY]) this.#only(writing, { class: kind, label: key.label, id }, `key ${key.label}`).destroy()
        if (writing.find({ class: ObjectClass.PRIVATE_KEY, label: key.label }).length > 0) throw new SignerUnavailable('module-failed', `The token ${this.tokenLabel} still has the key ${key.label} after its removal`)
      } finally {
        quietly(() => writing.close())
      }
    })
    // No session keeps a handle of what is gone.
    for (const seat of this.#free) seat.keys.clear()
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      const seats = await Promise.all(Array.from({ length: this.#size }, () => this.#take()))
      for (const seat of seats) this.#drop(seat)
      await this.#library.release()
    })()
    return this.#closing
  }

  /** Runs work on a session of its own; on a fault once more with a new session, and once more after a new start of the module. */
  async #use<T>(work: (session: Session, seat: Seat) => T | Promise<T>): Promise<T> {
    if (this.#closing) throw new SignerUnavailable('closed', `The signer of the token ${this.tokenLabel} is closed`)
    const seat = await this.#take()
    try {
      let renewed = false
      let restarted = false
      for (;;) {
        if (this.#refusedPin) throw this.#refusedPin
        let seen = this.#library.generation
        try {
          return await this.#library.run(async (generation) => {
            seen = generation
            try {
              return await work(this.#session(seat, generation), seat)
            } catch (error) {
              this.#drop(seat)
              throw error
            }
          })
        } catch (error) {
          const judged = this.#judge(error)
          if (judged.recovery === 'none' || restarted) throw judged.error
          if (judged.recovery === 'session' && !renewed) {
            renewed = true
            continue
          }
          // What a new session doesn't cure, such as a token that went away, shows as such after a new start.
          restarted = true
          await this.#library.reinitialise(seen)
        }
      }
    } finally {
      this.#giveBack(seat)
    }
  }

  #judge(error: unknown): Judged {
    if (SignerUnavailable.is(error)) {
      if (error.reason === 'pin-refused') this.#refusedPin = error
      // SoftHSM2 reads its token folder when it is initialised: a token that was away and is back shows only then.
      return { error, recovery: error.reason === 'token-missing' || error.reason === 'key-missing' ? 'module' : 'none' }
    }
    const result = moduleResult(error)
    if (!result) return { error, recovery: 'none' }
    const unavailable = new SignerUnavailable('module-failed', `The token ${this.tokenLabel} failed: ${result.name}`, error)
    return { error: unavailable, recovery: CKR.sessionLost.has(result.code) ? 'session' : CKR.moduleLost.has(result.code) ? 'module' : 'none' }
  }

  #session(seat: Seat, generation: number): Session {
    if (seat.session === null || seat.generation !== generation) {
      // A handle of an earlier initialisation is void, and may since name a session of somebody else: it is forgotten, never closed.
      seat.session = null
      seat.keys.clear()
      seat.session = this.#open(SessionFlag.SERIAL_SESSION)
      seat.generation = generation
    }
    return seat.session
  }

  #open(flags: SessionFlag): Session {
    const slots = this.#library.tokens(this.tokenLabel)
    if (slots.length === 0) throw new SignerUnavailable('token-missing', `No token with the label ${this.tokenLabel} is in ${this.#library.path}`)
    if (slots.length > 1) throw new SignerUnavailable('token-ambiguous', `${slots.length} tokens with the label ${this.tokenLabel} are in ${this.#library.path}; there must be one`)
    const session = slots[0]!.open(flags)
    try {
      session.login(this.#pin, UserType.USER)
    } catch (error) {
      const result = moduleResult(error)
      // Login belongs to the process and the token, so the second session finds it done.
      if (result?.code !== CKR.userAlreadyLoggedIn) {
        quietly(() => session.close())
        if (result && CKR.pin.has(result.code)) throw new SignerUnavailable('pin-refused', `The token ${this.tokenLabel} refused the PIN (${result.name}); it isn't tried again`, error)
        throw error
      }
    }
    return session
  }

  #load(session: Session, seat: Seat, key: KeyReference): LoadedKey {
    const name = `${key.label}\0${key.id}\0${key.spkiSha256}`
    const known = seat.keys.get(name)
    if (known) return known
    const id = octets(key.id)
    if (session.find({ class: ObjectClass.PRIVATE_KEY, label: key.label, id }).length === 0 && session.find({ class: ObjectClass.PRIVATE_KEY, label: key.label }).length > 0) {
      throw new SignerUnavailable('key-changed', `The token ${this.tokenLabel} has another key under the label ${key.label} than the one recorded`)
    }
    const handle = this.#only(session, { class: ObjectClass.PRIVATE_KEY, label: key.label, id }, `private key ${key.label}`).toType<PrivateKey>()
    const spki = spkiOf(this.#only(session, { class: ObjectClass.PUBLIC_KEY, label: key.label, id }, `public key ${key.label}`))
    if (spkiSha256(spki) !== key.spkiSha256) throw new SignerUnavailable('key-changed', `The token ${this.tokenLabel} has another key under the label ${key.label} than the one recorded`)
    const loaded = { handle, publicKey: createPublicKey({ key: spki, format: 'der', type: 'spki' }) }
    seat.keys.set(name, loaded)
    return loaded
  }

  #only(session: Session, template: { class: ObjectClass; label: string; id?: Buffer }, what: string): SessionObject {
    const found = session.find(template)
    if (found.length === 0) throw new SignerUnavailable('key-missing', `The token ${this.tokenLabel} has no ${what}`)
    if (found.length > 1) throw new SignerUnavailable('key-ambiguous', `The token ${this.tokenLabel} has ${found.length} objects for the ${what}; there must be one`)
    return found.items(0)
  }

  #drop(seat: Seat): void {
    const { session } = seat
    seat.session = null
    seat.keys.clear()
    if (session && seat.generation === this.#library.generation) quietly(() => session.close())
  }

  #take(): Promise<Seat> {
    const seat = this.#free.pop()
    return seat ? Promise.resolve(seat) : new Promise((resolve) => this.#waiting.push(resolve))
  }

  #giveBack(seat: Seat): void {
    const next = this.#waiting.shift()
    if (next) next(seat)
    else this.#free.push(seat)
  }
}

function generate(session: Session, label: string, id: Buffer, bits: number): Promise<{ publicKey: PublicKey; privateKey: PrivateKey }> {
  const common = { token: true, label, id, keyType: KeyType.RSA }
  const publicTemplate = { ...common, private: false, modulusBits: bits, publicExponent: Buffer.from([1, 0, 1]), verify: true, encrypt: false, wrap: false }
  const privateTemplate = { ...common, private: true, sensitive: true, extractable: false, modifiable: false, sign: true, decrypt: false, unwrap: false, derive: false }
  return new Promise((resolve, reject) => {
    session.generateKeyPair(KeyGenMechanism.RSA, publicTemplate, privateTemplate, (error, pair) => (error || !pair ? reject(error ?? new Error('no key pair')) : resolve(pair)))
  })
}

function attributesOf(key: SessionObject): KeyAttributes {
  const flag = (name: string): boolean => key.getAttribute(name) === true
  return { local: flag('local'), alwaysSensitive: flag('alwaysSensitive'), neverExtractable: flag('neverExtractable'), sensitive: flag('sensitive'), extractable: flag('extractable') }
}

function spkiOf(publicKey: SessionObject): Buffer {
  return rsaSpki(publicKey.getAttribute('modulus') as Buffer, publicKey.getAttribute('publicExponent') as Buffer)
}

function octets(id: string): Buffer {
  if (!/^([0-9a-f]{2}){1,32}$/.test(id)) throw new RangeError('a key id is 1 to 32 octets in lower-case hexadecimal')
  return Buffer.from(id, 'hex')
}

/** Cleaning up after a fault: what fails here is the fault already being reported. */
function quietly(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (moduleResult(error) === null) throw new Error(firstLine(error), { cause: error })
  }
}
