/** Finished files of the OCSP access log on record (OCS-8). The database refuses to remove or change a row. */
import type { Database, Row, Transaction } from './database.ts'

export interface AccessLogFile {
  readonly name: string
  readonly node: string
  /** The day in UTC. */
  readonly day: string
  readonly lines: number
  readonly octets: number
  readonly keptOctets: number
  /** Of the kept file, lower-case hex. */
  readonly sha256: string
  readonly finishedAt: Date
  readonly removedAt: Date | null
}

const read = (row: Row): AccessLogFile => ({
  name: row['name'],
  node: row['node'],
  day: row['day'],
  lines: Number(row['lines']),
  octets: Number(row['octets']),
  keptOctets: Number(row['kept_octets']),
  sha256: row['sha256'],
  finishedAt: new Date(row['finished_at']),
  removedAt: row['removed_at'] === null ? null : new Date(row['removed_at']),
})

export async function accessLogFile(db: Database | Transaction, name: string): Promise<AccessLogFile | null> {
  const row = await db('access_log_files').where({ name }).first()
  return row ? read(row) : null
}

export async function insertAccessLogFile(trx: Transaction, file: AccessLogFile): Promise<void> {
  await trx('access_log_files').insert({ name: file.name, node: file.node, day: file.day, lines: file.lines, octets: file.octets, kept_octets: file.keptOctets, sha256: file.sha256, finished_at: file.finishedAt.toISOString(), removed_at: null })
}

/** The files of a node that are kept, the oldest first. */
export async function listAccessLogFiles(db: Database | Transaction, node: string): Promise<readonly AccessLogFile[]> {
  return (await db('access_log_files').where({ node, removed_at: null }).orderBy('day').orderBy('name')).map(read)
}

/** @param day files of days before this one */
export async function endedAccessLogFiles(db: Database | Transaction, node: string, day: string): Promise<readonly AccessLogFile[]> {
  return (await db('access_log_files').where({ node, removed_at: null }).where('day', '<', day).orderBy('day').orderBy('name')).map(read)
}

/** False when it was removed already. */
export async function recordAccessLogRemoval(trx: Transaction, name: string, at: Date): Promise<boolean> {
  return (await trx('access_log_files').where({ name, removed_at: null }).update({ removed_at: at.toISOString() })) === 1
}
