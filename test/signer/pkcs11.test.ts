import { createHash, createPublicKey, verify, X509Certificate } from 'node:crypto'
import { renameSync } from 'node:fs'
import { Module, ObjectClass, SessionFlag, type Session, UserType } from 'graphene-pk11'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openSigner, type Pkcs11Signer, type TokenAccess } from '../../src/signer/pkcs11.ts'
import { type GeneratedKeyPair, type Hash, type SignerFault, SignerUnavailable, verifyDigest } from '../../src/signer/signer.ts'
import { bitString, integer, nullValue, oid, printableString, sequence, setOf, time } from '../../src/pki/der.ts'
import { rsaKeyPair } from '../pki/keys.ts'
import { freshSoftHsm, type TestHsm } from '../support/softhsm.ts'

const DATA = Buffer.from('to be signed')
const HASHES: Hash[] = ['sha256', 'sha384', 'sha512']

// Made in software, to stand where it must not.
const OUTSIDE = rsaKeyPair(2048).privateKey.export({ format: 'jwk' })

let hsm: TestHsm
let access: TokenAccess
let signer: Pkcs11Signer
let pair: GeneratedKeyPair

/** The same library, loaded as any other code in this process could: PKCS #11 keeps one state per process. */
function foreign(): Module {
  const module = Module.load(hsm.module)
  module.initialize()
  return module
}

function slotOf(label: string) {
  const slots = foreign().getSlots(true)
  const found = Array.from({ length: slots.length }, (_, index) => slots.items(index)).find((slot) => slot.getToken().label === label)
  if (!found) throw new Error(`no token ${label}`)
  return found
}

function withSession<T>(token: TokenAccess, work: (session: Session) => T): T {
  const session = slotOf(token.tokenLabel).open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION)
  try {
    session.login(token.pin, UserType.USER)
  } catch (error) {
    if ((error as { code?: number }).code !== 0x100) throw error
  }
  try {
    return work(session)
  } finally {
    session.close()
  }
}

async function faultOf(promise: Promise<unknown>): Promise<SignerFault | 'none'> {
  try {
    await promise
    return 'none'
  } catch (error) {
    if (!SignerUnavailable.is(error)) throw error
    expect(error.message).not.toMatch(/\n/)
    expect(error.message).not.toContain(access.pin)
    return error.reason
  }
}

const verified = (signature: Buffer, hash: Hash = 'sha256', data: Buffer = DATA) => verify(hash, data, createPublicKey({ key: pair.spki, format: 'der', type: 'spki' }), signature)

beforeAll(async () => {
  hsm = freshSoftHsm()
  access = await hsm.token('issuing')
  await hsm.token('other')
  signer = await openSigner(access)
  pair = await signer.generateRsaKeyPair({ label: 'ca', id: '01', bits: 2048 })
})

afterAll(async () => {
  await signer.close()
  hsm.remove()
})

