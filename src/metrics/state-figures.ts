/** Figures that stand in the database: lists, ends of signers, applications. Every process that tells them tells the same. */
import { Counter, Gauge, type Registry } from 'prom-client'
import { applicationsByState, auditCounts, mailStates, oldestWaiting, respondersByAuthority, type SignerEnd, signerEnds, timesToIssue } from '../database/seen-store.ts'
import { type CrlRecord, latestCrls } from '../database/crl-store.ts'
import type { Database } from '../database/database.ts'
import { keepBy } from './process-figures.ts'

/** A scrape and a look at readiness within this time cost one query. */
const REMEMBER_MS = 5_000

export function remembered<T>(read: () => Promise<T>, elapsed: () => number): () => Promise<T> {
  let at = -Infinity
  let last: Promise<T>
  return () => {
    if (elapsed() - at > REMEMBER_MS) {
      at = elapsed()
      last = read()
      // A fault is not remembered.
      last.catch(() => (at = -Infinity))
    }
    return last
  }
}

interface Parts {
  readonly registry: Registry
  readonly database: Database
  readonly clock: () => Date
  readonly elapsed: () => number
}

const seconds = (at: Date): number => at.getTime() / 1000

/** CRL-1, CRL-2: of each list its age, number and end; how long each signer lasts. */
export function signerFigures({ registry, database, clock, elapsed }: Parts): { lists(): Promise<readonly CrlRecord[]>; signers(): Promise<readonly SignerEnd[]> } {
  const registers = [registry]
  const lists = remembered(() => latestCrls(database), elapsed)
  const signers = remembered(() => signerEnds(database, clock()), elapsed)
  const ofLists = (name: string, help: string, value: (list: CrlRecord) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['authority', 'shard'],
      registers,
      aggregator: 'max',
      async collect() {
        this.reset()
        for (const list of await lists().catch(() => [])) this.set({ authority: list.authorityId, shard: list.shard }, value(list))
      },
    })
  ofLists('crl_age_seconds', 'Since thisUpdate of the newest list', ({ thisUpdate }) => seconds(clock()) - seconds(thisUpdate))
  ofLists('crl_number', 'Number of the newest list', ({ number }) => Number(number))
  ofLists('crl_entries', 'Certificates on the newest list', ({ entries }) => entries)
  ofLists('crl_next_update_timestamp_seconds', 'nextUpdate of the newest list', ({ nextUpdate }) => seconds(nextUpdate))
  new Gauge({
    name: 'signer_not_after_timestamp_seconds',
    help: 'Until when a signature by this signer counts: CA certificates, the OCSP responder certificate that lasts longest, the time-stamping key in use',
    labelNames: ['kind', 'authority'],
    registers,
    aggregator: 'max',
    async collect() {
      this.reset()
      for (const { kind, authorityId, notAfter } of await signers().catch(() => [])) this.set({ kind, authority: authorityId }, seconds(notAfter))
    },
  })
  const responders = remembered(() => respondersByAuthority(database, clock()), elapsed)
  new Gauge({
    name: 'ocsp_responders',
    help: 'Enrolled responder keys with a certificate in force; fewer than two: no successor',
    labelNames: ['authority'],
    registers,
    aggregator: 'max',
    async collect() {
      this.reset()
      for (const [authority, count] of await responders().catch(() => [])) this.set({ authority }, count)
    },
  })
  return { lists, signers }
}

const HOUR_MS = 3_600_000

/** What waits for `ca`, and how long the last hour's certificates waited. */
export function issuanceFigures({ registry, database, clock, elapsed }: Parts): void {
  const registers = [registry]
  const times = remembered(() => timesToIssue(database, new Date(clock().getTime() - HOUR_MS)), elapsed)
  new Gauge({
    name: 'applications',
    help: 'Applications by state',
    labelNames: ['state'],
    registers,
    aggregator: 'max',
    async collect() {
      this.reset()
      for (const [state, count] of await applicationsByState(database).catch(() => [])) this.set({ state }, count)
    },
  })
  new Gauge({
    name: 'issuance_oldest_waiting_seconds',
    help: 'Since the approval that waits longest for its certificate; 0 when none waits',
    registers,
    aggregator: 'max',
    async collect() {
      const oldest = await oldestWaiting(database).catch(() => undefined)
      if (oldest === undefined) this.remove()
      else this.set(oldest === null ? 0 : Math.max(0, seconds(clock()) - seconds(oldest)))
    },
  })
  new Gauge({
    name: 'issuance_time_seconds',
    help: 'From approval to certificate, of the certificates of the last hour',
    labelNames: ['quantile'],
    registers,
    aggregator: 'max',
    async collect() {
      this.reset()
      const sorted = await times().catch(() => [])
      for (const share of [0.5, 0.99, 1]) if (sorted.length > 0) this.set({ quantile: String(share) }, sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]! / 1000)
    },
  })
}

/** Events of the audit log since this process started, whoever wrote them. */
export function auditFigures({ registry, database }: Pick<Parts, 'registry' | 'database'>, name: string, help: string, events: readonly string[]): void {
  const counts = auditCounts(database, events)
  let last: ReadonlyMap<string, number> = new Map()
  new Counter({
    name,
    help,
    labelNames: ['event'],
    registers: [registry],
    aggregator: 'max',
    async collect() {
      last = await counts().catch(() => last)
      keepBy('event', () => last).call(this)
    },
  })
}

/** @param attempts after so many a mail is given up */
export function mailFigures({ registry, database }: Pick<Parts, 'registry' | 'database'>, attempts: number): void {
  new Gauge({
    name: 'mail_unsent',
    help: 'Mail not sent yet: that waits, that failed at least once and is tried again, that was given up',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      this.reset()
      for (const [state, count] of Object.entries(await mailStates(database, attempts).catch(() => ({})))) this.set({ state }, count)
    },
  })
}
