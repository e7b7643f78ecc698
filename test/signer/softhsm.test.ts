import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { findSoftHsm, softHsmStorageFault, useSoftHsm } from '../../src/signer/softhsm.ts'
import { initialiseToken } from '../../src/signer/token.ts'
import { softHsmModule } from '../support/softhsm.ts'

const folder = mkdtempSync(join(tmpdir(), 'softhsm conf '))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const mode = (path: string) => statSync(path).mode & 0o777

test('ISS-6: writes a configuration with an absolute token folder, for the owner alone', () => {
  const env: NodeJS.ProcessEnv = {}
  const home = join(folder, 'open')
  mkdirSync(home, { mode: 0o755 })
  chmodSync(home, 0o755)
  const made = useSoftHsm(relative(process.cwd(), home), env)
  expect(readFileSync(made.conf, 'utf8')).toContain(`directories.tokendir = ${home}/tokens\n`)
  expect([mode(home), mode(made.tokens), mode(made.conf)]).toEqual([0o700, 0o700, 0o600])
  expect(env['SOFTHSM2_CONF']).toBe(join(home, 'softhsm2.conf'))
  expect(softHsmStorageFault(env)).toBeNull()
})

test('ISS-6: a folder name with spaces works in the real module', async () => {
  useSoftHsm(join(folder, 'with a space'))
  const made = await initialiseToken({ module: softHsmModule(), label: 'spaced', soPin: '1'.repeat(32), userPin: '2'.repeat(32), lockFile: join(folder, 'lock') })
  expect(made).toBe('made')
})

test('ISS-6: each fault of the files is named, where the module says CKR_GENERAL_ERROR for all', () => {
  const conf = join(folder, 'bad.conf')
  const faultOf = (text: string) => {
    writeFileSync(conf, text)
    return softHsmStorageFault({ SOFTHSM2_CONF: conf })
  }
  expect(softHsmStorageFault({ SOFTHSM2_CONF: join(folder, 'absent.conf') })).toMatch(/can't be read \(ENOENT\)/)
  expect(faultOf('log.level = ERROR\n')).toMatch(/names no directories.tokendir/)
  expect(faultOf('directories.tokendir = tokens\n')).toMatch(/must be an absolute path/)
  expect(faultOf(`directories.tokendir = ${join(folder, 'absent')}\n`)).toMatch(/can't be used \(ENOENT\)/)
  expect(faultOf(`directories.tokendir = ${conf}\n`)).toMatch(/is no folder/)
})

test('ISS-6: SOFTHSM2_MODULE is used or nothing is; an unpacked package is found below the data folder', () => {
  expect(findSoftHsm({ dataDir: folder, env: { SOFTHSM2_MODULE: softHsmModule() } })).toBe(softHsmModule())
  expect(findSoftHsm({ dataDir: folder, env: { SOFTHSM2_MODULE: join(folder, 'absent.so') } })).toBeNull()
  const unpacked = join(folder, 'softhsm/usr/lib/softhsm/libsofthsm2.so')
  mkdirSync(dirname(unpacked), { recursive: true })
  writeFileSync(unpacked, '')
  expect(findSoftHsm({ dataDir: folder, env: {} })).not.toBeNull()
})
