/**
 * CAK-1: the making of a hierarchy: keys, root and issuing certificate, the root's CRL, the responder keys that may answer.
 * The only code that touches the root's token. Everything it made commits at once, with its report, or not at all;
 * keys left behind by a ceremony that failed carry its id in their label and are never used.
 */
import { createHash, createPublicKey, randomUUID, verify } from 'node:crypto'
import { audit } from '../audit/audit-log.ts'
import { issuerUrls } from '../certificate/addresses.ts'
import { demoName } from '../certificate/demo-name.ts'
import type { LintFinding } from '../certificate/lints/lint.ts'
import { prepareCertificate } from '../certificate/prepare.ts'
import { assembleCertificate, type Issuer } from '../certificate/profile.ts'
import { addMonths, wholeSecond } from '../certificate/validity.ts'
import { insertAuthority, insertResponderKey, listAuthorities } from '../database/authority-store.ts'
import { encodeName, type NameAttribute } from '../pki/name.ts'
import { readPublicKey } from '../pki/public-key.ts'
import { assembleCertificateList, buildTbsCertList } from '../revocation/crl.ts'
import { enrolmentStatement } from '../revocation/responder-enrolment.ts'
import { statusSince } from '../revocation/retention.ts'
import { StartRefused } from '../start-refused.ts'
import type { Services } from '../services.ts'
import type { Authority, ResponderKey } from '../signer/authority.ts'
import type { GeneratedKeyPair, Signer } from '../signer/signer.ts'

export interface CeremonyPlan {
  /** A hierarchy made unattended is a demo one: its names begin with DEMO and demo evidence is accepted under it alone. */
  readonly demo: boolean
  /** Who was present and confirmed. At least two, unless it is a demo. */
  readonly persons: readonly string[]
  readonly rootId: string
  readonly issuingId: string
  readonly rootName: readonly NameAttribute[]
  readonly issuingName: readonly NameAttribute[]
}

export interface CeremonyTokens {
  readonly root: Signer
  readonly issuing: Signer
  readonly status: Signer
}

/** Nothing was made: somebody did not confirm, a hierarchy stands, or the policy's own facts don't pass the lints. */
export class CeremonyRefused extends StartRefused {}

export function planCeremony(services: Services, { demo, persons }: { demo: boolean; persons: readonly string[] }): CeremonyPlan {
  if (!demo && new Set(persons.map((person) => person.trim().toLowerCase()).filter(Boolean)).size < 2) throw new CeremonyRefused('A ceremony needs at least two different persons (CAK-1; CP 6.2.2)')
  const { names } = services.policy
  return {
    demo,
    persons,
    rootId: 'root-g1',
    issuingId: 'issuing-g1',
    rootName: demo ? demoName(names.root) : names.root,
    issuingName: demo ? demoName(names.issuing) : names.issuing,
  }
}

const STANDS = 'A hierarchy stands already: a ceremony makes the first one only'

/** How many responder keys are enrolled: the present one and its successor. */
const RESPONDER_KEYS = 2

/**
 * Holds the ceremony. `progress` is told of each long step.
 * @throws CeremonyRefused when a hierarchy stands already, or when the policy's own facts don't pass the lints
 */
