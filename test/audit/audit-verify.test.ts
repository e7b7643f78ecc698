import { spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, test } from 'vitest'
import { audit } from '../../src/audit/audit-log.ts'
import type { Database } from '../../src/database/database.ts'
import { AT } from '../database/rows.ts'
import { describeOnBothDatabases, openEmpty, urlOf } from '../support/database.ts'
import { allowTampering } from './tampering.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

const COMMAND = fileURLToPath(new URL('../../src/commands/audit-verify.ts', import.meta.url))

function verify(databaseUrl: string, ...parameters: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...TYPESCRIPT, COMMAND, ...parameters], { env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl }, stdio: ['ignore', 'pipe', 'pipe'] })
    const said = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...said }))
  })
}

describeOnBothDatabases('npm run audit:verify', (open, engine) => {
  let database: Database
  let hashes: string[]
  beforeEach(async () => {
    database = await open()
    for (let n = 1; n <= 4; n++) await database.transaction((trx) => audit(trx, { at: new Date(AT), actor: 'process:ca', event: 'crl.issued', subject: `crl:${n}` }))
    hashes = (await database('audit_events').orderBy('seq').select('hash')).map((row) => row.hash)
  })

  test('LOG-1: says that the log is whole, its number of entries and its head', async () => {
    expect(await verify(urlOf(database))).toEqual({ code: 0, err: '', out: `The audit log is whole: 4 entries, each following the one before it.\nHead: ${hashes[3]}\n` })
  })

  test.each([
    ['hash', 'its content is not what was written', () => database('audit_events').where({ seq: 2 }).update({ subject: 'crl:9' })],
    ['gap', 'it is missing', () => database('audit_events').where({ seq: 2 }).delete()],
    ['link', 'it does not follow the entry before it', () => database('audit_events').where({ seq: 2 }).update({ previous_hash: hashes[3] })],
  ])('LOG-1: names the first bad entry and why (%s), with exit code 1', async (_, why, tamper) => {
    await allowTampering(database)
    await tamper()
    const { code, out, err } = await verify(urlOf(database))
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(new RegExp(`^The audit log is NOT whole. First bad entry: 2: ${why}.*\\n$`))
  })

  test('LOG-1: a head noted earlier is still in the log', async () => {
    expect(await verify(urlOf(database), '--head', hashes[2]!)).toMatchObject({ code: 0, err: '', out: expect.stringContaining(`The noted head is entry 3 of ${AT}`) })
  })

  test('LOG-1: a log whose end was cut off is found by its noted head alone', async () => {
    await allowTampering(database)
    await database('audit_events').where({ seq: 4 }).delete()
    expect(await verify(urlOf(database))).toMatchObject({ code: 0 })
    expect(await verify(urlOf(database), '--head', hashes[3]!)).toMatchObject({ code: 1, err: expect.stringContaining(`The noted head ${hashes[3]} is not in it`) })
  })

  test('a database without tables is not called whole', async () => {
    const empty = await openEmpty(engine)
    await empty.raw('SELECT 1')
    expect(await verify(urlOf(empty))).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^The audit log could not be checked: .*audit_events.*\n$/) })
  })
})

describe('npm run audit:verify refuses with exit code 2 and one line', () => {
  test('a database that is not there, and makes none', async () => {
    const folder = join(tmpdir(), `portal-none-${process.pid}`)
    try {
      expect(await verify(`sqlite:${folder}/portal.sqlite`)).toEqual({ code: 2, out: '', err: `There is no database at ${folder}/portal.sqlite.\n` })
      expect(existsSync(folder)).toBe(false)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
  test('a server that does not answer', async () => {
    expect(await verify('postgres://a:secret@127.0.0.1:1/none')).toEqual({ code: 2, out: '', err: expect.stringMatching(/^The audit log could not be checked: (?!.*secret).*ECONNREFUSED.*\n$/) })
  })
  test('a head that is not one', async () => {
    expect(await verify('sqlite:/nowhere/portal.sqlite', '--head', 'abc')).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^--head must be 64 hexadecimal digits.*\n$/) })
  })
  test('an entry of the environment that is wrong', async () => {
    expect(await verify('mysql://a')).toMatchObject({ code: 2, out: '', err: expect.stringContaining('DATABASE_URL: must begin with') })
  })
  test('a parameter that it does not know', async () => {
    expect(await verify('sqlite:/nowhere/portal.sqlite', '--haed', 'abc')).toMatchObject({ code: 2, out: '', err: expect.stringContaining('--haed') })
  })
})
