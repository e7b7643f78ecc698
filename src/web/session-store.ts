/** Sessions in the database (ACC-3). The cookie holds an identifier; the table holds only its SHA-256. */
import { createHash } from 'node:crypto'
import session from 'express-session'
import type { Config } from '../config.ts'
import type { Clock } from '../application/ports.ts'
import type { Database } from '../database/database.ts'

const hashed = (id: string): string => createHash('sha256').update(id).digest('hex')

/** Marks what came from the table, for as long as the request lives. */
type Stored = session.SessionData & { stored?: true }

interface Row {
  id_hash: string
  account_id: string | null
  data: string
  created_at: string
  last_seen_at: string
  expires_at: string
}

export class DatabaseSessionStore extends session.Store {
  readonly #database: Database
  readonly #clock: Clock
  readonly #idle: number
  readonly #absolute: number

  constructor(database: Database, clock: Clock, limits: Config['session']) {
    super()
    this.#database = database
    this.#clock = clock
    this.#idle = limits.idleMinutes * 60_000
    this.#absolute = limits.absoluteHours * 3_600_000
  }

  override get(id: string, done: (error: unknown, session?: session.SessionData | null) => void): void {
    this.#read(id).then((data) => done(null, data), done)
  }

  async #read(id: string): Promise<session.SessionData | null> {
    const row = await this.#database<Row>('sessions').where({ id_hash: hashed(id) }).first()
    if (!row) return null
    const now = this.#clock().getTime()
    if (now >= Date.parse(row.expires_at) || now - Date.parse(row.last_seen_at) >= this.#idle) {
      await this.#database('sessions').where({ id_hash: row.id_hash }).delete()
      return null
    }
    return { ...(JSON.parse(row.data) as session.SessionData), stored: true } as Stored
  }

  override set(id: string, data: session.SessionData, done?: (error?: unknown) => void): void {
    this.#write(id, data).then(() => done?.(), done)
  }

  async #write(id: string, data: session.SessionData): Promise<void> {
    const now = this.#clock()
    const passport = (data as { passport?: { user?: string } }).passport
    const row = { account_id: passport?.user ?? null, data: JSON.stringify({ ...data, stored: undefined }), last_seen_at: now.toISOString() }
    const changed = await this.#database('sessions').where({ id_hash: hashed(id) }).update(row)
    // A session that was read from here and is gone has been ended elsewhere: a request still under way doesn't bring it back.
    if (changed === 0 && !(data as Stored).stored)
      await this.#database('sessions')
        .insert({ id_hash: hashed(id), ...row, created_at: now.toISOString(), expires_at: new Date(now.getTime() + this.#absolute).toISOString() })
        .onConflict('id_hash')
        .merge(row)
  }

  override destroy(id: string, done?: (error?: unknown) => void): void {
    this.#database('sessions').where({ id_hash: hashed(id) }).delete().then(() => done?.(), done)
  }

  override touch(id: string, _data: session.SessionData, done?: (error?: unknown) => void): void {
    this.#database('sessions').where({ id_hash: hashed(id) }).update({ last_seen_at: this.#clock().toISOString() }).then(() => done?.(), done)
  }
}

/** Whether a session is still there: it may have been ended elsewhere while a request was under way. */
export async function sessionStands(database: Database, id: string): Promise<boolean> {
  return (await database('sessions').where({ id_hash: hashed(id) }).first('id_hash')) !== undefined
}

/** Removes what has ended; the portal calls it now and then. */
export async function removeEndedSessions(database: Database, now: Date, idleMinutes: number): Promise<void> {
  const idle = new Date(now.getTime() - idleMinutes * 60_000).toISOString()
  await database('sessions').where('expires_at', '<=', now.toISOString()).orWhere('last_seen_at', '<=', idle).delete()
}
