/** What the methods of key protection keep in the database, and what they ask of it. */
import type { Application } from '../application/application.ts'
import type { ProtectionStore } from '../application/ports.ts'
import { makersFor, type Maker } from '../attestation/makers.ts'
import type { Challenge, MethodNumber, ProtectionFacts } from '../key-protection/protection.ts'
import type { Policy } from '../policy/policy.ts'
import type { Database, Transaction } from './database.ts'
import { anchorStore } from './anchor-store.ts'
import { readDemoAnchors } from './demo-anchors.ts'
import { findShippedKey, shippedAmong } from './module-store.ts'
import { registered } from './register-store.ts'

type ChallengeRow = { method: number; value: string; issued_at: string; expires_at: string; answered_at: string | null; answered_spki_sha256: string | null }

/** True when the hierarchy is a demo one, as recorded at its creation. */
export async function isDemoHierarchy(db: Database | Transaction): Promise<boolean> {
  const rows: { demo: number }[] = await db('authorities').where('kind', 'issuing').select('demo')
  return rows.length > 0 && rows.every(({ demo }) => Number(demo) === 1)
}

/** Whose keys count beside those that ship. Demo makers are read under a demo hierarchy alone. */
export async function readTrust(db: Database | Transaction, demoHierarchy: boolean): Promise<Pick<ProtectionFacts, 'demoHierarchy' | 'demoAnchors' | 'anchorChanges'>> {
  return { demoHierarchy, demoAnchors: demoHierarchy ? await readDemoAnchors(db) : [], anchorChanges: await anchorStore(db).confirmed() }
}

/** The makers that may be asked, with their keys as they stand now. */
export async function presentMakers(db: Database | Transaction, policy: Pick<Policy, 'attestation'>): Promise<readonly Maker[]> {
  return makersFor(policy, await readTrust(db, await isDemoHierarchy(db)))
}

/** What judging an application's key protection needs to know. Demo makers are read under a demo hierarchy alone. */
async function readProtectionFacts(db: Database | Transaction, application: Asking, demoHierarchy: boolean): Promise<ProtectionFacts> {
  return (await readAllProtectionFacts(db, [application], demoHierarchy))[0]!
}

type Asking = Pick<Application, 'id' | 'organisationId' | 'request'>

/** Likewise for several, in their order: what is the same for all of them is read once. */
export async function readAllProtectionFacts(db: Database | Transaction, applications: readonly Asking[], demoHierarchy: boolean): Promise<readonly ProtectionFacts[]> {
  const challenges: (ChallengeRow & { application_id: string })[] = await db('key_challenges').whereIn('application_id', applications.map(({ id }) => id)).orderBy(['issued_at', 'value'])
  const trust = await readTrust(db, demoHierarchy)
  const keys = applications.flatMap(({ request }) => request?.spkiSha256 ?? [])
  const shipped = keys.length === 0 ? new Set<string>() : await shippedAmong(db, keys)
  const registers = await registered(db)
  const facts: ProtectionFacts[] = []
  for (const { id, request } of applications)
    facts.push({
      ...trust,
      challenges: challenges.filter((row) => row.application_id === id).map(readChallenge),
      shippedKey: request && shipped.has(request.spkiSha256) ? await findShippedKey(db, request.spkiSha256) : null,
      ...registers,
    })
  return facts
}

const readChallenge = (row: ChallengeRow): Challenge => ({
  method: row.method as MethodNumber,
  value: row.value,
  issuedAt: row.issued_at,
  expiresAt: row.expires_at,
  answered: row.answered_at !== null && row.answered_spki_sha256 !== null ? { at: row.answered_at, spkiSha256: row.answered_spki_sha256 } : null,
})

export function protectionStore(db: Database | Transaction, now: Date): ProtectionStore {
  return {
    async facts(application) {
      return readProtectionFacts(db, application, await isDemoHierarchy(db))
    },
    async giveChallenge(applicationId, { method, value, issuedAt, expiresAt }) {
      await db('key_challenges').insert({ value, application_id: applicationId, method, issued_at: issuedAt, expires_at: expiresAt })
    },
    async answerChallenge(applicationId, method, value, spkiSha256) {
      const of = { value, application_id: applicationId, method }
      await db('key_challenges').where(of).whereNull('answered_at').update({ answered_at: now.toISOString(), answered_spki_sha256: spkiSha256 })
      return (await db('key_challenges').where({ ...of, answered_spki_sha256: spkiSha256 }).first('value')) !== undefined
    },
  }
}
