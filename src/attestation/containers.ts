/**
 * What files come wrapped in: gzip, zip, and PKCS#7 bags of certificates. Unwraps and judges nothing.
 * Foreign bytes: what comes out is bounded before it is made, so that a small file cannot become a large one.
 */
import { gunzipSync } from 'node:zlib'
import { unzipSync } from 'fflate'
import { Der, MalformedDer, TAG } from '../pki/der.ts'
import { MalformedStatement, say } from './verifier.ts'

export interface NamedBytes {
  readonly name: string
  readonly bytes: Buffer
}

/** What may still come out of the archives of one upload, together. */
export interface UnpackBudget {
  bytes: number
  files: number
}

/** With the method, deflate, the only one that RFC 1952 2.3.1 names: a signature may well begin with the two octets of the mark. */
const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8
/** A local file header, or the end of an archive without any. */
const isZip = (bytes: Buffer): boolean => bytes.length >= 4 && (bytes.readUInt32BE(0) === 0x504b0304 || bytes.readUInt32BE(0) === 0x504b0506)

/**
 * The files that an uploaded file stands for: itself, or what is in it. A zip may hold gzip files; deeper nesting is refused.
 * @throws MalformedStatement when an archive is damaged or nested, or more than the budget comes out
 */
export function unpack(file: NamedBytes, budget: UnpackBudget): NamedBytes[] {
  if (isGzip(file.bytes)) return [plain({ name: file.name, bytes: gunzip(file, budget) }, file.name)]
  if (!isZip(file.bytes)) return [file]
  return unzip(file, budget).map((entry) => (isGzip(entry.bytes) ? plain({ name: entry.name, bytes: gunzip(entry, budget) }, file.name) : plain(entry, file.name)))
}

function plain(file: NamedBytes, archive: string): NamedBytes {
  if (isGzip(file.bytes) || isZip(file.bytes)) throw new MalformedStatement(archive, say('attestation.malformed.nested-archive'))
  return file
}

const tooMuch = (file: string): MalformedStatement => new MalformedStatement(file, say('attestation.malformed.unpacked-too-large', { limit: '64 KiB' }))

function gunzip(file: NamedBytes, budget: UnpackBudget): Buffer {
  let opened: { buffer: Buffer; engine: { bytesWritten: number } }
  try {
    opened = gunzipSync(file.bytes, { maxOutputLength: Math.max(budget.bytes, 1), info: true } as object) as unknown as typeof opened
  } catch (error) {
    throw (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE' ? tooMuch(file.name) : new MalformedStatement(file.name, say('attestation.malformed.gzip'))
  }
  budget.bytes -= opened.buffer.length
  if (budget.bytes < 0) throw tooMuch(file.name)
  // zlib passes over what follows the last member; here every octet is accounted for.
  if (opened.engine.bytesWritten !== file.bytes.length) throw new MalformedStatement(file.name, say('attestation.malformed.gzip'))
  return opened.buffer
}

/** The last part of a path, for showing: no path of an archive is ever used as one. */
const baseName = (path: string): string => (path.split(/[/\\]/).at(-1) ?? '').replace(/\p{C}/gu, '').slice(-100) || '?'
/** What Windows and macOS put into archives beside the files that a person chose. */
const isClutter = (path: string): boolean => path.endsWith('/') || path.startsWith('__MACOSX/') || /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini)$/.test(path)

function unzip(file: NamedBytes, budget: UnpackBudget): NamedBytes[] {
  const taken: string[] = []
  let entries: Record<string, Uint8Array>
  try {
    entries = unzipSync(file.bytes, {
      // Asked before an entry is unpacked. fflate never writes more than the size that an entry claims here.
      filter: ({ name, size, originalSize }) => {
        if (isClutter(name)) return false
        taken.push(name)
        budget.files--
        budget.bytes -= Math.max(size, originalSize)
        if (budget.files < 0) throw new MalformedStatement(file.name, say('attestation.malformed.too-many-files', { limit: '16' }))
        if (!(budget.bytes >= 0)) throw tooMuch(file.name)
        return true
      },
    })
  } catch (error) {
    throw MalformedStatement.is(error) ? error : new MalformedStatement(file.name, say('attestation.malformed.zip'))
  }
  // Two entries of one name would leave it open which is meant.
  if (new Set(taken).size !== taken.length || Object.keys(entries).length !== taken.length) throw new MalformedStatement(file.name, say('attestation.malformed.zip'))
  return taken.map((name) => ({ name: `${file.name}: ${baseName(name)}`, bytes: Buffer.from(entries[name]!) }))
}

const SIGNED_DATA = '1.2.840.113549.1.7.2'
const DATA = '1.2.840.113549.1.7.1'

/** Whether a DER value is a ContentInfo of PKCS#7 (RFC 2315 7), whatever is in it. */
export function isContentInfo(root: Der): boolean {
  const first = root.tag === TAG.sequence ? root.children()[0] : undefined
  return first?.tag === TAG.oid && first.oid() === SIGNED_DATA
}

/**
 * The certificates of a PKCS#7 SignedData that signs nothing (RFC 2315 9.1, "degenerate"), in the order in which they stand.
 * A bag with signers or content would have to be verified, and no maker's evidence is one.
 * @throws MalformedStatement or MalformedDer
 */
export function bagCertificates(file: string, root: Der): Buffer[] {
  const refuse = new MalformedStatement(file, say('attestation.malformed.pkcs7'))
  const [, wrapped, ...rest] = root.expect(TAG.sequence).children()
  const [signed, ...others] = wrapped?.expect(0xa0, 'PKCS#7 content').children() ?? []
  if (!signed || rest.length > 0 || others.length > 0) throw new MalformedDer('PKCS#7 is not well formed', 0)
  const [version, algorithms, content, ...parts] = signed.expect(TAG.sequence, 'signed data').children()
  if (!version || !algorithms || !content) throw new MalformedDer('signed data lacks a member', signed.offset)
  version.integer()
  const [type, ...inside] = content.expect(TAG.sequence, 'content').children()
  if (algorithms.expect(TAG.set, 'digest algorithms').value.length > 0 || type?.oid() !== DATA || inside.length > 0) throw refuse
  const [certificates, lists, signers, ...beyond] = parts[1]?.tag === 0xa1 ? parts : [parts[0], undefined, ...parts.slice(1)]
  // Some tools write an empty list of CRLs; a CRL in it would be one more thing to judge.
  if (!certificates || beyond.length > 0 || (lists && lists.value.length > 0)) throw refuse
  if (signers && signers.expect(TAG.set, 'signers').value.length > 0) throw refuse
  const found = certificates.expect(0xa0, 'certificates').children()
  if (found.length === 0) throw refuse
  return found.map((certificate) => Buffer.from(certificate.expect(TAG.sequence, 'certificate').raw))
}
