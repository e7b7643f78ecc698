import { describe, expect, test } from 'vitest'
import { namedLanguage, readArguments } from '../../src/keygen/arguments.ts'
import { Refusal } from '../../src/keygen/refusal.ts'
import { terminalLanguage, wordsOf } from '../../src/keygen/words.ts'
import { readEnteredName } from '../../src/pki/entered-name.ts'
import { WORDS } from '../../src/web/locales.ts'

const CHALLENGE = ['--challenge', 'ab'.repeat(32)]
const TICKET = ['--portal', 'https://portal.example', '--ticket', 'CS-2345-ABCD.0123456789abcdefghijkl']
const MODULE = ['--module', '/m.so']

const refusal = (...args: string[]): string => {
  try {
    readArguments(args)
    return 'accepted'
  } catch (error) {
    if (!Refusal.is(error)) throw error
    expect(error.exitCode).toBe(2)
    return error.key.replace('error.', '')
  }
}

describe('the command line of keygen', () => {
  test('ATT-3: with a ticket or a challenge, everything else has a sensible value', () => {
    expect(readArguments([...MODULE, ...CHALLENGE])).toEqual({ do: 'generate', module: '/m.so', token: null, source: { challenge: 'ab'.repeat(32) }, label: 'code-signing', bits: 3072, subject: null, out: '.', pinFile: null })
    expect(readArguments([...MODULE, ...TICKET, '--slot', '7', '--bits', '4096', '--label', 'k 1', '--subject', 'CN=Foo\\, K.K., C=JP', '--out', 'o', '--pin-file', 'p', '--language', 'ja'])).toEqual({
      do: 'generate',
      module: '/m.so',
      token: { slot: 7 },
      source: { portal: new URL('https://portal.example'), ticket: TICKET[3] },
      label: 'k 1',
      bits: 4096,
      subject: [
        { type: 'commonName', value: 'Foo, K.K.' },
        { type: 'countryName', value: 'JP' },
      ],
      out: 'o',
      pinFile: 'p',
    })
    expect(readArguments([...MODULE, ...CHALLENGE, '--token-label', 'mine'])).toMatchObject({ token: { label: 'mine' } })
    expect(readArguments([...MODULE, '--list'])).toEqual({ do: 'list', module: '/m.so' })
    for (const args of [[], ['--help']]) expect(readArguments(args)).toEqual({ do: 'help' })
    expect(readArguments(['--version'])).toEqual({ do: 'version' })
  })

  test.each<[string, string[], string]>([
    ['a PIN, whatever else is right', [...MODULE, ...CHALLENGE, '--pin', '1234'], 'pin-on-command-line'],
    ['a PIN behind an equals sign', [...MODULE, ...CHALLENGE, '--pin=1234'], 'pin-on-command-line'],
    ['an option that is none', [...MODULE, ...CHALLENGE, '--force'], 'unknown-option'],
    ['a word that belongs to no option', [...MODULE, ...CHALLENGE, '1234'], 'unknown-option'],
    ['no module', CHALLENGE, 'needs-module'],
    ['neither ticket nor challenge', MODULE, 'needs-challenge'],
    ['a ticket without a portal', [...MODULE, '--ticket', TICKET[3]!], 'needs-portal'],
    ['both ticket and challenge', [...MODULE, ...TICKET, ...CHALLENGE], 'one-challenge'],
    ['a challenge cut short', [...MODULE, '--challenge', 'ab'.repeat(31)], 'bad-challenge'],
    ['a ticket cut short', [...MODULE, '--portal', 'https://portal.example', '--ticket', TICKET[3]!.slice(0, -1)], 'bad-ticket'],
    ['a portal without TLS', [...MODULE, '--portal', 'http://portal.example', '--ticket', TICKET[3]!], 'bad-portal'],
    ['a portal with a password in its address', [...MODULE, '--portal', 'https://a:b@portal.example', '--ticket', TICKET[3]!], 'bad-portal'],
    ['a portal that is no address', [...MODULE, '--portal', 'portal', '--ticket', TICKET[3]!], 'bad-portal'],
    ['RSA-2048', [...MODULE, ...CHALLENGE, '--bits', '2048'], 'bad-bits'],
    ['a slot that is no number', [...MODULE, ...CHALLENGE, '--slot', 'x'], 'bad-slot'],
    ['slot and label', [...MODULE, ...CHALLENGE, '--slot', '1', '--token-label', 'x'], 'one-token'],
    ['a label outside ASCII', [...MODULE, ...CHALLENGE, '--label', '鍵'], 'bad-label'],
    ['a subject that is none', [...MODULE, ...CHALLENGE, '--subject', 'XX=Foo'], 'bad-subject'],
    ['another language', [...MODULE, ...CHALLENGE, '--language', 'fr'], 'bad-language'],
  ])('ATT-3: refuses %s', (_name, args, key) => expect(refusal(...args)).toBe(key))

  test('ATT-3: takes plain HTTP to this computer alone, for trying out', () => {
    for (const portal of ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080']) expect(refusal(...MODULE, '--portal', portal, '--ticket', TICKET[3]!)).toBe('accepted')
    expect(refusal(...MODULE, '--portal', 'http://127.0.0.1.example', '--ticket', TICKET[3]!)).toBe('bad-portal')
  })

  test('ATT-3: never repeats what was typed in the place of an option', () => {
    try {
      readArguments([...MODULE, ...CHALLENGE, 'secret-1234'])
    } catch (error) {
      expect(JSON.stringify((error as Refusal).values)).not.toContain('secret')
    }
  })
})

describe('the words of keygen', () => {
  test('are in the language named, else in the terminal’s, else English', () => {
    expect([namedLanguage(['--language', 'ja']), namedLanguage(['--x', '--language=en']), namedLanguage(['--language', 'fr']), namedLanguage([])]).toEqual(['ja', 'en', null, null])
    expect([terminalLanguage({ LANG: 'ja_JP.UTF-8' }), terminalLanguage({ LANG: 'ja_JP.UTF-8', LC_ALL: 'C' }), terminalLanguage({})]).toEqual(['ja', 'en', 'en'])
  })

  test('fill their placeholders, and exist for each refusal', () => {
    expect(wordsOf('en')('tokens.line', { slot: '1', label: 'mine', manufacturer: 'M', model: 'X', firmware: '1.0', serial: '9' })).toContain('slot 1: “mine”, M X')
    expect(() => wordsOf('ja')('error.none')).toThrow()
    for (const language of ['en', 'ja'] as const) for (const key of [...WORDS[language].keys()].filter((each) => each.startsWith('keygen.'))) expect(wordsOf(language)(key.slice('keygen.'.length))).not.toBe('')
  })
})

test('a name as people type it: attributes in their order, or the part that is none', () => {
  expect(readEnteredName('Example K.K.')).toEqual({ attributes: [{ type: 'commonName', value: 'Example K.K.' }] })
  expect(readEnteredName(' cn = A ,O=B')).toEqual({ attributes: [{ type: 'commonName', value: 'A' }, { type: 'organizationName', value: 'B' }] })
  expect(readEnteredName('CN=A, Q=B')).toEqual({ refused: 'Q=B' })
  expect(readEnteredName('CN=')).toEqual({ refused: 'CN=' })
  expect(readEnteredName('  ')).toEqual({ refused: '  ' })
})
