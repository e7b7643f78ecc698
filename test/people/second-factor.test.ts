import { generate } from 'otplib'
import { describe, expect, test } from 'vitest'
import { randomBytes } from 'node:crypto'
import { createAccount } from '../../src/people/accounts.ts'
import {
  countRecoveryCodes,
  enrolTotp,
  newTotpSecret,
  replaceRecoveryCodes,
  takeRecoveryCode,
  takeTotpCode,
  takeTotpStep,
  totpStep,
} from '../../src/people/second-factor.ts'
import type { Secrets } from '../../src/secrets.ts'
import { openSecrets } from '../../src/secrets.ts'
import type { Database } from '../../src/database/database.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { describeOnBothDatabases } from '../support/database.ts'

const folder = mkdtempSync(join(tmpdir(), 'secrets-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const secrets: Secrets = openSecrets(folder)
const now = new Date('2026-10-01T09:00:10Z')
const secret = newTotpSecret()
const codeAt = (seconds: number) => generate({ secret, epoch: Math.floor(now.getTime() / 1000) + seconds })
const step = Math.floor(now.getTime() / 30_000)

describe('ACC-1: TOTP codes', () => {
  test('ACC-1: RFC 6238 appendix B: the SHA-1 vectors, at their last six digits', async () => {
    // "12345678901234567890" in base32.
    const known = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
    for (const [time, code] of [
      [59, '287082'],
      [1111111109, '081804'],
      [1111111111, '050471'],
      [1234567890, '005924'],
      [2000000000, '279037'],
    ] as const)
      expect(await totpStep(known, code, new Date(time * 1000))).toBe(Math.floor(time / 30))
  })

  test('ACC-1: takes the codes of one step either side, no others', async () => {
    expect(await Promise.all([-60, -30, 0, 30, 60].map(async (seconds) => totpStep(secret, await codeAt(seconds), now)))).toEqual([
      null,
      step - 1,
      step,
      step + 1,
      null,
    ])
  })

  test('ACC-1: full-width digits, spaces and dashes are no mistakes; anything else is refused, nothing throws', async () => {
    const code = await codeAt(0)
    const wide = [...code].map((digit) => String.fromCodePoint(digit.codePointAt(0)! + 0xfee0)).join('')
    for (const typed of [` ${code.slice(0, 3)} ${code.slice(3)} `, `${code.slice(0, 3)}-${code.slice(3)}`, wide, `${wide.slice(0, 3)}\u3000${wide.slice(3)}`])
      expect(await totpStep(secret, typed, now)).toBe(step)
    for (const typed of ['', '12345', '1234567', 'abcdef', '١٢٣٤٥٦', `${code}0`, '\u0000', 'NaN', '0x1234'])
      expect(await totpStep(secret, typed, now)).toBeNull()
  })
})

describeOnBothDatabases('ACC-1: the second factor of an account', (open) => {
  async function account(database: Database): Promise<string> {
    return database.transaction(async (trx) => {
      const id = await createAccount(
        trx,
        { email: 'a@people.example', name: 'A', language: 'en', passwordHash: '-', state: 'active', roles: ['subscriber'], grantedBy: 'test' },
        now,
      )
      await enrolTotp(trx, secrets, id!, secret, null, now)
      return id!
    })
  }

  test('ACC-1: of one code given twenty times at once, one is taken', async () => {
    const database = await open()
    const id = await account(database)
    const row = await database('accounts').where({ id }).first()
    const code = await codeAt(0)
    const taken = await Promise.all(Array.from({ length: 20 }, () => takeTotpCode(database, secrets, row, code, now)))
    expect(taken.filter(Boolean)).toHaveLength(1)
  })

  test('ACC-1: after a code no older one is good, the next is', async () => {
    const database = await open()
    const id = await account(database)
    expect(await takeTotpStep(database, id, step)).toBe(true)
    expect(await takeTotpStep(database, id, step)).toBe(false)
    expect(await takeTotpStep(database, id, step - 1)).toBe(false)
    expect(await takeTotpStep(database, id, step + 1)).toBe(true)
  })

  test('ACC-1: a second factor that is there is not replaced by another; the secret is sealed to its account', async () => {
    const database = await open()
    const id = await account(database)
    expect(await database.transaction((trx) => enrolTotp(trx, secrets, id, newTotpSecret(), step, now))).toBe(false)
    const row = await database('accounts').where({ id }).first()
    expect(row.totp_secret_sealed).not.toContain(secret)
    await expect(takeTotpCode(database, secrets, { ...row, id: 'somebody-else' }, await codeAt(0), now)).rejects.toThrow()
  })

  test('ACC-1: ten recovery codes, each good once even at the same moment, stored as hashes; new ones void the old', async () => {
    const database = await open()
    const id = await account(database)
    const make = () => database.transaction((trx) => replaceRecoveryCodes(trx, randomBytes, id))
    const codes = await make()
    expect(new Set(codes).size).toBe(10)
    const stored = JSON.stringify(await database('recovery_codes'))
    for (const code of codes) expect(stored).not.toContain(code)
    const taken = await Promise.all(Array.from({ length: 10 }, () => takeRecoveryCode(database, id, codes[0]!, now)))
    expect(taken.filter(Boolean)).toHaveLength(1)
    expect(await takeRecoveryCode(database, id, ` ${codes[1]!.toUpperCase().replaceAll('-', ' ')} `, now)).toBe(true)
    expect(await countRecoveryCodes(database, id)).toBe(8)
    expect(await takeRecoveryCode(database, 'somebody-else', codes[2]!, now)).toBe(false)
    await make()
    expect(await takeRecoveryCode(database, id, codes[3]!, now)).toBe(false)
    expect(await countRecoveryCodes(database, id)).toBe(10)
  })
})
