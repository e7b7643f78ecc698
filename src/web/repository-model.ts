/** What the repository's pages show of the hierarchy (REP-1, REP-2). */
import { dueAgainAt, type ShownExample } from '../application/example.ts'
import { caPath, crlPath, OCSP_PATH, TSA_PATH } from '../certificate/addresses.ts'
import { listAuthorities, type Authority } from '../database/authority-store.ts'
import { listCeremonies } from '../database/ceremony-store.ts'
import { latestCrls, readCrl, type CrlRecord } from '../database/crl-store.ts'
import { respondersInForce, type ResponderInForce } from '../database/repository-store.ts'
import { listTimestampCertificates } from '../database/timestamp-store.ts'
import { attributeLabel, type RelativeDistinguishedName } from '../pki/name.ts'
import type { PolicyDocument } from '../policy/policy.ts'
import { revocationOn } from '../repository/authority-revocation.ts'
import type { AuthorityRecord } from '../repository/ccadb.ts'
import { factsOf, type CertificateFacts } from '../repository/certificate-facts.ts'
import { ceremonyOf, readCeremony } from '../repository/key-generation.ts'
import type { Services } from '../services.ts'
import { drawNarrow, drawWide, type PictureNode } from './hierarchy-picture.ts'
import { formatInstant, translate, type Language } from './locales.ts'
import { exampleAddresses } from './pages/examples.ts'

export interface Published {
  readonly authority: Authority
  readonly facts: CertificateFacts
  /** The list in force, and beside it those of the shards, each by its number. */
  readonly lists: readonly CrlRecord[]
  readonly revoked: AuthorityRecord['revoked']
  readonly responders: readonly ResponderInForce[]
  /** Whether the ceremony that made its key is on record. */
  readonly reported: boolean
}
type Units = Awaited<ReturnType<typeof listTimestampCertificates>>

export const documentAddress = (text: Pick<PolicyDocument, 'document' | 'version' | 'language'>): string => `/repository/documents/${text.document}/${encodeURIComponent(text.version)}/${text.language}`
export const pemAddress = (authorityId: string): string => `/repository/authorities/${authorityId}/pem`

/** Every CA of the hierarchy, those of earlier generations included, each with what is published beside it. */
export async function readPublished({ database }: Pick<Services, 'database'>, now: Date): Promise<readonly Published[]> {
  const authorities = await listAuthorities(database)
  const [lists, responders] = [await latestCrls(database), await respondersInForce(database, now)]
  const ceremonies = (await listCeremonies(database)).flatMap((row) => readCeremony(row, 'withheld') ?? [])
  const rootLists = new Map<string, Buffer>()
  // Offline lists are short; an issuing CA's list is never read here.
  for (const { id, kind } of authorities) {
    const own = kind === 'root' && lists.find(({ authorityId }) => authorityId === id)
    if (own) rootLists.set(id, await readCrl(database, own))
  }
  return authorities.map((authority) => {
    const facts = factsOf(authority.certificateDer)
    const parentList = authority.parentId ? rootLists.get(authority.parentId) : undefined
    return {
      authority,
      facts,
      lists: lists.filter(({ authorityId }) => authorityId === authority.id),
      revoked: parentList ? revocationOn(parentList, facts.serial) : null,
      responders: responders.filter(({ authorityId }) => authorityId === authority.id),
      reported: ceremonyOf(ceremonies, authority.key.spkiSha256) !== null,
    }
  })
}

export type Standing = 'in-force' | 'expired' | 'not-yet' | 'revoked'
export const standingOf = ({ facts, revoked }: Pick<Published, 'facts' | 'revoked'>, now: Date): Standing => (revoked ? 'revoked' : now < facts.notBefore ? 'not-yet' : now > facts.notAfter ? 'expired' : 'in-force')
export const STANDING_TAG: Readonly<Record<Standing, 'good' | 'bad' | 'wait' | 'neutral'>> = { 'in-force': 'good', expired: 'neutral', 'not-yet': 'wait', revoked: 'bad' }

