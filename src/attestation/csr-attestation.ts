/**
 * The attribute id-aa-attestation of a certificate request (draft-ietf-lamps-csr-attestation): an AttestationBundle of statements, each with
 * the object identifier of its type, and certificates beside them. Foreign bytes: limits first, then strict reading. What a statement means is
 * its maker's affair; a type that no maker knows is named and never guessed at.
 */
import { TAG, type Der } from '../pki/der.ts'
import { MalformedStatement, say } from './verifier.ts'

export const ID_AA_ATTESTATION = '1.2.840.113549.1.9.16.2.59'

/** `depth`: levels of values inside one statement. */
export const BUNDLE_LIMITS = { statements: 4, depth: 8 } as const

export interface EmbeddedStatement {
  /** The request's file; null for the certificate request applied with. */
  readonly file: string | null
  /** Object identifier of the statement's type. */
  readonly type: string
  /** The value, DER. */
  readonly stmt: Buffer
}
export interface AttestationBundle {
  readonly statements: readonly EmbeddedStatement[]
  /** DER. */
  readonly certificates: readonly Buffer[]
}

/**
 * The bundle in a request's attributes of this type, `values` being the SET of each; null without any. `extensions` are the object
 * identifiers that the request asks for as extensions: the draft has this one there for CRMF (RFC 4211) alone.
 * @throws MalformedStatement or MalformedDer
 */
export function readAttestationBundle(file: string | null, values: readonly Der[], extensions: readonly string[]): AttestationBundle | null {
  const refuse = (reason: string, more?: Record<string, string>) => new MalformedStatement(file, say(`attestation.malformed.csr-attestation.${reason}`, more))
  if (extensions.includes(ID_AA_ATTESTATION)) throw refuse('as-extension')
  const [set, another] = values
  if (!set) return null
  if (another) throw refuse('twice')
  const [bundle, ...further] = set.expect(TAG.set, 'attribute values').children()
  if (!bundle || further.length > 0) throw refuse('values')
  const [attestations, certs, ...beyond] = membersOf(bundle) ?? []
  const found = attestations && membersOf(attestations)
  if (!found || found.length === 0 || beyond.length > 0) throw refuse('form')
  if (found.length > BUNDLE_LIMITS.statements) throw refuse('too-many', { limit: String(BUNDLE_LIMITS.statements) })
  const statements = found.map((statement) => {
    const members = membersOf(statement) ?? []
    const [type, stmt, ...rest] = members
    // Drafts that called this evidence had a list of bundles, and a text, the hint, beside a statement's content.
    if (type?.tag === TAG.sequence || (members.length === 3 && members.slice(1).some(isText))) throw refuse('older-draft')
    if (type?.tag !== TAG.oid || !stmt || rest.length > 0) throw refuse('form')
    if (depthOf(stmt) > BUNDLE_LIMITS.depth) throw refuse('too-deep', { limit: String(BUNDLE_LIMITS.depth) })
    return { file, type: type.oid(), stmt: Buffer.from(stmt.raw) }
  })
  const certificates = certs === undefined ? [] : membersOf(certs)
  if (!certificates || (certs && certificates.length === 0)) throw refuse('form')
  for (const { tag } of certificates) if (tag !== TAG.sequence) throw refuse(tag === 0xa3 ? 'other-certificate' : 'form')
  return { statements, certificates: certificates.map(({ raw }) => Buffer.from(raw)) }
}

/** The members of a SEQUENCE; null for any other value. */
const membersOf = (value: Der): Der[] | null => (value.tag === TAG.sequence ? value.children() : null)
const isText = ({ tag }: Der): boolean => tag === TAG.ia5String || tag === TAG.utf8String

/**
 * Levels of values inside a value, itself the first; each constructed value on the way must be well formed. Stops one level beyond the limit.
 * @throws MalformedDer
 */
function depthOf(value: Der, level = 1): number {
  if (level > BUNDLE_LIMITS.depth || !value.constructed) return level
  return Math.max(level, ...value.children().map((child) => depthOf(child, level + 1)))
}