describe('signing', () => {
  test.each(HASHES)('ISS-6: signs RSASSA-PKCS1-v1_5 with %s in the module, and gives the same octets again', async (hash) => {
    const signature = await signer.sign(pair.reference, hash, DATA)
    expect(verified(signature, hash)).toBe(true)
    expect(await signer.sign(pair.reference, hash, DATA)).toEqual(signature)
  })

  test.each(HASHES)('ISS-6, CRL-2: signs what has a digest as it signs the octets themselves, with %s, and no other length', async (hash) => {
    const digest = createHash(hash).update(DATA).digest()
    const signature = await signer.signDigest(pair.reference, hash, digest)
    expect(signature).toEqual(await signer.sign(pair.reference, hash, DATA))
    const key = createPublicKey({ key: pair.spki, format: 'der', type: 'spki' })
    expect(verifyDigest(key, hash, digest, signature)).toBe(true)
    expect(verifyDigest(key, hash, createHash(hash).update('other').digest(), signature)).toBe(false)
    for (const other of HASHES.filter((each) => each !== hash)) expect(verifyDigest(key, other, createHash(other).update(DATA).digest(), signature)).toBe(false)
    expect(verifyDigest(key, hash, digest, Buffer.from(signature).reverse())).toBe(false)
    expect(verifyDigest(key, hash, digest, signature.subarray(1))).toBe(false)
    await expect(signer.signDigest(pair.reference, hash, digest.subarray(1))).rejects.toThrow(RangeError)
  })

  test('ISS-6: signs more octets than one call of the module would take', async () => {
    const list = Buffer.alloc(3_000_000, 7)
    expect(verified(await signer.sign(pair.reference, 'sha256', list), 'sha256', list)).toBe(true)
  })

  test('ISS-6: makes more signatures at once than it has sessions, without holding up the event loop', async () => {
    const inputs = Array.from({ length: 60 }, (_, index) => Buffer.from(`input ${index}`))
    let ticks = 0
    const timer = setInterval(() => ticks++, 2)
    const signatures = await Promise.all(inputs.map((input) => signer.sign(pair.reference, 'sha256', input)))
    clearInterval(timer)
    expect(signatures.every((signature, index) => verified(signature, 'sha256', inputs[index]!))).toBe(true)
    expect(ticks).toBeGreaterThan(5)
  })
})

