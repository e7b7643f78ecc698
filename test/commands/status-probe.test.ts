/** The examples of a running instance, three days old, as the tools of others see them; and the comparison by command. */
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Instance } from '../support/instance.ts'
import { startInstance } from '../support/instance.ts'
import { liveDays } from '../support/lived.ts'
import { run } from '../support/program.ts'
import { describeWith } from '../support/signing-tools.ts'

describeWith(['openssl', 'jarsigner', 'keytool', 'osslsigncode'], 'status:probe and status:reconcile on a running instance', () => {
  let instance: Instance
  const env = () => instance.env as Readonly<Record<string, string>>
  beforeAll(async () => {
    instance = await startInstance({ prepare: (own) => liveDays(own, 3) })
  }, 180_000)
  afterAll(() => instance?.stop())

  const lines = (text: string) => text.split('\n').map((line) => /^(ok|WRONG) +(\S+) +(\S+) +(.*?)(?: \(\S+ [0-9a-f]+\))?$/.exec(line)).filter((found) => found !== null).map((found) => found.slice(1, 5).join(' '))

  test('REP-2, CRL-3, OCS-5: each tool tells valid, revoked, expired and revoked-then-expired apart', async () => {
    const { code, out, err } = await run('commands/status-probe', env())
    const expected = [
      ['valid', 'in force', 'good', 'accepted', 'accepted'],
      ['revoked', 'in force', 'revoked', 'revoked', 'revoked'],
      ['expired', 'expired', 'good', 'accepted, certificate expired', 'accepted'],
      ['revoked-then-expired', 'expired', 'revoked', 'revoked, certificate expired', 'revoked'],
    ].flatMap(([kind, dates, status, jarsigner, osslsigncode]) => [`${kind} dates ${dates}`, `${kind} ocsp-post ${status}`, `${kind} ocsp-get ${status}`, `${kind} crl ${status}`, `${kind} jarsigner ${jarsigner}`, `${kind} osslsigncode ${osslsigncode}`])
    expect(lines(out), out + err).toEqual(expected.map((line) => `ok ${line}`))
    expect(code).toBe(0)
  }, 120_000)

  test('CRL-3, OCS-3: the comparison by command agrees with the running status', async () => {
    const { code, out, err } = await run('commands/status-reconcile', env())
    expect(out + err).toMatch(/^Database, lists and OCSP agree: \d+ certificates, 2 list entries, 7 addresses/)
    expect(code).toBe(0)
    // Under another name of the same place the addresses in the certificates are fetched as they stand.
    const moved = { ...env(), STATUS_URL: instance.statusUrl.replace('localhost', '127.0.0.1') }
    expect(await run('commands/status-reconcile', moved)).toMatchObject({ code: 0, err: '', out: expect.stringContaining(', 7 addresses, ') })
  }, 60_000)

  test('REP-2: what is not as it must be is said in a line and in the exit code', async () => {
    const { database } = instance.services
    // A revocation that the product did not make of the example that is to stay valid.
    const { certificate_id, authority_id } = await database('example_certificates').where({ kind: 'valid' }).first('certificate_id', 'authority_id')
    const { serial } = await database('certificates').where({ id: certificate_id }).first('serial')
    const at = new Date().toISOString()
    await database('revocations').insert({ certificate_id, authority_id, serial, reason_code: 1, ground: 'example', explanation: '', revoked_at: at, recorded_at: at, requested_by: null })
    // Where openssl alone is: the others are said to be left out.
    const path = mkdtempSync(join(tmpdir(), 'tools-'))
    const place = process.env['PATH']!.split(delimiter).find((folder) => existsSync(join(folder, 'openssl')))!
    symlinkSync(join(place, 'openssl'), join(path, 'openssl'))
    const probe = () => run('commands/status-probe', { ...env(), PATH: path })
    // REV-4: answers show it within seconds.
    await expect.poll(async () => (await probe()).out, { timeout: 60_000 }).not.toContain('must say revoked')
    const { code, out } = await probe()
    rmSync(path, { recursive: true })
    expect(out).toContain('skipped: no jarsigner on this machine')
    expect(out).toContain('skipped: no osslsigncode on this machine')
    // It shows "revoked" now and is no example of a valid one any more.
    expect(out).toMatch(/note +valid +shows revoked now/)
    expect(lines(out).filter((line) => line.startsWith('WRONG'))).toEqual(['WRONG valid example shows revoked, and will not be valid again'])
    expect(code).toBe(1)
  }, 120_000)

  test('REP-2: where nobody answers, it says so in one line', async () => {
    const { code, err } = await run('commands/status-probe', { ...env(), PORTAL_URL: 'http://127.0.0.1:1' })
    expect([code, err.trim().split('\n')]).toEqual([2, [expect.stringContaining("can't be reached")]])
  })
})
