/** The public status page: how long every signer and list lasts, whether what is said in three places agrees, how fast answers are. Figures alone, and none of the load or of a machine. */
import { latestCrls, type CrlRecord } from '../../database/crl-store.ts'
import { listAuthorities, type Authority } from '../../database/authority-store.ts'
import { answersByHour, type HourOfAnswers, listNodes, type NodeState } from '../../database/node-store.ts'
import { lastReconciliation, type Reconciliation } from '../../database/reconciliation-store.ts'
import { respondersInForce, type ResponderInForce } from '../../database/repository-store.ts'
import { signerEnds, type SignerEnd } from '../../database/seen-store.ts'
import { decodeName } from '../../pki/name.ts'
import { OID } from '../../pki/oids.ts'
import { quantile } from '../../revocation/answer-times.ts'
import { CRL_CACHE_SECONDS } from '../../revocation/served-crl.ts'
import type { Services } from '../../services.ts'
import { answerChart } from '../answer-chart.ts'
import { formatHour, formatInstant, formatNumber, type Language } from '../locales.ts'
import { page, type PageRequest, type Reply, type Route } from '../reply.ts'

interface Facts {
  readonly at: Date
  readonly authorities: readonly Authority[]
  readonly signers: readonly SignerEnd[]
  readonly responders: readonly ResponderInForce[]
  readonly lists: readonly CrlRecord[]
  readonly reconciliation: Reconciliation | null
  readonly nodes: readonly NodeState[]
  readonly hours: readonly HourOfAnswers[]
}

/** Many may look at once; the figures are those of a moment ago. */
const REMEMBER_MS = 10_000
/** `ca` and `status` say each minute that they are there: one that was not heard for so long missed it at least twice. */
const SILENT_MS = 3 * 60_000
/** What has to run besides this portal, wherever the hierarchy is made. Of several nodes one is enough. */
const RUNNING = ['status', 'ca'] as const satisfies readonly NodeState['process'][]
const DAY_MS = 86_400_000
/** Shown as ending soon, of what a ceremony renews and of what renews itself. */
const SOON_DAYS = { root: 365, issuing: 365, 'timestamp-ca': 365, timestamp: 30, responder: 14 } as const
/** A reconciliation is due each day. */
const RECONCILED_MS = 26 * 3_600_000

export function statusRoutes(services: Services): readonly Route[] {
  let last: { readonly at: number; readonly facts: Promise<Facts> } | null = null
  const facts = (now: Date): Promise<Facts> => {
    if (last === null || Math.abs(now.getTime() - last.at) > REMEMBER_MS) {
      const reading = { at: now.getTime(), facts: readFacts(services, now) }
      last = reading
      // A fault is not remembered.
      reading.facts.catch(() => last === reading && (last = null))
    }
    return last.facts
  }
  const show = async ({ now, language }: PageRequest): Promise<Reply> => page('status', 'status.title', model(await facts(now), services, language))
  return [{ method: 'GET', path: '/status', who: 'anyone', events: [], handle: show }]
}

async function readFacts({ database }: Services, at: Date): Promise<Facts> {
  return {
    at,
    authorities: await listAuthorities(database),
    // Of responders each has its line, as in the repository.
    signers: (await signerEnds(database, at)).filter(({ kind }) => kind !== 'responder'),
    responders: await respondersInForce(database, at),
    lists: await latestCrls(database),
    reconciliation: await lastReconciliation(database, at),
    nodes: await listNodes(database, at),
    hours: await answersByHour(database, at),
  }
}

const KINDS: readonly SignerEnd['kind'][] = ['root', 'issuing', 'timestamp-ca', 'responder', 'timestamp']
type Tag = 'good' | 'wait' | 'bad' | 'neutral'
/** What a node says of its clock when it doesn't know whether it is right. */
const UNCHECKED: ReadonlySet<string> = new Set(['unreadable', 'not-checked'])

