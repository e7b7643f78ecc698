import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keepAccessLogs, verifyAccessLogs } from '../../src/access-log/keeper.ts'
import type { Database } from '../../src/database/database.ts'
import { describeOnBothDatabases, dropTrigger } from '../support/database.ts'

describeOnBothDatabases('the keeper of access logs', (open) => {
  let database: Database
  let folder: string
  let at: Date
  beforeEach(async () => {
    database = await open()
    folder = mkdtempSync(join(tmpdir(), 'access-log-'))
    at = new Date('2026-11-23T00:01:00.000Z')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const parts = () => ({ folder, node: 'node-7', database, clock: () => new Date(at), keepYears: 7, lives: (pid: number) => pid === 77 })
  const file = (day: string, more = '', node = 'node-7', pid = 5) => {
    const name = `ocsp-${day}-${node}.${pid}-abcdef.1.log${more}`
    writeFileSync(join(folder, name), `# heading\n${day} line\n`)
    return name
  }
  const events = (event: string) => database('audit_events').where({ event })

  test('OCS-8: a finished file is packed, its SHA-256 goes on record with an audit event, and nothing is done twice', async () => {
    const name = file('2026-11-22')
    expect(await keepAccessLogs(parts())).toEqual({ kept: [`${name}.gz`], removed: [], refused: [] })
    expect(readdirSync(folder)).toEqual([`${name}.gz`])
    const octets = readFileSync(join(folder, `${name}.gz`))
    expect(gunzipSync(octets).toString()).toBe('# heading\n2026-11-22 line\n')
    const sha256 = createHash('sha256').update(octets).digest('hex')
    expect(await database('access_log_files')).toMatchObject([{ name: `${name}.gz`, node: 'node-7', day: '2026-11-22', sha256, removed_at: null }])
    expect(JSON.parse((await events('access-log.finished'))[0].details)).toEqual({ file: `${name}.gz`, lines: 2, octets: 26, sha256 })
    expect(await keepAccessLogs(parts())).toEqual({ kept: [], removed: [], refused: [] })
    expect(await events('access-log.finished')).toHaveLength(1)
  })

  test('OCS-8: what a process that died left open is finished; what a living one writes, and another node’s, is left alone', async () => {
    const [mine, living, other] = [file('2026-11-22', '.open'), file('2026-11-22', '.open', 'node-7', 77), file('2026-11-22', '', 'node-8')]
    expect((await keepAccessLogs(parts())).kept).toEqual([mine.replace('.open', '.gz')])
    expect(readdirSync(folder).sort()).toEqual([living, mine.replace('.open', '.gz'), other].sort())
    // Two days later that process id is somebody else's.
    at = new Date('2026-11-24T00:01:00.000Z')
    expect((await keepAccessLogs(parts())).kept).toEqual([living.replace('.open', '.gz')])
  })

  test('OCS-8: a crash between packing and recording, and one after it, ends in one record', async () => {
    const name = file('2026-11-22')
    writeFileSync(join(folder, `${name}.gz`), 'half of it')
    await keepAccessLogs(parts())
    expect(gunzipSync(readFileSync(join(folder, `${name}.gz`))).toString()).toContain('2026-11-22 line')
    writeFileSync(join(folder, name), '# heading\n2026-11-22 line\n')
    await keepAccessLogs(parts())
    expect(existsSync(join(folder, name))).toBe(false)
    expect(await events('access-log.finished')).toHaveLength(1)
    expect(await verifyAccessLogs(parts())).toEqual([{ name: `${name}.gz`, verdict: 'whole' }])
  })

  test('OCS-8, CP 5.5.2: a file stays until the policy’s years are over, then goes with an audit event; its row stays for ever', async () => {
    const [first, second] = [file('2026-11-22'), file('2026-11-23')]
    await keepAccessLogs(parts())
    at = new Date('2033-11-22T23:59:59.000Z')
    expect((await keepAccessLogs(parts())).removed).toEqual([])
    at = new Date('2033-11-23T00:00:01.000Z')
    expect((await keepAccessLogs(parts())).removed).toEqual([`${first}.gz`])
    expect(readdirSync(folder)).toEqual([`${second}.gz`])
    expect(await events('access-log.removed')).toMatchObject([{ subject: `access-log:${first}.gz` }])
    await expect(database('access_log_files').delete()).rejects.toThrow()
    await expect(database('access_log_files').where({ name: `${second}.gz` }).update({ sha256: '0'.repeat(64) })).rejects.toThrow()
    await expect(database('access_log_files').where({ name: `${first}.gz` }).update({ removed_at: null })).rejects.toThrow()
  })

  test('OCS-8: a kept file that was changed or taken away is found', async () => {
    const [changed, missing, whole] = [file('2026-11-20'), file('2026-11-21'), file('2026-11-22')]
    await keepAccessLogs(parts())
    appendFileSync(join(folder, `${changed}.gz`), 'x')
    rmSync(join(folder, `${missing}.gz`))
    expect(await verifyAccessLogs(parts())).toEqual([{ name: `${changed}.gz`, verdict: 'changed' }, { name: `${missing}.gz`, verdict: 'missing' }, { name: `${whole}.gz`, verdict: 'whole' }])
  })

  const row = (name: string, more = {}) => ({ name, node: 'node-7', day: '2000-01-01', lines: 1, octets: 1, kept_octets: 1, sha256: '0'.repeat(64), finished_at: '2000-01-02T00:00:00.000Z', ...more })
  const FALSE = [
    ['a path out of the folder', row('../pins/issuing')],
    ['a path that begins as a name does', row('ocsp-2000-01-01-node-7.5-abcdef.1.log.gz/../../pins/issuing')],
    ['another day', row('ocsp-2026-11-22-node-7.5-abcdef.1.log.gz')],
    ['another node', row('ocsp-2000-01-01-node-8.5-abcdef.1.log.gz')],
    ['a file that is not packed', row('ocsp-2000-01-01-node-7.5-abcdef.1.log')],
    ['no day', row('ocsp-..-node-7.5-abcdef.1.log.gz', { day: '..' })],
  ] as const
  test.each(FALSE)('OCS-8, ISS-6: the database takes no row of %s', async (_, each) => {
    await expect(database('access_log_files').insert(each)).rejects.toThrow('name a kept file of their node and day')
  })

  test('OCS-8, ISS-6: a false row of long ago deletes and reads no file, and is told of', async () => {
    await dropTrigger(database, 'access_log_files', 'access_log_files_named')
    const pins = join(folder, 'pins')
    const inner = join(folder, 'log')
    for (const made of [pins, inner]) mkdirSync(made)
    writeFileSync(join(pins, 'issuing'), '1234')
    for (const [, each] of FALSE) {
      mkdirSync(join(inner, each.name, '..'), { recursive: true })
      if (each.name.endsWith('.gz') && !each.name.includes('/')) writeFileSync(join(inner, each.name), 'x')
      await database('access_log_files').insert(each)
    }
    const before = readdirSync(inner)
    const { removed, refused } = await keepAccessLogs({ ...parts(), folder: inner })
    expect(removed).toEqual([])
    expect([...refused].sort()).toEqual(FALSE.map(([, { name }]) => name).sort())
    expect(readFileSync(join(pins, 'issuing'), 'utf8')).toBe('1234')
    expect(readdirSync(inner)).toEqual(before)
    expect(await events('access-log.removed')).toEqual([])
    expect((await verifyAccessLogs({ ...parts(), folder: inner })).map(({ verdict }) => verdict)).toEqual(FALSE.map(() => 'false-name'))
  })

  test('OCS-8, ISS-6: a row that somebody put there before the file was packed takes no line from the archive', async () => {
    const name = file('2026-11-22')
    await database('access_log_files').insert(row(`${name}.gz`, { day: '2026-11-22' }))
    expect(await keepAccessLogs(parts())).toEqual({ kept: [], removed: [], refused: [`${name}.gz`] })
    expect(readFileSync(join(folder, name), 'utf8')).toContain('2026-11-22 line')
  })
})
