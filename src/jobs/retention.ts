/**
 * The end of an entry: ten years past the certificate's expiry it may go from the lists, by a run that is on record with what it dropped and in no
 * other way (CRL-3; CSBR 7.2). Database and OCSP answers keep the revocation for ever.
 */
import { createHash, randomUUID } from 'node:crypto'
import { audit } from '../audit/audit-log.ts'
import { readDetails } from '../audit/details.ts'
import type { Database, Transaction } from '../database/database.ts'
import { beginRun, endedRevoked, markDropped, runsOf, serialsOfRun, type RetentionRun } from '../database/retention-store.ts'
import { MalformedDer } from '../pki/der.ts'
import { readCertificate, readTbsCertificate } from '../pki/x509-certificate.ts'
import type { Policy } from '../policy/policy.ts'
import { mustStayOnList, statusSince } from '../revocation/retention.ts'
import type { Services } from '../services.ts'
import { CA_ACTOR } from './actor.ts'
import type { SigningAuthority } from './issuing-authority.ts'

/** Certificates a run: its transaction stays short, and what is left has the next. */
const AT_ONCE = 2000

const digestOf = (serials: readonly string[]): string => createHash('sha256').update([...serials].sort().join('\n')).digest('hex')
const subjectOf = (id: string): string => `retention:${id}`

/** When the certificate itself says that it ends; null when its octets can't be read. */
function endOf({ der, tbs }: { readonly der: Buffer | null; readonly tbs: Buffer }): Date | null {
  try {
    return (der ? readCertificate(der).tbs : readTbsCertificate(tbs)).notAfter.date
  } catch (error) {
    if (MalformedDer.is(error)) return null
    throw error
  }
}

/**
 * Drops what an authority need list no more, in runs until nothing is left.
 * @returns how many entries were dropped
 */
export async function runRetention({ database, policy, clock }: Pick<Services, 'database' | 'policy' | 'clock'>, authority: Pick<SigningAuthority, 'id'>, atOnce = AT_ONCE): Promise<number> {
  let [total, passed] = [0, 0]
  for (;;) {
    const { found, over, dropped } = await database.transaction((trx) => run(trx, policy, authority.id, clock(), atOnce, passed))
    total += dropped
    if (found < atOnce) return total
    // Rows that their certificates belie stay in front of the others.
    passed += found - over
  }
}

async function run(trx: Transaction, policy: Policy, authorityId: string, now: Date, atOnce: number, passed: number): Promise<{ readonly found: number; readonly over: number; readonly dropped: number }> {
  const endedBefore = statusSince({ caNotBefore: new Date(-8.64e15), thisUpdate: now, periods: policy.periods })
  const found = await endedRevoked(trx, authorityId, endedBefore, atOnce, passed)
  // Its row may say another end than the certificate: what counts is what relying parties have.
  const over = found.filter((each) => {
    const end = endOf(each)
    return end !== null && !mustStayOnList(end, now, policy.periods)
  })
  const counts = { found: found.length, over: over.length }
  if (over.length === 0) return { ...counts, dropped: 0 }
  const id = randomUUID()
  await beginRun(trx, { id, authorityId, ranAt: now, endedBefore })
  const serials = await markDropped(trx, id, over.map(({ certificateId }) => certificateId))
  const sorted = [...serials].sort()
  const details = { authority: authorityId, endedBefore: endedBefore.toISOString(), dropped: serials.length, first: sorted[0] ?? null, last: sorted.at(-1) ?? null, sha256: digestOf(serials) }
  await audit(trx, { at: now, actor: CA_ACTOR, event: 'crl.retention-run', subject: subjectOf(id), details })
  return { ...counts, dropped: serials.length }
}

/**
 * Which of these serial numbers a recorded run dropped: its entry stands in the audit log and names exactly what the rows name, and each
 * certificate's own octets say that its time was over when the run was made. What is not proven stays on its list.
 */
export async function provenDrops(db: Database, { id: authorityId }: Pick<SigningAuthority, 'id'>, serials: readonly string[], periods: Policy['periods']): Promise<ReadonlySet<string>> {
  const proven = new Set<string>()
  if (serials.length === 0) return proven
  const wanted = new Set(serials)
  for (const run of await runsOf(db, authorityId, serials)) {
    const rows = await serialsOfRun(db, run.id)
    if (!(await isOnLog(db, run, rows.map(({ serial }) => serial)))) continue
    for (const row of rows) {
      const end = endOf(row)
      if (wanted.has(row.serial) && end && !mustStayOnList(end, run.ranAt, periods)) proven.add(row.serial)
    }
  }
  return proven
}

async function isOnLog(db: Database, { id, authorityId }: RetentionRun, serials: readonly string[]): Promise<boolean> {
  const entries: readonly string[] = await db('audit_events').where({ event: 'crl.retention-run', subject: subjectOf(id) }).pluck('details')
  const sha256 = digestOf(serials)
  return entries.map(readDetails).some((said) => said['authority'] === authorityId && said['dropped'] === serials.length && said['sha256'] === sha256)
}
