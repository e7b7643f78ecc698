import { expect, test } from 'vitest'
import { judgeBy, isProtectedKey } from '../../src/key-protection/judge-protection.ts'
import { METHODS, openMethod, openMethods, reviewerItemOf } from '../../src/key-protection/methods.ts'
import type { MethodRules } from '../../src/key-protection/protection.ts'
import { readDetails } from '../../src/key-protection/read-details.ts'
import { finding, MalformedStatement, say, type Check } from '../../src/attestation/verifier.ts'
import { checkPolicy } from '../../src/policy/policy.ts'
import { WORDS } from '../../src/web/locales.ts'
import { rsaKeyPair } from '../pki/keys.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { fingerprint, inputOf } from '../support/key-reports.ts'

const policyWith = (change: Partial<typeof shippedPolicy.keyProtection>) => ({ keyProtection: { ...shippedPolicy.keyProtection, ...change } })
const keys = rsaKeyPair(1024)

test('CP 6.2.7: all seven methods are there, each once, with its ledger row and its words', () => {
  expect(METHODS.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(METHODS.map(({ row }) => row)).toEqual(['ATT-1', 'ATT-2', 'ATT-3', 'ATT-4', 'ATT-5', 'ATT-6', 'ATT-7'])
  expect(new Set(METHODS.map(({ id }) => id)).size).toBe(7)
  for (const language of ['en', 'ja'] as const)
    for (const { id, questions, fields, reviewerItem } of METHODS) {
      const needed = [`key-protection.method.${id}.title`, `key-protection.method.${id}.hint`, ...Object.values(questions), ...fields.flatMap(({ name }) => [`key-protection-${id}.field.${name}.label`, `key-protection-${id}.field.${name}.hint`])]
      if (reviewerItem) needed.push(`review.item.${reviewerItem.id}.title`, ...reviewerItem.sources.map((source) => `review.source.${source}`))
      expect(needed.filter((key) => !WORDS[language].has(key)), language).toEqual([])
    }
})

test('CP 6.2.7: a method is open when the policy lists it, for the options that it can show', () => {
  expect(openMethods(policyWith({ methods: [2, 5] })).map(({ number }) => number)).toEqual([2, 5])
  expect(openMethod('5', 'cloud-key-protection', policyWith({ methods: [2, 5] }))?.number).toBe(5)
  expect(openMethod('5', 'own-module', policyWith({ methods: [2, 5] }))).toBeNull()
  expect(openMethod('4', 'own-module', policyWith({ methods: [2, 5] }))).toBeNull()
  for (const wrong of ['', '0', '8', '02', '2 ']) expect(openMethod(wrong, 'own-module', shippedPolicy)).toBeNull()
})

test('ATT-4, ATT-5, ATT-7: a policy that opens a method of documents asks for a person; one that asks for none is refused', () => {
  const { texts: _texts, earlierTexts: _earlier, ...data } = shippedPolicy
  for (const number of [4, 5, 7] as const)
    expect(checkPolicy({ ...data, keyProtection: { ...data.keyProtection, personConfirms: [3, 4, 5, 6, 7].filter((each) => each !== number) } })).toEqual({
      reasons: [`keyProtection.personConfirms: method ${number} rests on documents that only a person can judge: it needs one`],
    })
  expect(reviewerItemOf(3, policyWith({ personConfirms: [4, 5, 7] }))).toBeNull()
  expect(reviewerItemOf(3, shippedPolicy)).not.toBeNull()
  expect(reviewerItemOf(9 as 3, policyWith({ personConfirms: [9 as 3] }))).toBeNull()
})

/** A method of two questions that answers as it is told. */
const method = (answers: Readonly<Record<string, Check['outcome']>>): MethodRules => ({
  ...METHODS[1]!,
  questions: { one: 'one', two: 'two' },
  begun: () => true,
  examine: () => ({
    findings: Object.fromEntries(Object.entries(answers).map(([question, outcome]) => [question, finding([{ outcome, observed: say('a'), expected: say('b'), source: 'c' }])])),
    about: [],
    trusted: true,
    demo: false,
  }),
})
const verdict = (rules: MethodRules) => judgeBy(rules, inputOf(keys, []))?.verdict

test('ATT-9: the verdict is drawn from every question that the method asks, and one left out is a no', () => {
  expect(verdict(method({ one: 'pass', two: 'pass' }))).toMatchObject({ verified: { spkiSha256: fingerprint(keys.spki), method: 2, demo: false } })
  expect(verdict(method({ one: 'pass', two: 'fail' }))).toEqual({ refused: ['two'] })
  expect(verdict(method({ one: 'pass' }))).toEqual({ refused: ['two'] })
  expect(verdict({ ...method({}), questions: {} })).toEqual({ refused: [] })
  expect(verdict({ ...method({}), begun: () => false })).toBeUndefined()
})

test('ATT-9: evidence that can\u2019t be read is a verdict; a fault of ours is none', () => {
  const throwing = (error: Error): MethodRules => ({
    ...method({}),
    examine: () => {
      throw error
    },
  })
  expect(verdict(throwing(new MalformedStatement('a.pem', say('why'))))).toEqual({ malformed: { file: 'a.pem', reason: { key: 'why' } } })
  expect(() => verdict(throwing(new TypeError('ours')))).toThrow('ours')
})

test('ATT-9: nothing but the judgement makes a protected key', () => {
  const given = verdict(method({ one: 'pass', two: 'pass' }))
  if (!given || !('verified' in given)) throw new Error('expected a key')
  expect(isProtectedKey(given.verified)).toBe(true)
  expect(isProtectedKey({ ...given.verified })).toBe(false)
  expect(Object.isFrozen(given.verified)).toBe(true)
})

const FIELDS = [
  { name: 'who', kind: 'text', required: true, maximum: 5 },
  { name: 'why', kind: 'long-text', required: false },
  { name: 'when', kind: 'date', required: true },
  { name: 'which', kind: 'choice', required: true, choices: () => [{ value: 'a' }, { value: 'b' }] },
] as const
const GOOD = { 'd-who': ' Mika ', 'd-why': 'one\r\ntwo', 'd-when': '2026-02-28', 'd-which': 'b' }
const { facts } = inputOf(keys, [])

test('APP-2: what is stated for a method is read field by field, and nothing else is', () => {
  expect(readDetails(FIELDS, { ...GOOD, 'd-more': 'x', method: '2' }, facts)).toEqual({ details: { who: 'Mika', why: 'one\ntwo', when: '2026-02-28', which: 'b' }, errors: [] })
  expect(readDetails(FIELDS, { ...GOOD, 'd-why': '' }, facts).details).not.toHaveProperty('why')
})

test.each([
  ['d-who', '', 'forms.required'],
  ['d-who', '  ', 'forms.required'],
  ['d-who', '123456', 'forms.too-long'],
  ['d-who', 'a\nb', 'forms.characters'],
  ['d-why', 'a\u0000b', 'forms.characters'],
  ['d-why', 'a\u202eb', 'forms.characters'],
  ['d-when', '2026-02-29', 'forms.date'],
  ['d-when', '28.2.2026', 'forms.date'],
  ['d-which', '', 'forms.choose'],
  ['d-which', 'c', 'forms.choose'],
])('APP-2: %s of %j is refused at its field', (field, text, key) => {
  expect(readDetails(FIELDS, { ...GOOD, [field]: text }, facts).errors).toMatchObject([{ field, message: { key } }])
})
