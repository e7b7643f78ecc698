/** Time-stamps as `status` gives them: the units of this token, the clock of this machine, the audit log, put together. */
import { performance } from 'node:perf_hooks'
import { audit, lastEntry } from './audit/audit-log.ts'
import type { AuditEventName } from './audit/events.ts'
import { TSA_PATH } from './certificate/addresses.ts'
import { keptTime, lastSeenPath } from './clock/kept-time.ts'
import { systemClock } from './clock/system-clock.ts'
import { latestCrl } from './database/crl-store.ts'
import { lastTokenTime, listTimestampCertificates, tokenRecorder } from './database/timestamp-store.ts'
import { lastingFaults, tellFault } from './fault.ts'
import { every, log } from './process.ts'
import type { IssuedBy } from './revocation/issued-certificate.ts'
import type { Services } from './services.ts'
import type { Authority } from './signer/authority.ts'
import type { Signer } from './signer/signer.ts'
import { type ClockNote, type ClockSource, watchClock } from './timestamp/clock-watch.ts'
import { createTimestampAuthority, type StampRequest } from './timestamp/timestamp-authority.ts'
import { readUnit, type TimestampUnit, unitAt } from './timestamp/unit.ts'

export interface Timestamps {
  readonly respond: StampRequest
  /** One line for who starts the process. */
  readonly ready: string
  /** How many requests were answered since the start, by outcome. */
  readonly answered: ReadonlyMap<string, number>
  /** Why the clock may not be stamped with; null when it may. */
  clockDoubt(): string | null
  stop(): Promise<void>
}

const ACTOR = 'process:status'
/** How soon a key made in a ceremony signs, and one that was revoked or removed no longer does. */
const UNITS_MS = 5_000
/** CSBR 5.4.1.2 (4): how many requests were answered, and how. Each token is on record by itself. */
const TALLY_MS = 3_600_000
const NOTICE_MS = 6 * 3_600_000
const DAY_MS = 86_400_000

/** Two looks at one adjustment of the clock, by two workers, differ by less than this share of what counts as one. */
const SAME_STEP = 0.5

/**
 * Begins to give time-stamps. Each worker looks at the clock for itself, since each stamps for itself; what the workers of a node find alike stands on
 * the audit log once.
 * @param authorities the hierarchy as it stands now, and what its authorities signed
 * @returns the way to add them, in one line, where the policy or the hierarchy has none
 */