function model(facts: Facts, { policy }: Services, language: Language) {
  const { at, authorities, reconciliation } = facts
  const name = (id: string): string => {
    const authority = authorities.find((each) => each.id === id)
    return (authority && decodeName(authority.subjectDer).flat().findLast(({ oid }) => oid === OID.commonName)?.text) ?? id
  }
  // Who signs the others comes first.
  const order = (id: string): number => authorities.findIndex((each) => each.id === id)
  const numbers = new Map<string, number>()
  const responders = facts.responders.map(({ authorityId, notAfter, answers }) => {
    const number = (numbers.get(authorityId) ?? 0) + 1
    numbers.set(authorityId, number)
    return { kind: 'responder' as const, authorityId, notAfter, number: String(number), role: answers ? 'answers' : 'reserve' }
  })
  const ends = [...facts.signers.map((each) => ({ ...each, number: null, role: null })), ...responders]
  const signers = ends.sort((one, other) => KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) || order(one.authorityId) - order(other.authorityId)).map(({ kind, authorityId, notAfter, number, role }) => {
    const days = Math.floor((notAfter.getTime() - at.getTime()) / DAY_MS)
    const soon = days < SOON_DAYS[kind]
    return { kind, number, role, of: name(authorityId), until: formatInstant(language, notAfter), days: formatNumber(language, days), tag: (soon ? 'wait' : 'good') as Tag, standing: soon ? 'soon' : 'good' }
  })
  const lists = [...facts.lists].sort((one, other) => order(one.authorityId) - order(other.authorityId) || one.shard - other.shard).map(({ authorityId, shard, number, thisUpdate, nextUpdate }) => ({
    of: name(authorityId),
    shard: shard === 0 ? null : String(shard),
    number: String(number),
    issued: formatInstant(language, thisUpdate),
    until: formatInstant(language, nextUpdate),
    tag: (nextUpdate > at ? 'good' : 'bad') as Tag,
    standing: nextUpdate > at ? 'good' : 'ended',
  }))
  const issuing = authorities.filter(({ kind, notAfter }) => kind === 'issuing' && notAfter > at)
  const has = (id: string) => ({ responder: facts.responders.some(({ authorityId }) => authorityId === id), list: facts.lists.some(({ authorityId }) => authorityId === id) })
  const missing = issuing.some(({ id }) => !has(id).responder || !has(id).list)
  // Who was seen in a time to come may be long gone.
  const speaking = facts.nodes.filter(({ seenAt }) => Math.abs(at.getTime() - seenAt.getTime()) < SILENT_MS)
  const services = (authorities.length > 0 ? RUNNING : []).map((process) => {
    const runs = speaking.some((node) => node.process === process)
    return { process, tag: (runs ? 'good' : 'bad') as Tag, standing: runs ? 'good' : 'silent' }
  })
  // Whose clock was moved tells no time until it is right again: its doubt counts though it was not seen meanwhile.
  const doubted = facts.nodes.some(({ clock, seenAt }) => clock !== null && !UNCHECKED.has(clock) && at.getTime() - seenAt.getTime() < DAY_MS)
  const clock = doubted ? 'doubt' : speaking.length === 0 ? 'silent' : speaking.some((each) => each.clock !== null) ? 'unchecked' : 'good'
  // A demo hierarchy goes on by a clock of which nothing is told; in production time-stamps stop.
  const clockTag: Tag = clock === 'good' ? 'good' : clock === 'unchecked' && authorities.some(({ demo }) => demo) ? 'neutral' : 'wait'
  const agreement = reconciliation === null ? 'none' : reconciliation.outcome !== 'agreed' ? reconciliation.outcome : at.getTime() - reconciliation.finishedAt.getTime() > RECONCILED_MS ? 'late' : 'agreed'
  const worst: Tag = missing || services.some(({ tag }) => tag === 'bad') || lists.some(({ tag }) => tag === 'bad') || agreement === 'differed' ? 'bad' : clockTag === 'wait' || agreement !== 'agreed' || signers.some(({ tag }) => tag === 'wait') ? 'wait' : 'good'

  const times = facts.hours.map(({ hour, counts }) => ({ label: formatHour(language, hour), at: formatInstant(language, hour), half: quantile(counts, 0.5), most: quantile(counts, 0.99) }))
  const milliseconds = (value: number | null): string | null => (value === null ? null : formatNumber(language, Number(value.toPrecision(2))))
  return {
    at: formatInstant(language, at),
    worst,
    made: authorities.length > 0,
    services,
    signers,
    lists,
    clock: { tag: clockTag, state: clock },
    agreement: {
      state: agreement,
      tag: (agreement === 'agreed' ? 'good' : agreement === 'differed' ? 'bad' : 'wait') as Tag,
      when: reconciliation ? formatInstant(language, reconciliation.finishedAt) : null,
      certificates: reconciliation ? formatNumber(language, reconciliation.certificates) : null,
      differences: reconciliation ? formatNumber(language, reconciliation.differences) : null,
    },
    promise: { ocsp: String(policy.periods.ocspMaxAgeSeconds), list: String(CRL_CACHE_SECONDS), stale: String(policy.periods.statusStaleMinutes), years: String(policy.periods.statusYearsAfterExpiry) },
    charts: times.some(({ half }) => half !== null) ? { wide: answerChart(times, 'wide'), narrow: answerChart(times, 'narrow') } : null,
    // The newest first: that is what one comes for.
    times: times.map(({ at: hour, half, most }) => ({ hour, half: milliseconds(half), most: milliseconds(most) })).reverse(),
    problemReports: policy.operator.problemReports,
  }
}
