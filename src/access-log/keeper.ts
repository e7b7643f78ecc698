/**
 * Keeps finished files for the archive (CP 5.5.1, 5.5.2): packs each, puts its SHA-256 on record with an audit event, removes it when the policy's years are over.
 * One keeper on a node, whatever number of workers writes there. A file is removed unpacked only after its packed octets are on the disk and on record.
 */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { audit } from '../audit/audit-log.ts'
import { type AccessLogFile, accessLogFile, endedAccessLogFiles, insertAccessLogFile, listAccessLogFiles, recordAccessLogRemoval } from '../database/access-log-store.ts'
import type { Database } from '../database/database.ts'
import { readName } from './names.ts'

export interface KeeperParts {
  readonly folder: string
  readonly node: string
  readonly database: Database
  readonly clock: () => Date
  /** `accessLog.keepYears` of the policy. */
  readonly keepYears: number
  /** Whether a process of this machine lives. */
  readonly lives: (pid: number) => boolean
}

const ACTOR = 'process:status'
const DAY_MS = 86_400_000

export interface Kept {
  /** The names of what was put on record, and of what was removed. */
  readonly kept: readonly string[]
  readonly removed: readonly string[]
  /** Of files that a row names falsely: nothing was removed for it. */
  readonly refused: readonly string[]
}

/** One round: what processes left open, what is finished, what is over. */
export async function keepAccessLogs(parts: KeeperParts): Promise<Kept> {
  const kept: string[] = []
  const refused: string[] = []
  for (const file of await filesOf(parts)) {
    const name = readName(file)
    if (!name || name.node !== parts.node || name.state === 'kept') continue
    if (name.state === 'open') {
      // The writer closes its file when its day ends: one two days old belongs to nobody, whoever has that process id now.
      const old = parts.clock().getTime() - Date.parse(`${name.day}T00:00:00Z`) > 2 * DAY_MS
      if (parts.lives(name.pid) && !old) continue
      await rename(join(parts.folder, file), join(parts.folder, file.replace(/\.open$/, '')))
    }
    const { recorded, as } = await keep(parts, file.replace(/\.open$/, ''))
    if (recorded) kept.push(as)
    else refused.push(as)
  }
  const ended = await removeEnded(parts)
  return { kept, removed: ended.removed, refused: [...refused, ...ended.refused] }
}

async function filesOf({ folder }: KeeperParts): Promise<readonly string[]> {
  return (await readdir(folder).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? [] : Promise.reject(error)))).sort()
}

/** A row is somebody's word: it names a kept file of this node and day, and nothing beside the folder. */
function isNamedRight({ name, node, day }: Pick<AccessLogFile, 'name' | 'node' | 'day'>): boolean {
  const says = readName(name)
  return says?.state === 'kept' && says.node === node && says.day === day
}

async function keep({ folder, node, database, clock }: KeeperParts, file: string): Promise<{ readonly recorded: boolean; readonly as: string }> {
  const [plain, packed] = [join(folder, file), join(folder, `${file}.gz`)]
  const name = `${file}.gz`
  const known = await accessLogFile(database, name)
  if (!known) {
    let [lines, octets] = [0, 0]
    const counting = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        octets += chunk.length
        for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++
        done(null, chunk)
      },
    })
    const part = `${packed}.part`
    await pipeline(createReadStream(plain), counting, createGzip(), createWriteStream(part, { mode: 0o600 }))
    const handle = await open(part, 'r')
    await handle.sync().finally(() => handle.close())
    await rename(part, packed)
    const sha256 = await sha256Of(packed)
    const keptOctets = (await stat(packed)).size
    const day = readName(file)!.day
    await database.transaction(async (trx) => {
      const finishedAt = clock()
      await insertAccessLogFile(trx, { name, node, day, lines, octets, keptOctets, sha256, finishedAt, removedAt: null })
      await audit(trx, { at: finishedAt, actor: ACTOR, event: 'access-log.finished', subject: `access-log:${name}`.slice(0, 120), details: { file: name, lines, octets, sha256 } })
    })
  }
  // A row that was there before may be another's: the file goes only when it is what was packed.
  const recorded = !known || (await sha256If(packed)) === known.sha256
  if (recorded) await rm(plain, { force: true })
  return { recorded, as: name }
}

async function removeEnded({ folder, node, database, clock, keepYears }: KeeperParts): Promise<Pick<Kept, 'removed' | 'refused'>> {
  const before = new Date(clock())
  before.setUTCFullYear(before.getUTCFullYear() - keepYears)
  const ended = await endedAccessLogFiles(database, node, before.toISOString().slice(0, 10))
  const removed = ended.filter(isNamedRight)
  for (const { name, sha256 } of removed) {
    await database.transaction(async (trx) => {
      const at = clock()
      if (!(await recordAccessLogRemoval(trx, name, at))) return
      await audit(trx, { at, actor: ACTOR, event: 'access-log.removed', subject: `access-log:${name}`.slice(0, 120), details: { file: name, sha256, keepYears } })
      // Last: a fault in the database leaves the file.
      await rm(join(folder, name), { force: true })
    })
  }
  return { removed: removed.map(({ name }) => name), refused: ended.filter((row) => !isNamedRight(row)).map(({ name }) => name) }
}

async function sha256Of(path: string): Promise<string> {
  const digest = createHash('sha256')
  for await (const chunk of createReadStream(path)) digest.update(chunk as Buffer)
  return digest.digest('hex')
}

const sha256If = (path: string): Promise<string | null> => sha256Of(path).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? null : Promise.reject(error)))

export type FileVerdict = 'whole' | 'missing' | 'changed' | 'false-name'

/** Compares every file of this node that is on record and not removed with its SHA-256. */
export async function verifyAccessLogs({ folder, node, database }: Pick<KeeperParts, 'folder' | 'node' | 'database'>): Promise<readonly { readonly name: string; readonly verdict: FileVerdict }[]> {
  const verdicts: { name: string; verdict: FileVerdict }[] = []
  for (const row of await listAccessLogFiles(database, node)) {
    const { name, sha256 } = row
    const right = isNamedRight(row)
    const found = right ? await sha256If(join(folder, name)) : null
    verdicts.push({ name, verdict: !right ? 'false-name' : found === null ? 'missing' : found === sha256 ? 'whole' : 'changed' })
  }
  return verdicts
}