export async function openTimestamps(
  services: Services,
  { signer, authorities, issuedBy, source = systemClock() }: { signer: Pick<Signer, 'sign' | 'tokenLabel'>; authorities(): readonly Authority[]; issuedBy: IssuedBy; source?: ClockSource },
): Promise<Timestamps | { readonly none: string }> {
  const { policy: { timestamp: policy }, database, clock, random } = services
  const timestampAuthorities = () => authorities().filter(({ kind }) => kind === 'timestamp-ca')
  const own = timestampAuthorities()
  if (!policy) return { none: 'Time-stamps  none: the policy has no "timestamp" part' }
  if (own.length === 0) return { none: 'Time-stamps  none in this hierarchy: add them with  npm run ceremony -- add-timestamps' }
  const demo = own.every((each) => each.demo)
  // CSBR 5.4.1.2: of this node, whichever of its workers writes.
  const subject = `node:${services.config.node}`
  type Entry = NonNullable<Awaited<ReturnType<typeof lastEntry>>>
  /** Unless the last of these events of this node says the same. */
  const noteChange = (events: readonly AuditEventName[], event: AuditEventName, details: Readonly<Record<string, unknown>>, isSame: (last: Entry) => boolean) =>
    database.transaction(async (trx) => {
      const last = await lastEntry(trx, subject, events)
      if (!last || last.event !== event || !isSame(last)) await audit(trx, { at: clock(), actor: ACTOR, event, subject, details })
    })
  const toBeSaid = lastingFaults(() => performance.now())
  const fault = (error: unknown) => {
    const message = tellFault(error)
    if (toBeSaid(message)) log({ level: 'error', job: 'timestamps', error: message })
  }

  const refused = new Set<string>()
  let units: readonly TimestampUnit[] = []
  let signing: string | null = null
  async function readUnits(): Promise<void> {
    const found: TimestampUnit[] = []
    for (const record of await listTimestampCertificates(database)) {
      if (record.revokedAt || record.removedAt || record.key.tokenLabel !== signer.tokenLabel) continue
      const authority = timestampAuthorities().find(({ id }) => id === record.authorityId)
      // A row is somebody's word; what the authority signed is its own.
      const unit = authority && issuedBy(authority.id, record.serial, record.der) ? readUnit(record, authority.certificateDer, policy!) : { refused: 'its CA did not sign this certificate' }
      if (!('refused' in unit)) found.push(unit)
      else if (!refused.has(record.id)) {
        refused.add(record.id)
        log({ level: 'alert', job: 'timestamps', certificate: record.id, refused: unit.refused })
      }
    }
    units = found
    const inForce = unitAt(units, clock())
    const hash = inForce?.signer.hash ?? null
    const now = JSON.stringify([inForce?.certificateId ?? null, hash])
    if (now === signing) return
    // CSBR 6.8: any change of the signing process; 5.4.1.2 (2): how it was configured.
    const details = { certificate: inForce?.certificateId ?? null, key: inForce?.key.spkiSha256 ?? null, digest: hash, useUntil: inForce?.useUntil.toISOString() ?? null, policy: policy!.policyOids.token, accuracySeconds: policy!.accuracySeconds, imprints: policy!.imprints, clock: policy!.clock }
    await noteChange(['timestamp.signing-changed'], 'timestamp.signing-changed', details, (last) => JSON.stringify(last.details) === JSON.stringify(details))
    signing = now
  }

  /** CSBR 6.8: adjustments, and whether the clock is sure. */
  const noteClock = ({ event, details }: ClockNote) => {
    if (event !== 'timestamp.clock-adjusted') return noteChange(['timestamp.clock-unsure', 'timestamp.clock-sure'], event, details, (last) => event === 'timestamp.clock-sure' || last.details['doubt'] === details.doubt)
    const { checkSeconds, stepMilliseconds } = policy.clock
    const sameStep = ({ at, details: { milliseconds } }: Entry) => Math.abs(clock().getTime() - at.getTime()) < 2 * checkSeconds * 1000 && typeof milliseconds === 'number' && Math.abs(milliseconds - details.milliseconds) < SAME_STEP * stepMilliseconds
    return noteChange([event], event, details, sameStep)
  }

  let doubted = false
  let toldAhead: string | null = null
  // What this node itself last saw no other writes: a clock that went back by less than the database tolerates shows here.
  const kept = keptTime(lastSeenPath(services.config.dataDir, 'status'))
  const watch = watchClock({
    rules: policy.clock,
    demo,
    clock,
    monotonic: () => performance.now(),
    source,
    async lastToken() {
      const { at, ahead } = await lastTokenTime(database, 2 * policy.clock.maximumErrorMilliseconds)
      const says = ahead?.toISOString() ?? null
      if (says !== null && says !== toldAhead) log({ level: 'alert', job: 'timestamps', refused: `a token of ${says} is ahead of the database's clock`, means: 'the clock of another node is wrong, or the row is false: nothing stops for it' })
      toldAhead = says
      const known = [at, await kept.read()].filter((each) => each !== null)
      return known.length === 0 ? null : new Date(Math.max(...known.map(Number)))
    },
    async note({ event, details }) {
      await noteClock({ event, details } as ClockNote)
      // At the start `ready` says it.
      if (event !== 'timestamp.clock-sure' || doubted) log({ level: event === 'timestamp.clock-sure' ? 'info' : 'alert', event, ...details })
      doubted = event !== 'timestamp.clock-sure'
    },
  })

  const answered = new Map<string, number>()
  let tallied: ReadonlyMap<string, number> = new Map()
  async function writeTally(): Promise<void> {
    const counted = new Map(answered)
    const details = Object.fromEntries([...counted].map(([outcome, count]) => [outcome, count - (tallied.get(outcome) ?? 0)] as const).filter(([, count]) => count > 0))
    if (Object.keys(details).length === 0) return
    await database.transaction((trx) => audit(trx, { at: clock(), actor: ACTOR, event: 'timestamp.answered', subject, details }))
    tallied = counted
  }

  /** Before it is too late for a ceremony: the key's end, the list's end, a key that is still there. */
  async function giveNotice(): Promise<void> {
    const now = clock()
    const soon = (end: Date) => end.getTime() - now.getTime() < policy!.periods.noticeDays * DAY_MS
    const tell = (what: Record<string, unknown>) => log({ level: 'alert', job: 'timestamps', ...what })
    const inForce = unitAt(units, now)
    if (!inForce) tell({ needs: 'no time-stamping key is in force: npm run ceremony -- change-timestamp-key (CSBR 6.3.2)' })
    else if (soon(inForce.useUntil)) tell({ until: inForce.useUntil.toISOString(), needs: 'the time-stamping key ends: npm run ceremony -- change-timestamp-key (CSBR 6.3.2)' })
    for (const { id } of authorities().filter(({ kind }) => kind !== 'issuing')) {
      const list = await latestCrl(database, id)
      if (!list || soon(list.nextUpdate)) tell({ authority: id, until: list?.nextUpdate.toISOString() ?? null, needs: 'its revocation list ends: npm run ceremony -- renew-lists (CSBR 4.9.7)' })
    }
    for (const { serial, removedAt, removeBy, key, useUntil } of await listTimestampCertificates(database))
      if (!removedAt && useUntil <= now && key.tokenLabel === signer.tokenLabel && soon(removeBy)) tell({ serial, by: removeBy.toISOString(), needs: `its key must go: npm run ceremony -- remove-timestamp-key ${serial} (CSBR 6.3.2)` })
  }

  await readUnits()
  await watch.check().catch(fault)
  const jobs = [
    every(UNITS_MS, 'timestamp-units', readUnits),
    every(policy.clock.checkSeconds * 1000, 'timestamp-clock', () => watch.check()),
    every(NOTICE_MS, 'timestamp-notice', giveNotice),
    every(TALLY_MS, 'timestamp-tally', writeTally),
  ]
  const respond = createTimestampAuthority({
    policy,
    signer,
    clock: watch,
    randomBytes: random,
    unitAt: (at) => unitAt(units, at),
    record: tokenRecorder(database),
    answered(outcome) {
      answered.set(outcome, (answered.get(outcome) ?? 0) + 1)
    },
    fault,
  })
  const state = watch.now()
  const clockWords = watch.says().startsWith('unreadable') && !('unsure' in state) ? `${watch.says()}; a demo hierarchy stamps all the same` : watch.says()
  return {
    respond,
    answered,
    clockDoubt() {
      const now = watch.now()
      return 'unsure' in now ? now.unsure : null
    },
    ready: 'unsure' in state ? `Time-stamps  none while the clock is not sure (${state.unsure}; ${clockWords})` : `Time-stamps  ${services.config.status.url}${TSA_PATH} (clock ${clockWords})`,
    async stop() {
      for (const job of jobs) await job.stop()
      await writeTally()
    },
  }
}
