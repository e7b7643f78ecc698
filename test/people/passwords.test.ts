import { describe, expect, test } from 'vitest'
import { hashPassword, passwordProblem, verifyPassword } from '../../src/people/passwords.ts'

const person = { email: 'hanako.sato@maker.example', name: '佐藤 花子' }

describe('passwords', () => {
  test('ACC-1: argon2id; right, wrong, nobody; the same text in composed and full-width forms', async () => {
    const hash = await hashPassword('ｐｌｕｍ orchard がぎぐ')
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(await verifyPassword(hash, 'plum orchard がぎぐ'.normalize('NFD'))).toBe(true)
    expect(await verifyPassword(hash, 'plum orchard')).toBe(false)
    expect(await verifyPassword(null, 'nobody has this password')).toBe(false)
    expect(await verifyPassword(hash, 'x'.repeat(100_000))).toBe(false)
  })

  test('ACC-1: a password that registration takes, sign-in takes too, however many marks its keyboard wrote', async () => {
    const typed = Array.from({ length: 90 }, (_, index) => 'ếộừ'[index % 3]! + String.fromCodePoint(0x3042 + (index % 40))).join('').slice(0, 120).normalize('NFD')
    expect(typed.length).toBeGreaterThan(128 * 1.5)
    const longest = Array.from({ length: 128 }, (_, index) => ['ế', 'ᾂ', 'ộ', '🔑', 'ᾃ'][index % 5]!).join('')
    for (const password of ['\u1ebf'.normalize('NFD').repeat(90) + 'x1', typed, longest.normalize('NFD')]) {
      expect(passwordProblem(password, person)).toBeNull()
      const hash = await hashPassword(password)
      expect(await verifyPassword(hash, password)).toBe(true)
      expect(await verifyPassword(hash, password.normalize('NFC'))).toBe(true)
    }
  })

  test('ACC-3: what is typed without end is refused before any work, as new and as present', async () => {
    const endless = '\u0301'.repeat(2_000_000)
    const begun = performance.now()
    expect([passwordProblem(`e${endless}`, person), await verifyPassword(null, `e${endless}`)]).toEqual(['too-long', false])
    expect(performance.now() - begun).toBeLessThan(400)
    expect(passwordProblem('\ufdfa'.repeat(20), person)).toBe('too-long')
  })

  test('ACC-3: an unknown address takes the same work as a wrong password', async () => {
    const hash = await hashPassword('plum orchard lantern')
    const time = async (of: string | null) => {
      const begun = process.hrtime.bigint()
      for (let each = 0; each < 5; each++) await verifyPassword(of, 'some other password')
      return Number(process.hrtime.bigint() - begun)
    }
    await verifyPassword(null, 'warm up')
    const [known, unknown] = [await time(hash), await time(null)]
    // The same algorithm and cost; without the hash of nobody it would be hundreds of times less.
    expect(unknown).toBeGreaterThan(known / 5)
  })

  test.each([
    ['elevenchars', 'too-short'],
    ['十一文字しかないものだ', 'too-short'],
    ['x1 '.repeat(50), 'too-long'],
    ['HANAKO.SATO@maker.example', 'is-about-you'],
    ['my hanako-sato 2026', 'is-about-you'],
    ['佐藤花子の秘密のパスワード', 'is-about-you'],
    ['Password12345', 'too-common'],
    ['aaaaaaaaaaaaaa', 'too-common'],
    ['abcabcabcabcabc', 'too-common'],
    ['0123456789012', 'too-common'],
    ['qwertyuiopasdf', 'too-common'],
    ['plum orchard lantern', null],
    ['月曜日の朝はゆっくり歩く', null],
    ['🔑🐢🌊🍋🎻🚲🧵🏔🪁🫖🧊🕯', null],
  ])('ACC-1: judges "%s" as %s', (password, problem) => expect(passwordProblem(password, person)).toBe(problem))
})
