/** A TBSCertificate taken apart into its fields, to be put together again with one of them wrong. Written apart from builder and lints. */
import { boolean, context, octetString, oid, readDer, sequence } from '../../src/pki/der.ts'

export interface ExtensionPart {
  oid: string
  critical: boolean
  value: Buffer
}
export interface TbsParts {
  version: Buffer
  serial: Buffer
  signature: Buffer
  issuer: Buffer
  notBefore: Buffer
  notAfter: Buffer
  subject: Buffer
  spki: Buffer
  /** Fields between key and extensions (unique identifiers). */
  before: Buffer[]
  extensions: ExtensionPart[]
}

export function takeApart(tbs: Buffer): TbsParts {
  const [version, serial, signature, issuer, validity, subject, spki, extensions] = readDer(tbs).children()
  const [notBefore, notAfter] = validity!.children()
  return {
    version: version!.raw,
    serial: serial!.raw,
    signature: signature!.raw,
    issuer: issuer!.raw,
    notBefore: notBefore!.raw,
    notAfter: notAfter!.raw,
    subject: subject!.raw,
    spki: spki!.raw,
    before: [],
    extensions: extensions!
      .children()[0]!
      .children()
      .map((extension) => {
        const fields = extension.children()
        return { oid: fields[0]!.oid(), critical: fields.length === 3, value: fields.at(-1)!.value }
      }),
  }
}

export const putTogether = (parts: TbsParts): Buffer =>
  sequence(
    parts.version,
    parts.serial,
    parts.signature,
    parts.issuer,
    sequence(parts.notBefore, parts.notAfter),
    parts.subject,
    parts.spki,
    ...parts.before,
    context(3, sequence(...parts.extensions.map((extension) => sequence(oid(extension.oid), ...(extension.critical ? [boolean(true)] : []), octetString(extension.value))))),
  )