describe('keys', () => {
  test('ISS-6: a key is made inside the module and can never leave it', async () => {
    const bound = { local: true, alwaysSensitive: true, neverExtractable: true, sensitive: true, extractable: false }
    expect(pair.attributes).toEqual(bound)
    expect(await signer.attributes(pair.reference)).toEqual(bound)
    withSession(access, (session) => {
      const key = session.find({ class: ObjectClass.PRIVATE_KEY, label: 'ca' }).items(0)
      for (const secret of ['privateExponent', 'prime1', 'prime2']) expect(() => key.getAttribute(secret)).toThrow(/CKR_ATTRIBUTE_SENSITIVE/)
      // 27 is CKR_ACTION_PROHIBITED, which pkcs11js has no name for: the key was made unmodifiable.
      expect(() => key.setAttribute({ extractable: true })).toThrow(/CKR_(ATTRIBUTE_READ_ONLY|VENDOR_DEFINED:27$)/)
    })
  })

  test('ISS-6: gives the public key by its label', async () => {
    expect(await signer.publicKey('ca')).toEqual(pair.spki)
    expect(createPublicKey({ key: pair.spki, format: 'der', type: 'spki' }).asymmetricKeyDetails).toEqual({ modulusLength: 2048, publicExponent: 65537n })
  })

  test('ISS-6: makes no second key under a label or an id that is taken', async () => {
    expect(await faultOf(signer.generateRsaKeyPair({ label: 'ca', id: '02', bits: 2048 }))).toBe('key-exists')
    expect(await faultOf(signer.generateRsaKeyPair({ label: 'ca G2', id: '01', bits: 2048 }))).toBe('key-exists')
    expect(withSession(access, (session) => session.find({ class: ObjectClass.PRIVATE_KEY }).length)).toBe(1)
  })

  test('ISS-6: a missing key is a fault, and none is made in its place', async () => {
    const reference = { ...pair.reference, label: 'absent' }
    expect(await faultOf(signer.sign(reference, 'sha256', DATA))).toBe('key-missing')
    expect(await faultOf(signer.publicKey('absent'))).toBe('key-missing')
    expect(withSession(access, (session) => session.find({ class: ObjectClass.PRIVATE_KEY }).length)).toBe(1)
  })

  test('ISS-6: refuses a key on another token', async () => {
    expect(await faultOf(signer.sign({ ...pair.reference, tokenLabel: 'other' }, 'sha256', DATA))).toBe('wrong-token')
  })

  test('ISS-6: refuses a key whose public key is not the recorded one', async () => {
    expect(await faultOf(signer.sign({ ...pair.reference, spkiSha256: '00'.repeat(32) }, 'sha256', DATA))).toBe('key-changed')
  })

  test('ISS-6: refuses another key that was put under the recorded label', async () => {
    const made = await signer.generateRsaKeyPair({ label: 'swapped', id: '0a', bits: 2048 })
    withSession(access, (session) => session.destroy({ label: 'swapped' }))
    const again = await signer.generateRsaKeyPair({ label: 'swapped', id: '0b', bits: 2048 })
    const fresh = await openSigner(access)
    expect(await faultOf(fresh.sign(made.reference, 'sha256', DATA))).toBe('key-changed')
    expect(await faultOf(fresh.sign({ ...made.reference, id: '0b' }, 'sha256', DATA))).toBe('key-changed')
    expect(await faultOf(fresh.sign(again.reference, 'sha256', DATA))).toBe('none')
    await fresh.close()
  })

  test('ISS-6: a signature that the recorded public key does not verify is never returned', async () => {
    const made = await signer.generateRsaKeyPair({ label: 'torn', id: '0c', bits: 2048 })
    // The public half of one key beside the private half of another, as after a fault in the module.
    withSession(access, (session) => {
      session.destroy({ class: ObjectClass.PRIVATE_KEY, label: 'torn' })
      session.create({ class: ObjectClass.PRIVATE_KEY, keyType: 0, token: true, private: true, sensitive: true, label: 'torn', id: Buffer.from('0c', 'hex'), sign: true, ...privateNumbers() })
    })
    const fresh = await openSigner(access)
    expect(await faultOf(fresh.sign(made.reference, 'sha256', DATA))).toBe('signature-wrong')
    await fresh.close()
  })

  test('ISS-6: two objects for one key are a fault', async () => {
    const made = await signer.generateRsaKeyPair({ label: 'double', id: '0d', bits: 2048 })
    withSession(access, (session) => session.create({ class: ObjectClass.PRIVATE_KEY, keyType: 0, token: true, private: true, sensitive: true, label: 'double', id: Buffer.from('0d', 'hex'), sign: true, ...privateNumbers() }))
    expect(await faultOf(signer.sign(made.reference, 'sha256', DATA))).toBe('key-ambiguous')
  })

  test('ISS-6: puts a certificate beside its key, under the same id', async () => {
    const name = sequence(setOf(sequence(oid('2.5.4.3'), printableString('Beside'))))
    const algorithm = sequence(oid('1.2.840.113549.1.1.11'), nullValue())
    const tbs = sequence(integer(5), algorithm, name, sequence(time(new Date(0)), time(new Date(1e12))), name, pair.spki)
    const certificate = sequence(tbs, algorithm, bitString(await signer.sign(pair.reference, 'sha256', tbs)))
    expect(new X509Certificate(certificate).verify(createPublicKey({ key: pair.spki, format: 'der', type: 'spki' }))).toBe(true)
    await signer.storeCertificate({ label: 'ca', id: '01', certificate })
    withSession(access, (session) => {
      const stored = session.find({ class: ObjectClass.CERTIFICATE, id: Buffer.from('01', 'hex') }).items(0)
      expect(stored.getAttribute('value')).toEqual(certificate)
      expect(stored.getAttribute('subject')).toEqual(name)
      expect(stored.getAttribute('serial')).toEqual(integer(5))
    })
  })
})

