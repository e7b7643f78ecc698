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
import { accessLogFile, endedAccessLogFiles, insertAccessLogFile, listAccessLogFiles, recordAccessLogRemoval } from '../database/access-log-store.ts'
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

/** One round: what processes left open, what is finished, what is over. @returns the names of what it put on record and of what it removed */
export async function keepAccessLogs(parts: KeeperParts): Promise<{ readonly kept: readonly string[]; readonly removed: readonly string[] }> {
  const kept: string[] = []
  for (const file of await filesOf(parts)) {
    const name = readName(file)
    if (!name || name.node !== parts.node || name.state === 'kept') continue
    if (name.state === 'open') {
      // The writer closes its file when its day ends: one two days old belongs to nobody, whoever has that process id now.
      const old = parts.clock().getTime() - Date.parse(`${name.day}T00:00:00Z`) > 2 * DAY_MS
      if (parts.lives(name.pid) && !old) continue
      await rename(join(parts.folder, file), join(parts.folder, file.replace(/\.open$/, '')))
    }
    kept.push(await keep(parts, file.replace(/\.open$/, '')))
  }
  return { kept, removed: await removeEnded(parts) }
}

async function filesOf({ folder }: KeeperParts): Promise<readonly string[]> {
  return (await readdir(folder).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? [] : Promise.reject(error)))).sort()
}

async function keep({ folder, node, database, clock }: KeeperParts, file: string): Promise<string> {
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
  await rm(plain, { force: true })
  return name
}

async function removeEnded({ folder, node, database, clock, keepYears }: KeeperParts): Promise<readonly string[]> {
  const before = new Date(clock())
  before.setUTCFullYear(before.getUTCFullYear() - keepYears)
  const ended = await endedAccessLogFiles(database, node, before.toISOString().slice(0, 10))
  for (const { name, sha256 } of ended) {
    await database.transaction(async (trx) => {
      const at = clock()
      if (!(await recordAccessLogRemoval(trx, name, at))) return
      await audit(trx, { at, actor: ACTOR, event: 'access-log.removed', subject: `access-log:${name}`.slice(0, 120), details: { file: name, sha256, keepYears } })
      // Last: a fault in the database leaves the file.
      await rm(join(folder, name), { force: true })
    })
  }
  return ended.map(({ name }) => name)
}

async function sha256Of(path: string): Promise<string> {
  const digest = createHash('sha256')
  for await (const chunk of createReadStream(path)) digest.update(chunk as Buffer)
  return digest.digest('hex')
}

export type FileVerdict = 'whole' | 'missing' | 'changed'

/** Compares every file of this node that is on record and not removed with its SHA-256. */
export async function verifyAccessLogs({ folder, node, database }: Pick<KeeperParts, 'folder' | 'node' | 'database'>): Promise<readonly { readonly name: string; readonly verdict: FileVerdict }[]> {
  const verdicts: { name: string; verdict: FileVerdict }[] = []
  for (const { name, sha256 } of await listAccessLogFiles(database, node)) {
    const found = await sha256Of(join(folder, name)).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? null : Promise.reject(error)))
    verdicts.push({ name, verdict: found === null ? 'missing' : found === sha256 ? 'whole' : 'changed' })
  }
  return verdicts
}
