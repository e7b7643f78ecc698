/** The values of the certificate extensions of RFC 5280 4.2 that this software deals in, read from their DER. Each throws MalformedDer. */
import { type Der, MalformedDer, readDer, TAG } from './der.ts'
import { OID } from './oids.ts'

/** Positions of KeyUsage (RFC 5280 4.2.1.3). */
export const KEY_USAGE = { digitalSignature: 0, contentCommitment: 1, keyEncipherment: 2, dataEncipherment: 3, keyAgreement: 4, keyCertSign: 5, cRLSign: 6, encipherOnly: 7, decipherOnly: 8 } as const

export const readKeyUsage = (value: Uint8Array): number[] => readDer(value).namedBits()

export function readExtendedKeyUsage(value: Uint8Array): string[] {
  return nonEmpty(readDer(value).expect(TAG.sequence, 'extended key usage'), 'extended key usage').map((purpose) => purpose.oid())
}

export interface BasicConstraints {
  readonly cA: boolean
  readonly pathLength: bigint | null
}
export function readBasicConstraints(value: Uint8Array): BasicConstraints {
  const der = readDer(value)
  const fields = der.expect(TAG.sequence, 'basic constraints').children()
  const cA = fields[0]?.tag === TAG.boolean ? fields.shift()!.boolean() : null
  // X.690 11.5: cA has the default FALSE, which is left out.
  if (cA === false) throw new MalformedDer('cA FALSE is written out, which is not DER', der.offset)
  const pathLength = fields[0]?.tag === TAG.integer ? fields.shift()!.integer() : null
  if (fields.length > 0 || (pathLength !== null && pathLength < 0n)) throw new MalformedDer('basic constraints are not well formed', der.offset)
  return { cA: cA ?? false, pathLength }
}

export const readSubjectKeyIdentifier = (value: Uint8Array): Buffer => readDer(value).expect(TAG.octetString, 'subject key identifier').value

export interface AuthorityKeyIdentifier {
  readonly keyIdentifier: Buffer | null
  /** True when the issuer's name and serial number are given beside or instead of the identifier. */
  readonly namesIssuer: boolean
}
export function readAuthorityKeyIdentifier(value: Uint8Array): AuthorityKeyIdentifier {
  const der = readDer(value)
  const fields = der.expect(TAG.sequence, 'authority key identifier').children()
  const keyIdentifier = fields[0]?.tag === 0x80 ? fields.shift()!.value : null
  const issuer = fields[0]?.tag === 0xa1 ? fields.shift() : undefined
  const serial = fields[0]?.tag === 0x82 ? fields.shift() : undefined
  if (fields.length > 0 || (issuer === undefined) !== (serial === undefined)) throw new MalformedDer('authority key identifier is not well formed', der.offset)
  return { keyIdentifier, namesIssuer: issuer !== undefined }
}

/** A GeneralName: its text when it is a URI ([6], IA5String), its tag in any case. */
export interface GeneralName {
  readonly tag: number
  readonly uri: string | null
}
function readGeneralName(der: Der): GeneralName {
  if (der.tag < 0x80 || (der.tag & 0x1f) > 8) throw new MalformedDer('no such kind of general name', der.offset)
  if (der.tag !== 0x86) return { tag: der.tag, uri: null }
  // RFC 5280 4.2.1.6: a URI is an IA5String; control characters and blanks have no place in it.
  if (der.value.some((octet) => octet <= 0x20 || octet >= 0x7f)) throw new MalformedDer('URI holds an octet that is not allowed', der.offset)
  return { tag: der.tag, uri: der.value.toString('latin1') }
}

export interface DistributionPoint {
  readonly fullName: readonly GeneralName[]
  /** True when the point is limited: some reasons only, another CRL issuer, or a name relative to one. */
  readonly limited: boolean
}
export function readCrlDistributionPoints(value: Uint8Array): DistributionPoint[] {
  return nonEmpty(readDer(value).expect(TAG.sequence, 'CRL distribution points'), 'CRL distribution points').map((point) => {
    let fullName: GeneralName[] = []
    let limited = false
    let last = -1
    for (const field of point.expect(TAG.sequence, 'distribution point').children()) {
      const number = field.tag & 0x1f
      if (field.tag < 0x80 || number <= last || number > 2) throw new MalformedDer('distribution point is not well formed', field.offset)
      last = number
      if (field.tag !== 0xa0) {
        limited = true
        continue
      }
      const [name, ...rest] = field.children()
      if (!name || rest.length > 0 || (name.tag !== 0xa0 && name.tag !== 0xa1)) throw new MalformedDer('distribution point name is not well formed', field.offset)
      if (name.tag === 0xa0) fullName = nonEmpty(name, 'distribution point name').map(readGeneralName)
      else limited = true
    }
    return { fullName, limited }
  })
}

export interface AccessDescription {
  readonly method: string
  readonly location: GeneralName
}
export function readAuthorityInfoAccess(value: Uint8Array): AccessDescription[] {
  return nonEmpty(readDer(value).expect(TAG.sequence, 'authority information access'), 'authority information access').map((description) => {
    const [method, location, ...rest] = description.expect(TAG.sequence, 'access description').children()
    if (!method || !location || rest.length > 0) throw new MalformedDer('access description has the wrong number of fields', description.offset)
    return { method: method.oid(), location: readGeneralName(location) }
  })
}

export interface PolicyInformation {
  readonly oid: string
  readonly qualifiers: readonly { readonly oid: string; /** The CPS pointer's URI; null for another qualifier. */ readonly cps: string | null }[]
}
export function readCertificatePolicies(value: Uint8Array): PolicyInformation[] {
  const seen = new Set<string>()
  return nonEmpty(readDer(value).expect(TAG.sequence, 'certificate policies'), 'certificate policies').map((information) => {
    const [policy, qualifiers, ...rest] = information.expect(TAG.sequence, 'policy information').children()
    if (!policy || rest.length > 0) throw new MalformedDer('policy information has the wrong number of fields', information.offset)
    const dotted = policy.oid()
    // RFC 5280 4.2.1.4: no policy identifier more than once.
    if (seen.has(dotted)) throw new MalformedDer(`policy ${dotted} stands twice`, information.offset)
    seen.add(dotted)
    return {
      oid: dotted,
      qualifiers: qualifiers
        ? nonEmpty(qualifiers.expect(TAG.sequence, 'policy qualifiers'), 'policy qualifiers').map((qualifier) => {
            const [type, content, ...more] = qualifier.expect(TAG.sequence, 'policy qualifier').children()
            if (!type || !content || more.length > 0) throw new MalformedDer('policy qualifier has the wrong number of fields', qualifier.offset)
            const qualifierOid = type.oid()
            return { oid: qualifierOid, cps: qualifierOid === OID.cpsQualifier ? content.expect(TAG.ia5String, 'CPS pointer').text() : null }
          })
        : [],
    }
  })
}

function nonEmpty(der: Der, what: string): Der[] {
  const children = der.children()
  if (children.length === 0) throw new MalformedDer(`${what} must not be empty`, der.offset)
  return children
}