/** One attribute a line, so that nothing needs escaping. */
export const linesOf = (name: readonly RelativeDistinguishedName[]): string => name.flat().map(({ oid, text, raw }) => `${attributeLabel(oid)} = ${text ?? `#${raw.toString('hex')}`}`).join('\n')

/** Upper-case hex in pairs, as certificate viewers show it. */
export const pairs = (hex: string): string => hex.toUpperCase().replace(/..(?!$)/g, '$&:')

/** One CA with everything that it publishes. */
export function authorityModel(published: Published, services: Pick<Services, 'config'>, language: Language, now: Date) {
  const { authority, facts, lists, revoked } = published
  const { status } = services.config
  const standing = standingOf(published, now)
  return {
    id: authority.id,
    kind: authority.kind,
    demo: authority.demo,
    standing,
    tag: STANDING_TAG[standing],
    revokedAt: revoked ? formatInstant(language, revoked.at) : null,
    title: facts.commonName ?? authority.id,
    name: linesOf(facts.subject),
    issuer: linesOf(facts.issuer),
    serial: facts.serial,
    from: formatInstant(language, facts.notBefore),
    to: formatInstant(language, facts.notAfter),
    key: facts.key,
    signature: facts.signatureHash?.toUpperCase().replace('SHA', 'SHA-') ?? '–',
    keyIdentifier: facts.subjectKeyIdentifier ? pairs(facts.subjectKeyIdentifier.toString('hex')) : null,
    sha256: pairs(facts.sha256),
    sha1: pairs(facts.sha1),
    certificate: `${status.url}${caPath(authority.id)}`,
    pem: pemAddress(authority.id),
    report: published.reported ? `/repository/key-generation/${authority.id}` : null,
    // Before the first list there is its address already: certificates carry it.
    lists: (lists.some(({ shard }) => shard === 0) ? lists : [null, ...lists]).map((list) => ({
      shard: String(list?.shard ?? 0),
      address: `${status.url}${crlPath(authority.id, list?.shard)}`,
      facts: list && { number: String(list.number), from: formatInstant(language, list.thisUpdate), to: formatInstant(language, list.nextUpdate), entries: list.entries, late: list.nextUpdate < now },
    })),
    // A CA certificate's own status stands in its issuer's list alone (CP 7.1).
    ocsp: authority.kind === 'issuing' ? `${status.url}${OCSP_PATH}` : null,
    // CSBR 6.8: where its units give time-stamps.
    timestamps: authority.kind === 'timestamp-ca' ? `${status.url}${TSA_PATH}` : null,
  }
}

/** An example with what a checker is to see of it; `policy` says when the next one is made. */
export function exampleModel(example: ShownExample, published: readonly Published[], { examples, periods }: Services['policy'], language: Language) {
  const { id, kind, state, pending, authorityId, serial, notBefore, notAfter, revokedAt } = example
  const when = (moment: Date) => formatInstant(language, moment)
  return {
    id,
    kind,
    state,
    pending,
    years: String(periods.statusYearsAfterExpiry),
    authority: published.find(({ authority }) => authority.id === authorityId)?.facts.commonName ?? authorityId,
    serial: serial.toUpperCase(),
    from: when(notBefore),
    to: when(notAfter),
    revokedAt: revokedAt && when(revokedAt),
    again: examples ? when(dueAgainAt(example, examples)) : null,
    files: exampleAddresses(id),
  }
}

/** The hierarchy as trees of words, one for each root. */
export async function hierarchyTrees({ database }: Pick<Services, 'database'>, published: readonly Published[], language: Language, now: Date): Promise<readonly PictureNode[]> {
  const units = published.some(({ authority }) => authority.kind === 'timestamp-ca') ? await listTimestampCertificates(database) : []
  const t = (key: string, values?: Record<string, string>) => translate(language, `repository.${key}`, values)
  const node = (each: Published): PictureNode => {
    const { authority, facts } = each
    const standing = standingOf(each, now)
    return {
      kind: authority.kind === 'root' ? 'root' : 'authority',
      title: facts.commonName ?? authority.id,
      lines: [`${t(`kind.${authority.kind}`)} · ${facts.key}`, t('tree.until', { to: formatInstant(language, facts.notAfter) }), ...(standing === 'in-force' ? [] : [t(`standing.${standing}`)])],
      ended: standing !== 'in-force',
      children: [...published.filter((other) => other.authority.parentId === authority.id).map(node), ...leaves(each)],
    }
  }
  const leaves = ({ authority, responders }: Published): readonly PictureNode[] => {
    const leaf = (title: string, lines: readonly string[], ended = false): PictureNode => ({ kind: 'leaf', title, lines, ended, children: [] })
    if (authority.kind === 'issuing')
      return [leaf(t('tree.subscribers'), []), ...responders.map(({ notAfter, answers }, index) => leaf(t('tree.responder', { number: String(index + 1) }), [t(answers ? 'tree.answers' : 'tree.reserve'), t('tree.until', { to: formatInstant(language, notAfter) })]))]
    return units.filter(({ authorityId }) => authorityId === authority.id).map((unit, index) => leaf(t('tree.unit', { number: String(index + 1) }), [unitLine(unit)], unit.revokedAt !== null || unit.removedAt !== null || now >= unit.useUntil))
  }
  const unitLine = ({ useUntil, revokedAt, removedAt }: Units[number]): string => {
    if (revokedAt) return t('tree.unit-revoked', { at: formatInstant(language, revokedAt) })
    return removedAt ? t('tree.unit-removed', { at: formatInstant(language, removedAt) }) : t(now < useUntil ? 'tree.unit-signs' : 'tree.unit-signed', { to: formatInstant(language, useUntil) })
  }
  return published.filter(({ authority }) => authority.parentId === null).map(node)
}

export const drawTree = (tree: PictureNode) => ({ tree, wide: drawWide(tree), narrow: drawNarrow(tree) })

/** The records of the CA table, each with its issuer's. */
export function authorityRecords(published: readonly Published[], statusUrl: string): readonly AuthorityRecord[] {
  const made = new Map<string, AuthorityRecord>()
  const record = ({ authority, facts, revoked, lists }: Published): AuthorityRecord => {
    const known = made.get(authority.id)
    if (known) return known
    const issuer = published.find((each) => each.authority.id === authority.parentId)
    const address = (shard?: number) => `${statusUrl}${crlPath(authority.id, shard)}`
    // With shards there is no list of everything: the parts together are.
    const parts = lists.some(({ shard }) => shard > 0) ? lists.map(({ shard }) => address(shard)) : []
    const fresh: AuthorityRecord = { facts, revoked, parent: issuer ? record(issuer) : null, fullCrl: parts.length > 0 ? null : address(), partitionedCrls: parts }
    made.set(authority.id, fresh)
    return fresh
  }
  return published.map(record)
}
