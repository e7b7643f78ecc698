/**
 * The key that somebody reports as compromised, out of whatever holds it (KEY-4): a certificate, a certificate request, a public key, or the private
 * key itself, which proves the report. Of a private key only the public half leaves this file.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify, X509Certificate } from 'node:crypto'
import { readCertificateRequest } from './certificate-request.ts'
import { bitString, MalformedDer, nullValue, oid, sequence } from './der.ts'
import { OID } from './oids.ts'
import { decodeBase64, readPem } from './pem.ts'
import { type PublicKey, readPublicKey } from './public-key.ts'
import { decodeText, readUpload } from './upload.ts'
import { readCertificate } from './x509-certificate.ts'

export type ReportedKeyForm = 'certificate' | 'request' | 'public-key' | 'private-key'
export type ReportedKeyRefusal = 'empty' | 'too-large' | 'several' | 'encrypted' | 'private-key-broken' | 'unreadable'
export type ReportedKey = { readonly key: PublicKey; readonly form: ReportedKeyForm } | { readonly refused: ReportedKeyRefusal }

export const REPORTED_KEY_MAX_BYTES = 64 * 1024
/** OpenSSL signs with larger keys too, in seconds. */
const LARGEST_RSA_BITS = 8192

/** Never throws for what is in the bytes. A private key counts only when it makes a signature that its public half verifies: anybody can write a public half into a file. */
export function readReportedKey(bytes: Buffer): ReportedKey {
  if (bytes.length > REPORTED_KEY_MAX_BYTES) return { refused: 'too-large' }
  const upload = readUpload(bytes)
  if ('refused' in upload) {
    if (upload.refused === 'private-key') return readPrivatePem(decodeText(bytes))
    return { refused: upload.refused === 'empty' || upload.refused === 'several' ? upload.refused : 'unreadable' }
  }
  const { der, label } = upload
  const found = READERS.filter(({ labels }) => label === null || labels.test(label)).map(({ form, read }) => ({ form, key: attempt(() => read(der)) }))
  const [first] = found.filter((each) => each.key !== null)
  if (first) return { key: first.key!, form: first.form }
  return label === null ? readPrivate({ key: der, format: 'der' }) : { refused: 'unreadable' }
}

const READERS: readonly { form: ReportedKeyForm; labels: RegExp; read(der: Buffer): PublicKey | null }[] = [
  { form: 'public-key', labels: /^PUBLIC KEY$/, read: (der) => readPublicKey(der) },
  { form: 'public-key', labels: /^RSA PUBLIC KEY$/, read: (der) => rsaKeyOf(der) },
  { form: 'request', labels: /CERTIFICATE REQUEST$/, read: (der) => requestKeyOf(der) },
  { form: 'certificate', labels: /CERTIFICATE$/, read: (der) => certificateKeyOf(der) },
]

function rsaKeyOf(der: Buffer): PublicKey | null {
  const key = readPublicKey(sequence(sequence(oid(OID.rsaEncryption), nullValue()), bitString(der)))
  return key.facts.type === 'rsa' ? key : null
}

function requestKeyOf(der: Buffer): PublicKey | null {
  const intake = readCertificateRequest(der)
  return 'request' in intake ? intake.request.publicKey : null
}

function certificateKeyOf(der: Buffer): PublicKey {
  try {
    return readPublicKey(readCertificate(der).tbs.spki)
  } catch (error) {
    if (!MalformedDer.is(error)) throw error
    // Other CAs' certificates may break rules that ours keep; their key is compromised all the same.
    return publicHalf(new X509Certificate(der).publicKey)
  }
}

const publicHalf = (key: KeyObject): PublicKey => readPublicKey(key.export({ type: 'spki', format: 'der' }))

/** Null for whatever OpenSSL or our own readers refuse: what is foreign is no fault. */
function attempt(read: () => PublicKey | null): PublicKey | null {
  try {
    return read()
  } catch {
    return null
  }
}

function readPrivatePem(text: string): ReportedKey {
  const blocks = readPem(text) ?? []
  const privateBlocks = blocks.filter(({ label }) => label.endsWith('PRIVATE KEY'))
  if (/ENCRYPTED/.test(text)) return { refused: 'encrypted' }
  if (privateBlocks.length > 1) return { refused: 'several' }
  const [block] = privateBlocks
  return block ? readPrivate({ key: block.der, format: 'der' }) : { refused: 'unreadable' }
}

function readPrivate({ key, format }: { key: Buffer; format: 'der' }): ReportedKey {
  const privateKey = (['pkcs8', 'pkcs1', 'sec1'] as const).map((type) => attemptKey(() => createPrivateKey({ key, format, type }))).find((found) => found !== null)
  if (!privateKey) return { refused: 'unreadable' }
  const half = attempt(() => publicHalf(createPublicKey(privateKey)))
  if (!half || half.facts.type === 'other' || (half.facts.type === 'rsa' && half.facts.bits > LARGEST_RSA_BITS)) return { refused: 'unreadable' }
  return fits(privateKey) ? { key: half, form: 'private-key' } : { refused: 'private-key-broken' }
}

function attemptKey(read: () => KeyObject): KeyObject | null {
  try {
    return read()
  } catch {
    return null
  }
}

const PROBE = Buffer.from('is this the private half of that public key?')

function fits(privateKey: KeyObject): boolean {
  try {
    const hash = privateKey.asymmetricKeyType === 'ed25519' || privateKey.asymmetricKeyType === 'ed448' ? null : 'sha256'
    return verify(hash, PROBE, createPublicKey(privateKey), sign(hash, PROBE, privateKey))
  } catch {
    return false
  }
}

/**
 * Whether the signature over the text is by this key: RSASSA-PKCS1-v1_5 or ECDSA (DER) with SHA-256, or Ed25519; as octets or base64, as `openssl dgst -sign` and
 * `openssl base64` write it. False for anything else.
 */
export function isSignedBy({ spki, facts }: PublicKey, text: string, signature: Buffer): boolean {
  if (signature.length > REPORTED_KEY_MAX_BYTES || (facts.type === 'rsa' && facts.bits > LARGEST_RSA_BITS)) return false
  const written = decodeBase64(signature.toString('latin1'))
  try {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    return [signature, ...(written ? [written] : [])].some((octets) => verify(facts.type === 'ed25519' ? null : 'sha256', Buffer.from(text), key, octets))
  } catch {
    return false
  }
}
