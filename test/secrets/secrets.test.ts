import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openSecrets } from '../../src/secrets.ts'

const folder = mkdtempSync(join(tmpdir(), 'secrets-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('secrets at rest', () => {
  const secrets = openSecrets(join(folder, 'one'))

  test('ACC-1: what was sealed opens for its purpose, with the same file, also in another process', () => {
    const sealed = secrets.seal('totp:account-1', 'JBSWY3DPEHPK3PXP ✓')
    expect(secrets.open('totp:account-1', sealed)).toBe('JBSWY3DPEHPK3PXP ✓')
    expect(openSecrets(join(folder, 'one')).open('totp:account-1', sealed)).toBe('JBSWY3DPEHPK3PXP ✓')
    expect(secrets.seal('totp:account-1', 'JBSWY3DPEHPK3PXP ✓')).not.toBe(sealed)
    expect(sealed).not.toContain('JBSWY3DPEHPK3PXP')
    expect(secrets.open('empty', secrets.seal('empty', ''))).toBe('')
  })

  test('ATT-3: a mark is the same for the same purpose, text and file, and another for any other', () => {
    const mark = secrets.mark('ticket', 'application 1').toString('hex')
    expect(mark).toMatch(/^[0-9a-f]{64}$/)
    expect(openSecrets(join(folder, 'one')).mark('ticket', 'application 1').toString('hex')).toBe(mark)
    const others = [secrets.mark('ticket', 'application 2'), secrets.mark('tickets', 'application 1'), openSecrets(join(folder, 'two')).mark('ticket', 'application 1')]
    expect(others.map((each) => each.toString('hex'))).not.toContain(mark)
  })

  test('ACC-1: it opens for no other purpose and with no other file', () => {
    const sealed = secrets.seal('totp:account-1', 'JBSWY3DPEHPK3PXP')
    expect(() => secrets.open('totp:account-2', sealed)).toThrow()
    expect(() => secrets.open('', sealed)).toThrow()
    const other = openSecrets(join(folder, 'two'))
    expect(other.cookieKey).not.toBe(secrets.cookieKey)
    expect(() => other.open('totp:account-1', sealed)).toThrow()
  })

  test('ACC-1: changed, shortened or lengthened by one octet anywhere it does not open', () => {
    const bytes = Buffer.from(secrets.seal('purpose', 'secret'), 'base64url')
    const opens = (changed: Buffer) => {
      try {
        secrets.open('purpose', changed.toString('base64url'))
        return true
      } catch {
        return false
      }
    }
    expect(opens(bytes)).toBe(true)
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      expect(opens(changed), `octet ${at}`).toBe(false)
    }
    for (let length = 0; length < bytes.length; length++) expect(opens(bytes.subarray(0, length)), `${length} octets`).toBe(false)
    expect(opens(Buffer.concat([bytes, Buffer.from([0])]))).toBe(false)
    // The nonce, a shortened tag, no text: what a tag of four octets would make easy to forge.
    expect(() => secrets.open('purpose', bytes.subarray(0, 16).toString('base64url'))).toThrow(/tag length|authentication tag/i)
  })

  test('ISS-6: the file is readable by its owner alone, made once and whole', () => {
    const file = join(folder, 'one', 'secrets', 'portal.key')
    expect([statSync(file).mode & 0o777, statSync(join(folder, 'one', 'secrets')).mode & 0o777, readFileSync(file).length]).toEqual([0o600, 0o700, 32])
    expect(readdirSync(join(folder, 'one', 'secrets'))).toEqual(['portal.key'])
    expect(openSecrets(join(folder, 'one')).cookieKey).toBe(secrets.cookieKey)
  })

  test('a file that is none is not used', () => {
    openSecrets(join(folder, 'short'))
    const file = join(folder, 'short', 'secrets', 'portal.key')
    chmodSync(file, 0o600)
    writeFileSync(file, 'short')
    expect(() => openSecrets(join(folder, 'short'))).toThrow('32 octets')
  })
})
