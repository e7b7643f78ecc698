/** The package runs alone: from an empty folder, with nothing of this tree but the tarball (ATT-3). */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packKeygen, type KeygenPackage } from '../../src/keygen/package.ts'
import { tar } from '../../src/keygen/tar.ts'
import { LIBRARY } from '../../src/key-protection/key-report.ts'
import { cleanEnvironment } from '../support/program.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { freshSoftHsm, type TestHsm } from '../support/softhsm.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const NPM_MINUTES = 4
let folder: string
let hsm: TestHsm
let pin: string
let packed: KeygenPackage
let tarball: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'keygen-package-'))
  hsm = freshSoftHsm()
  pin = (await hsm.token('subscriber')).pin
  packed = await packKeygen()
  tarball = join(folder, packed.name)
  writeFileSync(tarball, packed.bytes)
}, 60_000)
afterAll(() => {
  hsm.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** What our own lock file names. */
function lockedVersions(): Readonly<Record<string, string>> {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, { version: string }> }
  return Object.fromEntries(['graphene-pk11', 'pkcs11js'].map((name) => [name, lock.packages[`node_modules/${name}`]!.version]))
}
const unpacked = (name: string): string => execFileSync('tar', ['-xzOf', tarball, `package/${name}`], { encoding: 'utf8' })

describe('the package', () => {
  test('ATT-3: the same sources give the same octets, whose SHA-256 is told', async () => {
    const again = await packKeygen()
    expect(again.bytes.equals(packed.bytes)).toBe(true)
    expect(again.sha256).toBe(createHash('sha256').update(packed.bytes).digest('hex'))
    expect(packed.name).toBe('code-signing-keygen-1.0.0.tgz')
  })

  test('ATT-3: holds readable scripts, a manifest that pins the PKCS #11 packages as our lock file does, and nothing of this machine', () => {
    expect(execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')).toEqual(expect.arrayContaining(['package/README.md', 'package/command.js', 'package/main.js', 'package/package.json']))
    const manifest = JSON.parse(unpacked('package.json')) as { dependencies: Record<string, string>; version: string; bin: object }
    expect(manifest).toMatchObject({ version: LIBRARY.version, bin: { 'code-signing-keygen': 'main.js' }, dependencies: lockedVersions() })
    expect(Object.keys(manifest.dependencies)).toEqual(['graphene-pk11', 'pkcs11js'])
    const text = execFileSync('tar', ['-xzOf', tarball], { encoding: 'utf8' })
    expect(text).not.toContain(ROOT)
    expect(text).toContain('var keyFaults = ')
    const imported = new Set([...text.matchAll(/^import .* from "([^"]+)"/gm)].map((match) => match[1]!).filter((name) => !name.startsWith('.')))
    expect([...imported].filter((name) => !/^(node:|graphene-pk11$)/.test(name))).toEqual([])
  })

  test('ATT-3: its version is one that the shipped policy accepts', () => {
    expect(shippedPolicy.keyProtection.prescribedLibrary!.libraryVersions).toContain(LIBRARY.version)
  })

  test('ATT-3: npx runs it from an empty folder: a key is generated, and its two files are there', () => {
    const empty = join(folder, 'empty')
    mkdirSync(empty)
    const env = { ...cleanEnvironment({}), LC_ALL: 'C', SOFTHSM2_CONF: hsm.conf, KEYGEN_PIN: pin }
    const args = ['--module', hsm.module, '--token-label', 'subscriber', '--challenge', 'ab'.repeat(32)]
    const npx = spawnSync('npx', ['--yes', '--prefer-offline', '--allow-scripts=pkcs11js', `--package=${tarball}`, LIBRARY.name, ...args], { cwd: empty, env, encoding: 'utf8', timeout: NPM_MINUTES * 60_000 })
    if (npx.status !== 0 && /ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|E40\d|network/.test(npx.stderr)) {
      process.stdout.write('npx can’t get the PKCS #11 packages here: those of this tree are put beside the program instead\n')
      execFileSync('tar', ['-xzf', tarball], { cwd: empty })
      for (const name of ['graphene-pk11', 'pkcs11js', 'tslib']) cpSync(join(ROOT, 'node_modules', name), join(empty, 'package', 'node_modules', name), { recursive: true })
      execFileSync(process.execPath, [join(empty, 'package', 'main.js'), ...args], { cwd: empty, env })
    } else expect(npx.stderr.replace(/^npm warn.*\n/gm, '')).toBe('')
    expect(readdirSync(empty)).toEqual(expect.arrayContaining(['key-report.json', 'request.pem']))
    expect(JSON.parse(readFileSync(join(empty, 'key-report.json'), 'utf8'))).toMatchObject({ format: 'code-signing-key-report', challenge: 'ab'.repeat(32) })
  }, (NPM_MINUTES + 1) * 60_000)

  test('ATT-3: where the PKCS #11 package was not built, it says so in a sentence', () => {
    const alone = join(folder, 'alone')
    mkdirSync(alone)
    execFileSync('tar', ['-xzf', tarball], { cwd: alone })
    // As npm leaves it when its build is not allowed.
    for (const name of ['graphene-pk11', 'tslib']) cpSync(join(ROOT, 'node_modules', name), join(alone, 'node_modules', name), { recursive: true })
    cpSync(join(ROOT, 'node_modules/pkcs11js/index.js'), join(alone, 'node_modules/pkcs11js/index.js'))
    const { status, stderr } = spawnSync(process.execPath, [join(alone, 'package', 'main.js'), '--module', '/m.so', '--list'], { encoding: 'utf8', env: { ...cleanEnvironment({}), LC_ALL: 'C' } })
    expect(status).toBe(1)
    expect(stderr).toMatch(/^The PKCS#11 part of the program can't be loaded: .*pkcs11\.node/)
    expect(stderr.trim().split('\n')).toHaveLength(2)
  })
})

test('a tar archive: what tar(1) reads back, block by block', () => {
  const file = join(folder, 'x.tar')
  const entries = [
    { path: 'b/long.txt', text: '長い'.repeat(300) },
    { path: 'a.sh', text: '#!/bin/sh\n', executable: true },
    { path: 'empty', text: '' },
  ]
  const archive = tar(entries)
  writeFileSync(file, archive)
  expect(archive.length % 512).toBe(0)
  expect(execFileSync('tar', ['-tvf', file], { encoding: 'utf8' }).split('\n').map((line) => line.split(/\s+/)[0])).toEqual(['-rwxr-xr-x', '-rw-r--r--', '-rw-r--r--', ''])
  for (const { path, text } of entries) expect(execFileSync('tar', ['-xOf', file, path], { encoding: 'utf8' })).toBe(text)
  expect(() => tar([{ path: 'x'.repeat(101), text: '' }])).toThrow(RangeError)
})