describe('faults at start', () => {
  test('ISS-6: a wrong PIN is one line, and is not tried again', async () => {
    const other = await hsm.token('wrong-pin')
    // Nobody is logged in to that token yet, so the PIN is really asked for.
    expect(await faultOf(openSigner({ ...other, pin: '0'.repeat(32) }))).toBe('pin-refused')
    expect(await faultOf(openSigner(other).then((opened) => opened.close()))).toBe('none')
  })

  test('ISS-6: a PIN refused while running stops the signer for good', async () => {
    const other = await hsm.token('pin-changed')
    const opened = await openSigner({ ...other, sessions: 1 })
    const made = await opened.generateRsaKeyPair({ label: 'k', id: '01', bits: 2048 })
    withSession(other, (session) => session.setPin(other.pin, 'f'.repeat(32)))
    slotOf('pin-changed').closeAll()
    expect(await faultOf(opened.sign(made.reference, 'sha256', DATA))).toBe('pin-refused')
    withSession({ ...other, pin: 'f'.repeat(32) }, (session) => session.setPin('f'.repeat(32), other.pin))
    expect(await faultOf(opened.sign(made.reference, 'sha256', DATA))).toBe('pin-refused')
    await opened.close()
  })

  test('ISS-6: a missing module, a file that is no module and a missing token are named', async () => {
    expect(await faultOf(openSigner({ ...access, module: '/nowhere/libsofthsm2.so' }))).toBe('module-missing')
    expect(await faultOf(openSigner({ ...access, module: '' }))).toBe('module-missing')
    expect(await faultOf(openSigner({ ...access, module: hsm.conf }))).toBe('module-failed')
    expect(await faultOf(openSigner({ ...access, tokenLabel: 'absent' }))).toBe('token-missing')
  })
})

describe('recovery', () => {
  afterEach(async () => {
    expect(verified(await signer.sign(pair.reference, 'sha256', DATA))).toBe(true)
  })

  test('ISS-6: signs on after its sessions were closed under it', async () => {
    await signer.sign(pair.reference, 'sha256', DATA)
    slotOf('issuing').closeAll()
    const signatures = await Promise.all(Array.from({ length: 20 }, () => signer.sign(pair.reference, 'sha256', DATA)))
    expect(signatures.every((signature) => verified(signature))).toBe(true)
  })

  test('ISS-6: signs on after the module was finalised under it', async () => {
    await signer.sign(pair.reference, 'sha256', DATA)
    foreign().finalize()
    const signatures = await Promise.all(Array.from({ length: 20 }, () => signer.sign(pair.reference, 'sha256', DATA)))
    expect(signatures.every((signature) => verified(signature))).toBe(true)
  })

  test.each(['tokens', 'directory'] as const)('ISS-6: fails cleanly while the token is away (%s), and signs again once it is back', async (which) => {
    await signer.sign(pair.reference, 'sha256', DATA)
    renameSync(hsm[which], `${hsm[which]}.away`)
    const expected = ['storage-missing', 'token-missing']
    for (let call = 0; call < 3; call++) expect(expected).toContain(await faultOf(signer.sign(pair.reference, 'sha256', Buffer.from(`${call}`))))
    renameSync(`${hsm[which]}.away`, hsm[which])
    expect(verified(await signer.sign(pair.reference, 'sha256', DATA))).toBe(true)
  })

  test('ISS-6: signatures under way on one token survive a new start of the module asked for by another', async () => {
    const other = await openSigner({ ...access, sessions: 4 })
    const running = Array.from({ length: 40 }, () => other.sign(pair.reference, 'sha256', DATA))
    foreign()
    await signer.publicKey('absent').catch(() => undefined)
    expect((await Promise.all(running)).every((signature) => verified(signature))).toBe(true)
    await other.close()
  })
})

describe('end', () => {
  test('ISS-6: waits for the signatures under way, then takes no more', async () => {
    const other = await openSigner(access)
    const running = Array.from({ length: 12 }, () => other.sign(pair.reference, 'sha256', DATA))
    const closed = other.close()
    expect((await Promise.all(running)).every((signature) => verified(signature))).toBe(true)
    await closed
    expect(await faultOf(other.sign(pair.reference, 'sha256', DATA))).toBe('closed')
    expect(verified(await signer.sign(pair.reference, 'sha256', DATA))).toBe(true)
  })
})

/** The numbers of a key from outside the module. */
function privateNumbers() {
  const part = (name: keyof JsonWebKey) => Buffer.from(OUTSIDE[name] as string, 'base64url')
  return { modulus: part('n'), publicExponent: part('e'), privateExponent: part('d'), prime1: part('p'), prime2: part('q'), exp1: part('dp'), exp2: part('dq'), coefficient: part('qi') }
}
