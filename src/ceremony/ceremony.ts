/**
 * CAK-1: the making of a hierarchy: keys, root and issuing certificate, the root's CRL, the responder keys that may answer.
 * The only code that touches the root's token. Everything it made commits at once, with its report, or not at all;
 * keys left behind by a ceremony that failed carry its id in their label and are never used.
 */
import { createHash, randomUUID } from 'node:crypto'
import { audit } from '../audit/audit-log.ts'
import { crlPath } from '../certificate/addresses.ts'
import { demoName } from '../certificate/demo-name.ts'
import { timestampPolicy } from '../certificate/profile.ts'
import { wholeSecond } from '../certificate/validity.ts'
import { insertAuthority, insertResponderKey, listAuthorities } from '../database/authority-store.ts'
import { insertCeremony } from '../database/ceremony-store.ts'
import { insertTimestampCertificate } from '../database/timestamp-store.ts'
import { decodeName, displayName, encodeName, type NameAttribute } from '../pki/name.ts'
import { enrolmentStatement } from '../revocation/responder-enrolment.ts'
import type { Services } from '../services.ts'
import type { Authority, ResponderKey } from '../signer/authority.ts'
import type { GeneratedKeyPair, ModuleFacts, Signer } from '../signer/signer.ts'
import { certify, certifyingKey, type CertifyingKey } from './certify.ts'
import { insertOfflineList, offlineListDetails, signOfflineList } from './offline-list.ts'
import { planCode } from './plan.ts'
import { CeremonyRefused, twoPersons } from './refused.ts'
import { certifyTimestampAuthority, certifyTimestampUnit } from './timestamp-unit.ts'

export { CeremonyRefused }

export interface CeremonyPlan {
  /** A hierarchy made unattended is a demo one: its names begin with DEMO and demo evidence is accepted under it alone. */
  readonly demo: boolean
  /** Who was present and confirmed. At least two, unless it is a demo. */
  readonly persons: readonly string[]
  readonly rootId: string
  readonly issuingId: string
  /** Null where the policy has no time-stamps. */
  readonly timestampId: string | null
  readonly rootName: readonly NameAttribute[]
  readonly issuingName: readonly NameAttribute[]
  /** The key generation script (CSBR 6.1.1.1), line by line, for the persons to read and for the report. */
  readonly lines: readonly string[]
}

/** A token as a ceremony needs it: it tells what module it is. */
export type CeremonySigner = Signer & { describe(): Promise<ModuleFacts> }

export interface CeremonyTokens {
  readonly root: CeremonySigner
  readonly issuing: CeremonySigner
  readonly status: CeremonySigner
}

export function planCeremony(services: Services, { demo, persons }: { demo: boolean; persons: readonly string[] }): CeremonyPlan {
  if (!demo) twoPersons(persons)
  const { names, timestamp } = services.policy
  const named = (name: readonly NameAttribute[]) => (demo ? demoName(name) : name)
  const plan = { demo, persons, rootId: 'root-g1', issuingId: 'issuing-g1', timestampId: timestamp ? 'timestamp-g1' : null, rootName: named(names.root), issuingName: named(names.issuing) }
  return { ...plan, lines: scriptOf(services, plan, timestamp ? named(timestamp.names.authority) : null) }
}

function scriptOf({ policy, config }: Services, plan: Omit<CeremonyPlan, 'lines'>, timestampName: readonly NameAttribute[] | null): readonly string[] {
  const name = (attributes: readonly NameAttribute[]) => displayName(decodeName(encodeName(attributes)))
  return [
    `Policy            ${policy.id}`,
    `Root              ${name(plan.rootName)}`,
    `                  RSA ${policy.keys.authority.rsaBits}, ${policy.periods.rootYears} years`,
    `Issuing CA        ${name(plan.issuingName)}`,
    `                  RSA ${policy.keys.authority.rsaBits}, ${policy.periods.issuingYears} years`,
    `Responder keys    RSA ${policy.keys.responder.rsaBits}`,
    ...(policy.timestamp && timestampName
      ? [
          `Time-stamp CA     ${name(timestampName)}`,
          `                  RSA ${policy.keys.authority.rsaBits}, ${policy.timestamp.periods.authorityYears} years, offline with the root`,
          `Time-stamp key    RSA ${policy.timestamp.keys.rsaBits}, used ${policy.timestamp.periods.keyUseMonths} months`,
        ]
      : []),
    `Addresses         ${config.status.url} (status), ${config.portal.url}/repository`,
  ]
}

