/** A Java archive of one small file, signed (the JAR File Specification, "Signed JAR File"). */
import { createHash } from 'node:crypto'
import { unzipSync, zipSync } from 'fflate'
import { OID } from '../pki/oids.ts'
import { signatureValue, signContent, type SpecimenSigner, TIMESTAMP_ATTRIBUTE, timestampOf, withoutTimestamp, withTimestamp } from './signature.ts'

const [MANIFEST, SIGNATURE_FILE, BLOCK] = ['META-INF/MANIFEST.MF', 'META-INF/EXAMPLE.SF', 'META-INF/EXAMPLE.RSA'] as const
const NAME = 'example.txt'
/** The first moment that a zip archive can name: the same example is the same octets. */
const MTIME = '1980-01-02'

const digest = (octets: string): string => createHash('sha256').update(octets, 'latin1').digest('base64')

/** @param content ASCII */
export async function signedJar(content: string, signer: SpecimenSigner): Promise<Buffer> {
  const section = `Name: ${NAME}\r\nSHA-256-Digest: ${digest(content)}\r\n\r\n`
  const manifest = `Manifest-Version: 1.0\r\n\r\n${section}`
  const signatureFile = `Signature-Version: 1.0\r\nSHA-256-Digest-Manifest: ${digest(manifest)}\r\n\r\nName: ${NAME}\r\nSHA-256-Digest: ${digest(section)}\r\n\r\n`
  const block = await signContent({ type: OID.pkcs7Data, wrapped: null, digested: Buffer.from(signatureFile, 'latin1') }, signer)
  return pack({ [MANIFEST]: Buffer.from(manifest, 'latin1'), [SIGNATURE_FILE]: Buffer.from(signatureFile, 'latin1'), [BLOCK]: block, [NAME]: Buffer.from(content, 'latin1') })
}

/** The signature that a time-stamp is to cover. @param jar one of `signedJar` */
export const jarSignature = (jar: Buffer): Buffer => signatureValue(unpack(jar)[BLOCK]!)

/** @param jar one of `signedJar`, without a time-stamp */
export function stampedJar(jar: Buffer, token: Buffer): Buffer {
  const files = unpack(jar)
  return pack({ ...files, [BLOCK]: withTimestamp(files[BLOCK]!, token, TIMESTAMP_ATTRIBUTE.cms) })
}

/** The token that `stampedJar` put in; null where there is none. */
export const jarTimestamp = (jar: Buffer): Buffer | null => timestampOf(unpack(jar)[BLOCK]!)

/** As `signedJar` made it. */
export function unstampedJar(jar: Buffer): Buffer {
  const files = unpack(jar)
  return pack({ ...files, [BLOCK]: withoutTimestamp(files[BLOCK]!) })
}

const pack = (files: Record<string, Buffer>): Buffer => Buffer.from(zipSync(files, { level: 0, mtime: MTIME }))

const unpack = (jar: Buffer): Record<string, Buffer> => Object.fromEntries(Object.entries(unzipSync(jar)).map(([name, octets]) => [name, Buffer.from(octets)]))