export async function holdCeremony(services: Services, plan: CeremonyPlan, tokens: CeremonyTokens, progress: (step: string) => void): Promise<readonly Authority[]> {
  const { policy, database, config } = services
  if ((await listAuthorities(database)).length > 0) throw new CeremonyRefused(STANDS)
  const ceremonyId = randomUUID()
  const mark = ceremonyId.slice(0, 8)
  const heldAt = wholeSecond(services.clock())
  const place = { statusUrl: config.status.url, portalUrl: config.portal.url }
  const newId = () => services.random(8).toString('hex')

  progress(`Root key, RSA ${policy.keys.authority.rsaBits}, in token ${tokens.root.tokenLabel}`)
  const rootKey = await tokens.root.generateRsaKeyPair({ label: `${plan.rootId}-${mark}`, id: newId(), bits: policy.keys.authority.rsaBits })
  progress(`Issuing CA key, RSA ${policy.keys.authority.rsaBits}, in token ${tokens.issuing.tokenLabel}`)
  const issuingKey = await tokens.issuing.generateRsaKeyPair({ label: `${plan.issuingId}-${mark}`, id: newId(), bits: policy.keys.authority.rsaBits })
  progress(`OCSP responder keys, RSA ${policy.keys.responder.rsaBits}, in token ${tokens.status.tokenLabel}`)
  const responderKeys: GeneratedKeyPair[] = []
  for (let each = 1; each <= RESPONDER_KEYS; each++) responderKeys.push(await tokens.status.generateRsaKeyPair({ label: `responder-${each}-${mark}`, id: newId(), bits: policy.keys.responder.rsaBits }))

  progress('Certificates and the root’s CRL')
  // The root signs at this deliberate command alone (ISS-4).
  const root = await certify('root', plan.rootId, plan.rootName, rootKey, null)
  const issuing = await certify('issuing', plan.issuingId, plan.issuingName, issuingKey, root)

  const nextUpdate = new Date(addMonths(heldAt, policy.periods.rootCrlValidMonths).getTime() - 1000)
  const tbs = buildTbsCertList({
    issuerNameDer: root.subjectDer,
    authorityKeyIdentifier: readPublicKey(rootKey.spki).keyIdentifier,
    number: 1n,
    thisUpdate: heldAt,
    nextUpdate,
    entries: [],
    expiredCertsOnCrl: statusSince({ caNotBefore: root.notBefore, thisUpdate: heldAt, periods: policy.periods }),
    hash: policy.keys.authority.rootHash,
  })
  const rootCrl = assembleCertificateList(tbs, policy.keys.authority.rootHash, await tokens.root.sign(rootKey.reference, policy.keys.authority.rootHash, tbs))

  const responders: ResponderKey[] = []
  for (const made of responderKeys)
    responders.push({
      id: randomUUID(),
      authorityId: issuing.id,
      key: made.reference,
      spkiDer: made.spki,
      enrolmentSignature: await tokens.issuing.sign(issuingKey.reference, 'sha256', enrolmentStatement(issuing.id, made.reference.spkiSha256)),
    })

  const fingerprint = (der: Buffer) => createHash('sha256').update(der).digest('hex')
  const report = {
    policy: policy.id,
    demo: plan.demo,
    persons: plan.persons,
    keys: [rootKey, issuingKey, ...responderKeys].map((made) => ({ ...made.reference, attributes: made.attributes })),
    certificates: [root, issuing].map((authority) => ({ authority: authority.id, sha256: fingerprint(authority.certificateDer), notBefore: authority.notBefore.toISOString(), notAfter: authority.notAfter.toISOString() })),
    rootCrl: fingerprint(rootCrl),
  }
  const actor = plan.demo ? 'process:set-up' : 'process:ceremony'
  await database.transaction(async (trx) => {
    // Another ceremony may have ended while the keys were made.
    if ((await listAuthorities(trx)).length > 0) throw new CeremonyRefused(STANDS)
    const entry = (event: Parameters<typeof audit>[1]['event'], subject: string, details: Record<string, unknown>) => audit(trx, { at: heldAt, actor, event, subject, details })
    await trx('ceremonies').insert({ id: ceremonyId, kind: 'first-hierarchy', demo: plan.demo ? 1 : 0, persons: JSON.stringify(plan.persons), report: JSON.stringify(report), held_at: heldAt.toISOString() })
    await entry('ceremony.held', `ceremony:${ceremonyId}`, report)
    for (const authority of [root, issuing]) {
      await insertAuthority(trx, authority, ceremonyId, heldAt)
      await entry('authority.created', `authority:${authority.id}`, { demo: authority.demo, certificate: fingerprint(authority.certificateDer), key: authority.key.spkiSha256 })
    }
    for (const responder of responders) {
      await insertResponderKey(trx, responder, heldAt)
      await entry('responder.key-enrolled', `responder:${responder.id}`, { authority: responder.authorityId, key: responder.key.spkiSha256 })
    }
    await trx('crls').insert({ authority_id: root.id, number: 1, this_update: heldAt.toISOString(), next_update: nextUpdate.toISOString(), entries: 0, tbs, der: rootCrl })
    await entry('crl.issued', `authority:${root.id}`, { number: '1', sha256: fingerprint(rootCrl) })
  })
  return [root, issuing]

  async function certify(kind: 'root' | 'issuing', id: string, subject: readonly NameAttribute[], key: GeneratedKeyPair, parent: Authority | null): Promise<Authority> {
    const issuer: Issuer | 'self' = parent ? { nameDer: parent.subjectDer, keyIdentifier: readPublicKey(rootKey.spki).keyIdentifier, notAfter: parent.notAfter } : 'self'
    const outcome = prepareCertificate({ kind, policy, issuer, subject, spki: key.spki, urls: issuerUrls(plan.rootId, place) }, { now: heldAt, randomBytes: services.random })
    if ('refused' in outcome) throw new CeremonyRefused(`The ${kind} certificate that this policy describes breaks its own rules:\n${outcome.refused.map((finding: LintFinding) => `  ${finding.id} (${finding.clause})`).join('\n')}`)
    const { tbs: octets, signatureAlgorithm, hash, notBefore, notAfter } = outcome.prepared.take()
    const signature = await tokens.root.sign(rootKey.reference, hash, octets)
    if (!verify(hash, octets, createPublicKey({ key: rootKey.spki, format: 'der', type: 'spki' }), signature)) throw new CeremonyRefused(`The signature on the ${kind} certificate does not verify`)
    return {
      id,
      kind,
      parentId: parent?.id ?? null,
      demo: plan.demo,
      key: key.reference,
      subjectDer: encodeName(subject),
      certificateDer: assembleCertificate(octets, signatureAlgorithm, signature),
      notBefore,
      notAfter,
    }
  }
}