const STANDS = 'A hierarchy stands already: a ceremony makes the first one only'

/** How many responder keys are enrolled: the present one and its successor. */
const RESPONDER_KEYS = 2

/**
 * Holds the ceremony. `progress` is told of each long step.
 * @throws CeremonyRefused when a hierarchy stands already, or when the policy's own facts don't pass the lints
 */
export async function holdCeremony(services: Services, plan: CeremonyPlan, tokens: CeremonyTokens, progress: (step: string) => void): Promise<readonly Authority[]> {
  const { policy, database } = services
  if ((await listAuthorities(database)).length > 0) throw new CeremonyRefused(STANDS)
  const ceremonyId = randomUUID()
  const mark = ceremonyId.slice(0, 8)
  const heldAt = wholeSecond(services.clock())
  const newId = () => services.random(8).toString('hex')

  progress(`Root key, RSA ${policy.keys.authority.rsaBits}, in token ${tokens.root.tokenLabel}`)
  const rootKey = await tokens.root.generateRsaKeyPair({ label: `${plan.rootId}-${mark}`, id: newId(), bits: policy.keys.authority.rsaBits })
  progress(`Issuing CA key, RSA ${policy.keys.authority.rsaBits}, in token ${tokens.issuing.tokenLabel}`)
  const issuingKey = await tokens.issuing.generateRsaKeyPair({ label: `${plan.issuingId}-${mark}`, id: newId(), bits: policy.keys.authority.rsaBits })
  progress(`OCSP responder keys, RSA ${policy.keys.responder.rsaBits}, in token ${tokens.status.tokenLabel}`)
  const responderKeys: GeneratedKeyPair[] = []
  for (let each = 1; each <= RESPONDER_KEYS; each++) responderKeys.push(await tokens.status.generateRsaKeyPair({ label: `responder-${each}-${mark}`, id: newId(), bits: policy.keys.responder.rsaBits }))
  const timestampKeys = plan.timestampId === null ? null : await generateTimestampKeys(plan.timestampId)

  progress('Certificates and the offline CAs’ revocation lists')
  // The root signs at this deliberate command alone (ISS-4).
  const rootSigns: CertifyingKey = { id: plan.rootId, token: tokens.root, key: rootKey.reference, spki: rootKey.spki, certificate: null }
  const root = await authority('root', plan.rootId, plan.rootName, rootKey, rootSigns, null)
  const byRoot = certifyingKey(root, tokens.root)
  const issuing = await authority('issuing', plan.issuingId, plan.issuingName, issuingKey, byRoot, root)
  const timestamps = timestampKeys && (await certifyTimestamps(timestampKeys))

  const responders: ResponderKey[] = []
  for (const made of responderKeys)
    responders.push({
      id: randomUUID(),
      authorityId: issuing.id,
      key: made.reference,
      spkiDer: made.spki,
      enrolmentSignature: await tokens.issuing.sign(issuingKey.reference, 'sha256', enrolmentStatement(issuing.id, made.reference.spkiSha256)),
    })

  const modules = [await tokens.root.describe(), await tokens.issuing.describe(), await tokens.status.describe()]
  const authorities = [root, issuing, ...(timestamps ? [timestamps.authority] : [])]
  const fingerprint = (der: Buffer) => createHash('sha256').update(der).digest('hex')
  const report = {
    policy: policy.id,
    demo: plan.demo,
    persons: plan.persons,
    plan: { lines: plan.lines, code: planCode(plan.lines, plan.persons) },
    modules,
    keys: [rootKey, issuingKey, ...responderKeys, ...(timestampKeys ? [timestampKeys.authority, timestampKeys.unit] : [])].map((made) => ({ ...made.reference, attributes: made.attributes })),
    certificates: authorities.map((authority) => ({ authority: authority.id, sha256: fingerprint(authority.certificateDer), notBefore: authority.notBefore.toISOString(), notAfter: authority.notAfter.toISOString() })),
    ...(timestamps ? { timestampCertificate: fingerprint(timestamps.unit.der) } : {}),
  }
  const actor = plan.demo ? 'process:set-up' : 'process:ceremony'
  await database.transaction(async (trx) => {
    // Another ceremony may have ended while the keys were made.
    if ((await listAuthorities(trx)).length > 0) throw new CeremonyRefused(STANDS)
    const entry = (event: Parameters<typeof audit>[1]['event'], subject: string, details: Record<string, unknown>) => audit(trx, { at: heldAt, actor, event, subject, details })
    await insertCeremony(trx, { id: ceremonyId, kind: 'first-hierarchy', demo: plan.demo, persons: plan.persons, report, heldAt })
    await entry('ceremony.held', `ceremony:${ceremonyId}`, report)
    for (const authority of authorities) {
      await insertAuthority(trx, authority, ceremonyId, heldAt)
      await entry('authority.created', `authority:${authority.id}`, { demo: authority.demo, certificate: fingerprint(authority.certificateDer), key: authority.key.spkiSha256 })
    }
    for (const responder of responders) {
      await insertResponderKey(trx, responder, heldAt)
      await entry('responder.key-enrolled', `responder:${responder.id}`, { authority: responder.authorityId, key: responder.key.spkiSha256 })
    }
    if (timestamps) {
      await insertTimestampCertificate(trx, timestamps.unit, ceremonyId, heldAt)
      await entry('timestamp.certificate-issued', `timestamp:${timestamps.unit.id}`, { authority: timestamps.authority.id, certificate: fingerprint(timestamps.unit.der), key: timestamps.unit.key.spkiSha256, useUntil: timestamps.unit.useUntil.toISOString() })
    }
    for (const offline of [root, ...(timestamps ? [timestamps.authority] : [])]) {
      const list = await signOfflineList(trx, policy, offline, certifyingKey(offline, tokens.root), heldAt)
      await insertOfflineList(trx, offline.id, list, services.config.status.url + crlPath(offline.id))
      await entry('crl.issued', `authority:${offline.id}`, offlineListDetails(list))
    }
  })
  return authorities

  async function authority(kind: 'root' | 'issuing', id: string, subject: readonly NameAttribute[], key: GeneratedKeyPair, by: CertifyingKey, parent: Authority | null): Promise<Authority> {
    const { der, notBefore, notAfter } = await certify(services, kind, subject, key, by, heldAt)
    return { id, kind, parentId: parent?.id ?? null, demo: plan.demo, key: key.reference, subjectDer: encodeName(subject), certificateDer: der, notBefore, notAfter }
  }

  async function generateTimestampKeys(id: string) {
    const unitBits = timestampPolicy(policy).keys.rsaBits
    progress(`Time-stamp CA key, RSA ${policy.keys.authority.rsaBits}, in token ${tokens.root.tokenLabel}`)
    const authority = await tokens.root.generateRsaKeyPair({ label: `${id}-${mark}`, id: newId(), bits: policy.keys.authority.rsaBits })
    progress(`Time-stamp key, RSA ${unitBits}, in token ${tokens.status.tokenLabel}`)
    return { id, authority, unit: await tokens.status.generateRsaKeyPair({ label: `timestamp-${mark}`, id: newId(), bits: unitBits }) }
  }

  async function certifyTimestamps({ id, authority: authorityKey, unit: unitKey }: { id: string; authority: GeneratedKeyPair; unit: GeneratedKeyPair }) {
    const made = await certifyTimestampAuthority(services, id, authorityKey, root, byRoot, heldAt)
    return { authority: made, unit: await certifyTimestampUnit(services, unitKey, made, certifyingKey(made, tokens.root), heldAt) }
  }
}
