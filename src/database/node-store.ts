/** What nodes tell of themselves, for the public status page and for the next start of the same node. */
import { TIME_BOUNDS } from '../revocation/answer-times.ts'
import type { Database, Row } from './database.ts'

export interface NodeState {
  readonly node: string
  readonly process: 'portal' | 'ca' | 'status'
  /** By the clock of that node. */
  readonly seenAt: Date
  /** What speaks against its clock; `unreadable` or `not-checked` where nothing tells whether it is right; null where it was found synchronised. */
  readonly clock: string | null
}

export async function noteNode(db: Database, { node, process, seenAt, clock }: NodeState): Promise<void> {
  await db('node_states').insert({ node, process, seen_at: seenAt.toISOString(), clock_doubt: clock }).onConflict(['node', 'process']).merge(['seen_at', 'clock_doubt'])
}

/** Of a clock whose time is none to note: when the node was last seen stays. */
export async function noteClock(db: Database, node: string, process: NodeState['process'], clock: string | null): Promise<void> {
  await db('node_states').where({ node, process }).update({ clock_doubt: clock })
}

/** When this process of this node last said that it was there. */
export async function lastSeen(db: Database, node: string, process: NodeState['process']): Promise<Date | null> {
  const row: Row | undefined = await db('node_states').where({ node, process }).first('seen_at')
  return row ? new Date(row['seen_at']) : null
}

/** Of each process; of more than this something is wrong, and the page that shows them is for all. */
const SHOWN_NODES = 300

/** Those seen in the last day, of too many the latest of each process. */
export async function listNodes(db: Database, now: Date): Promise<readonly NodeState[]> {
  const since = new Date(now.getTime() - NODE_SHOWN_HOURS * HOUR_MS).toISOString()
  const of = (process: NodeState['process']): PromiseLike<Row[]> => db('node_states').where({ process }).where('seen_at', '>=', since).orderBy('seen_at', 'desc').limit(SHOWN_NODES)
  const rows = (await Promise.all((['portal', 'ca', 'status'] as const).map(of))).flat()
  const name = (row: Row): string => `${row['node']} ${row['process']}`
  rows.sort((one, other) => (name(one) < name(other) ? -1 : 1))
  return rows.map((row) => ({ node: row['node'], process: row['process'], seenAt: new Date(row['seen_at']), clock: row['clock_doubt'] }))
}

const MINUTE_MS = 60_000
const NODE_SHOWN_HOURS = 24
/** A node that comes back later has no last word that would tell of a clock moved back meanwhile; its own disk has. */
const NODE_KEPT_HOURS = 30 * 24
const HOUR_MS = 3_600_000
/** A day is shown; what is older than two goes. */
const KEEP_HOURS = 48

/** Adds answers to a node's minute: several workers add to one. @param counts by bound, see answer-times.ts */
export async function addAnswerTimes(db: Database, node: string, at: Date, counts: readonly number[]): Promise<void> {
  const minute = new Date(Math.floor(at.getTime() / MINUTE_MS) * MINUTE_MS).toISOString()
  const rows = counts.flatMap((answers, bound) => (answers > 0 ? [{ node, minute, bound, answers }] : []))
  if (rows.length === 0) return
  await db('answer_times').insert(rows).onConflict(['node', 'minute', 'bound']).merge({ answers: db.raw('answer_times.answers + excluded.answers') })
}

export interface HourOfAnswers {
  readonly hour: Date
  /** By bound, see answer-times.ts. */
  readonly counts: readonly number[]
}

/** The answers of all nodes by hour, of this hour and the 23 before it, the oldest first; hours without any have zeros. */
export async function answersByHour(db: Database, now: Date): Promise<readonly HourOfAnswers[]> {
  const last = Math.floor(now.getTime() / HOUR_MS) * HOUR_MS
  const first = last - 23 * HOUR_MS
  const rows: Row[] = await db('answer_times').where('minute', '>=', new Date(first).toISOString()).where('minute', '<=', now.toISOString()).groupByRaw('substr(minute, 1, 13), bound').select(db.raw('substr(minute, 1, 13) as hour'), 'bound').sum('answers as answers')
  const hours = Array.from({ length: 24 }, (_, at) => ({ hour: new Date(first + at * HOUR_MS), counts: new Array<number>(TIME_BOUNDS.length + 1).fill(0) }))
  for (const row of rows) {
    const found = hours[(Date.parse(`${row['hour']}:00:00.000Z`) - first) / HOUR_MS]
    const bound = Number(row['bound'])
    if (found && bound < found.counts.length) found.counts[bound] = Number(row['answers'])
  }
  return hours
}

export async function dropOldFigures(db: Database, now: Date): Promise<void> {
  const before = new Date(now.getTime() - KEEP_HOURS * HOUR_MS).toISOString()
  await db('answer_times').where('minute', '<', before).delete()
}

/** What one process no longer says of any node. Each takes away its own alone. */
export async function dropOldNodes(db: Database, process: NodeState['process'], now: Date): Promise<void> {
  await db('node_states').where({ process }).where('seen_at', '<', new Date(now.getTime() - NODE_KEPT_HOURS * HOUR_MS).toISOString()).delete()
}
