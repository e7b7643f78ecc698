/** `npm run weak-keys`, as an operator runs it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { verifyAuditChain } from '../../src/audit/audit-log.ts'
import { DEBIAN_3072, DEBIAN_4096 } from '../certificate/weak-moduli.ts'
import { soundModulus } from '../pki/keys.ts'
import { describeOnBothDatabases, openFresh, urlOf } from '../support/database.ts'
import { run } from '../support/program.ts'
import { badkeysFile, opensslFile } from '../support/weak-key-lists.ts'

const folder = mkdtempSync(join(tmpdir(), 'weak-keys-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const write = (name: string, bytes: Buffer): string => {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}
const moduli = Array.from({ length: 5 }, (_, index) => soundModulus(512, `command ${index}`))
const command = (url: string, ...words: string[]) => run('commands/weak-keys', { DATABASE_URL: url, DATA_DIR: folder }, words)

describeOnBothDatabases('npm run weak-keys', (open) => {
  test('KEY-3: imports, says what it took and skipped, once; status tells what is loaded and what is missing', async () => {
    const database = await open()
    const url = urlOf(database)
    const file = write('blacklist.RSA-512', Buffer.concat([opensslFile(moduli), Buffer.from('remark\n')]))
    expect(await command(url, 'import', file)).toMatchObject({ code: 0, err: '', out: 'blacklist.RSA-512: openssl-blacklist, took 5 digests, 5 of them new; skipped 1 lines that are no digest (8)\n' })
    expect(await command(url, 'import', file)).toMatchObject({ code: 0, out: 'blacklist.RSA-512: loaded before, nothing to do\n' })
    const status = await command(url, 'status')
    expect(status.out).toMatch(/^RSA 3072: no complete list of Debian weak keys is loaded \(KEY-3\)\nRSA 4096: no complete list/)
    expect(status.out).toMatch(/list 1: blacklist\.RSA-512 \(openssl-blacklist\), 5 digests, 1 lines skipped, loaded /)
    expect(status.out).toContain('shipped: 2 known weak keys')
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true, entries: 1 })
    expect((await database('audit_events').first()).actor).toMatch(/^operator:/)
  })
  test('KEY-3: puts a whole list on record as complete, which status then says', async () => {
    const url = urlOf(await open())
    const file = write('blocklist.dat', badkeysFile([DEBIAN_3072, DEBIAN_4096], 200_000))
    expect(await command(url, 'import', '--complete-for', '3072,4096', file)).toMatchObject({ code: 0, err: '', out: 'blocklist.dat: badkeys, took 200002 digests, 200002 of them new\nOn record as complete for RSA 3072, 4096\n' })
    expect((await command(url, 'status')).out).toMatch(/^RSA 3072: a complete list is loaded\nRSA 4096: a complete list is loaded\n/)
  }, 60_000)
})

describe('npm run weak-keys, what it refuses', () => {
  test('KEY-3: says in one line why a file or a claim is not taken', async () => {
    const url = urlOf(await openFresh())
    expect(await command(url, 'import', write('noise.bin', Buffer.alloc(160, 0xfe).fill(1, 80)))).toMatchObject({ code: 1, err: expect.stringMatching(/^weak-keys: noise\.bin was not taken: it is neither a text nor badkeys' blocklist\.dat.*\n$/) })
    expect(await command(url, 'import', write('list.xz', Buffer.from('fd377a585a0000', 'hex')))).toMatchObject({ code: 1, err: expect.stringMatching(/^weak-keys: list\.xz was not taken: it is compressed: unpack it first/) })
    expect(await command(url, 'import', join(folder, 'nowhere'))).toMatchObject({ code: 1, err: expect.stringMatching(/^weak-keys: ENOENT.*\n$/) })
    expect(await command(url, 'import', '--complete-for', '3072', write('few', opensslFile(moduli)))).toMatchObject({ code: 1, err: expect.stringMatching(/^not recorded as complete for 3072: the files hold 5 digests.*\nweak-keys: .*\n$/) })
    for (const wrong of [['import'], ['import', '--complete-for', 'all', 'f']]) expect(await command(url, ...wrong)).toMatchObject({ code: 2, err: expect.stringMatching(/^usage: /) })
  }, 60_000)
})
