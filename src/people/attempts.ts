/**
 * ACC-3: guessing is slowed and locked, and nobody can lock somebody else out for good.
 *
 * Every try counts before it is judged, and is taken back when it was right, so that a hundred tries at once are a
 * hundred tries. Three counts stand side by side:
 * - this address, whoever it tries: past its limit it waits;
 * - this account from this address: from the fifth wrong try on each waits longer, from the tenth a quarter of an hour, then doubling to a day;
 * - this account from anywhere: the same, but only for addresses from which its owner has not signed in lately. A stranger's
 *   tries therefore never lock out the owner at the usual desk; from a new desk a reset by mail makes that desk known.
 * A name that no account has is counted the same way: the answer tells nothing.
 */
import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { isPostgres, type Database, type Transaction } from '../database/database.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const FREE_TRIES = 5
export const LOCKING_TRIES = 10
export const LOCK_MINUTES = 15
const KNOWN_DAYS = 30

/** How long the next try waits after this many wrong ones within a day. */
export function waitAfter(wrong: number): number {
  if (wrong < FREE_TRIES) return 0
  if (wrong < LOCKING_TRIES) return 5000 * 2 ** (wrong - FREE_TRIES)
  return Math.min(DAY, LOCK_MINUTES * MINUTE * 2 ** Math.min(20, wrong - LOCKING_TRIES))
}

/** One subscriber line is one address: an IPv6 host has its whole /64 to choose from. */
export function addressBucket(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped) return mapped[1]!
  if (!isIPv6(address)) return address.slice(0, 45)
  const [head = '', tail] = address.split('%')[0]!.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = tail === undefined ? left : [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}

/** What is tried: a name or a code of an account. Names are hashed: the table keeps nobody's typing. */
export interface Target {
  readonly what: 'password' | 'code'
  readonly of: string
}

const ADDRESS_LIMIT = { tries: 60, minutes: 15 }

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)
const anywhere = (target: Target): string => `${target.what}:${digest(target.of)}`
const fromHere = (target: Target, address: string): string => `${anywhere(target)}@${addressBucket(address)}`
const known = (target: Target, address: string): string => `known:${fromHere(target, address)}`

interface Row {
  id: number
  bucket: string
  at: string
}

async function seen(trx: Transaction, bucket: string, since: number): Promise<{ count: number; last: number }> {
  const row = await trx<Row>('attempts').where({ bucket }).andWhere('at', '>', new Date(since).toISOString()).count({ n: '*' }).max({ last: 'at' }).first()
  return { count: Number(row?.['n'] ?? 0), last: row?.['last'] ? Date.parse(String(row['last'])) : 0 }
}

/** One at a time for a bucket; SQLite's immediate transaction already is one. */
async function alone(trx: Transaction, bucket: string): Promise<void> {
  if (isPostgres(trx)) await trx.raw('SELECT pg_advisory_xact_lock(hashtext(?))', [bucket])
}

export type Admission =
  | { readonly admitted: true; readonly ids: readonly number[]; /** This is the try that locks if it is wrong: tell the owner. */ readonly locksNext: boolean }
  | { readonly admitted: false; readonly retryAfterSeconds: number }

/** Counts a try, or says how long to wait. A refused try is not counted: waiting, not persistence, ends the wait. */
export async function admitTry(trx: Transaction, target: Target, address: string, now: Date): Promise<Admission> {
  const time = now.getTime()
  await alone(trx, anywhere(target))
  const line = `address:${addressBucket(address)}`
  const ofLine = await seen(trx, line, time - ADDRESS_LIMIT.minutes * MINUTE)
  const here = await seen(trx, fromHere(target, address), time - DAY)
  const familiar = (await seen(trx, known(target, address), time - KNOWN_DAYS * DAY)).count > 0
  const all = familiar ? { count: 0, last: 0 } : await seen(trx, anywhere(target), time - DAY)
  const until = Math.max(
    ofLine.count >= ADDRESS_LIMIT.tries ? ofLine.last + ADDRESS_LIMIT.minutes * MINUTE : 0,
    here.last + waitAfter(here.count),
    all.last + waitAfter(all.count),
  )
  if (until > time) return { admitted: false, retryAfterSeconds: Math.ceil((until - time) / 1000) }
  const at = now.toISOString()
  const ids: number[] = []
  for (const bucket of [line, fromHere(target, address), anywhere(target)])
    ids.push(Number((await trx('attempts').insert({ bucket, at }).returning('id'))[0].id))
  return { admitted: true, ids, locksNext: here.count + 1 === LOCKING_TRIES || all.count + 1 === LOCKING_TRIES }
}

/** The try was right: it counts no more, nor do the wrong ones before it from here, and this address is known now. */
export async function tryWasRight(trx: Transaction, target: Target, address: string, ids: readonly number[], now: Date): Promise<void> {
  await trx('attempts')
    .whereIn('id', [...ids])
    .delete()
  await trx('attempts')
    .where({ bucket: fromHere(target, address) })
    .delete()
  await knowAddress(trx, target, address, now)
}

export async function knowAddress(trx: Transaction, target: Target, address: string, now: Date): Promise<void> {
  const bucket = known(target, address)
  await trx('attempts').where({ bucket }).delete()
  await trx('attempts').insert({ bucket, at: now.toISOString() })
}

/** Counts one use of something that has no right or wrong (a registration, a mail): false past `most` within `minutes`. */
export async function admitUse(
  trx: Transaction,
  what: string,
  of: string,
  limit: { readonly most: number; readonly minutes: number },
  now: Date,
): Promise<boolean> {
  const bucket = `use:${what}:${digest(of)}`
  await alone(trx, bucket)
  if ((await seen(trx, bucket, now.getTime() - limit.minutes * MINUTE)).count >= limit.most) return false
  await trx('attempts').insert({ bucket, at: now.toISOString() })
  return true
}

/** Removes what no count looks at any more; the portal calls it now and then. */
export async function removeOldAttempts(database: Database, now: Date): Promise<void> {
  await database('attempts')
    .where('at', '<', new Date(now.getTime() - KNOWN_DAYS * DAY).toISOString())
    .delete()
}
