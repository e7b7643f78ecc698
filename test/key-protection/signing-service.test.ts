import { describe, expect, test } from 'vitest'
import { judgeBy } from '../../src/key-protection/judge-protection.ts'
import { KEY_OPTIONS } from '../../src/key-protection/protection.ts'
import { readDetails } from '../../src/key-protection/read-details.ts'
import { openMethod } from '../../src/key-protection/methods.ts'
import type { AcceptedService } from '../../src/key-protection/register.ts'
import { signingService } from '../../src/key-protection/signing-service.ts'
import { checkPolicy } from '../../src/policy/policy.ts'
import { WORDS } from '../../src/web/locales.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { writePdf } from '../support/pdf-writer.ts'
import { acceptedService, inputOf, opensslSigns, outcomeOf, signatory, type InputChange } from '../support/witness.ts'

const SPKI = Buffer.from('3000', 'hex')
const PDF = writePdf(['Agreement'])
const service = acceptedService()
const DETAILS = { service: service.provenance.entryId, 'agreement-version': '2026-07', 'agreement-number': 'K-1', 'agreement-date': '2026-08-01', statement: 'all-keys' }

interface Case extends InputChange {
  readonly stated?: Partial<typeof DETAILS>
  readonly service?: Partial<AcceptedService>
  readonly given?: readonly (readonly [string, Buffer])[]
}
const judge = ({ stated, service: change, given = [['agreement.pdf', PDF]], ...rest }: Case = {}) =>
  judgeBy(signingService, inputOf(SPKI, given, { details: { ...DETAILS, ...stated }, facts: { signingServices: [{ ...service, ...change }] }, ...rest }))!
const outcome = (change?: Case) => outcomeOf(judge(change))

describe('an agreement with a Signing Service', () => {
  test('ATT-7: is accepted by machine, says when it lapses, and rests on an officer', () => {
    const report = judge()
    expect(outcomeOf(report)).toBe('verified')
    expect(report.about.find(({ label }) => label.key.endsWith('about.lapses'))!.value.values!['text']).toBe('2027-09-01')
    expect(signingService.reviewerItem?.id).toBe('signing-service-agreement')
    expect(shippedPolicy.keyProtection.personConfirms).toContain(7)
    expect(report.findings!.find(({ question }) => question === 'agreement')!.finding.cautions).toHaveLength(1)
  })

  test.each<[string, Case, unknown]>([
    ['a service that is not in the register', { stated: { service: 'other' } }, { 'accepted-service': 'service.unknown', 'service-audit': 'audit.none', 'certified-module': 'module.none', agreement: 'version.unknown' }],
    ['a service that was withdrawn', { service: { withdrawnAt: '2026-11-20T00:00:00.000Z' } }, { 'accepted-service': 'service.withdrawn' }],
    ['a service whose last audit report is older than 13 months', { service: { reportDate: '2025-10-21' } }, { 'service-audit': 'audit.lapsed' }],
    ['a service with a module of level 2', { service: { moduleLevel: '2' } }, { 'certified-module': 'module.level' }],
    ['a service with a module of EAL 3', { service: { moduleScheme: 'Common Criteria', moduleLevel: '3' } }, { 'certified-module': 'module.level' }],
    ['a service with a module of another scheme', { service: { moduleScheme: 'Own tests' } }, { 'certified-module': 'module.level' }],
    ['a version of the agreement that nobody has read', { stated: { 'agreement-version': '2025-01' } }, { agreement: 'version.unknown' }],
    ['a key that others handle too', { stated: { statement: 'other' } }, { agreement: 'statement.other' }],
    ['a text in place of the agreement', { given: [['a.txt', Buffer.from('agreed')]] }, { agreement: 'agreement.text' }],
    ['an agreement of more than 13 months ago', { stated: { 'agreement-date': '2025-10-21' } }, { recent: 'dates.lapsed' }],
    ['an agreement of a day to come', { stated: { 'agreement-date': '2026-11-24' } }, { recent: 'dates.ahead' }],
    ['an agreement of no day', { stated: { 'agreement-date': '2026' } }, { recent: 'dates.unstated' }],
  ])('ATT-7: is refused for %s', (_, change, expected) => expect(outcome(change)).toEqual(expected))

  test('ATT-7: a module of EAL 4 or of FIPS 140-2 level 3 is enough, as CSBR 6.2.7.3 says', () => {
    expect(outcome({ service: { moduleScheme: 'Common Criteria', moduleLevel: '4' } })).toBe('verified')
    expect(outcome({ service: { moduleScheme: 'FIPS 140-2', moduleLevel: '3' } })).toBe('verified')
  })

  test('ATT-7: a policy that opens the method says what a service’s module must be certified as', () => {
    const { texts: _, earlierTexts: _earlier, ...policy } = shippedPolicy
    const { signingServiceSchemes: __, ...keyProtection } = policy.keyProtection
    expect(checkPolicy(policy)).toHaveProperty('policy')
    expect(checkPolicy({ ...policy, keyProtection })).toEqual({ reasons: [expect.stringContaining('keyProtection.signingServiceSchemes')] })
    expect(checkPolicy({ ...policy, keyProtection: { ...keyProtection, methods: [2] } })).toHaveProperty('policy')
  })

  test('ATT-7: nothing is enough where the policy names no scheme', () => {
    const { signingServiceSchemes: _, ...keyProtection } = shippedPolicy.keyProtection
    expect(outcome({ policy: { ...shippedPolicy, keyProtection } })).toEqual({ 'certified-module': 'module.level' })
  })

  test('ATT-7, VET-5: agreement and audit lapse 13 months after their own day, asked at any later moment', () => {
    const at = (moment: string) => outcome({ at: new Date(moment), stated: { 'agreement-date': '2026-07-01' } })
    expect(at('2027-06-01T23:00:00Z')).toBe('verified')
    expect(at('2027-06-02T00:00:00Z')).toEqual({ 'service-audit': 'audit.lapsed' })
    expect(at('2027-08-02T00:00:00Z')).toEqual({ 'service-audit': 'audit.lapsed', recent: 'dates.lapsed' })
  })

  test('ATT-7: a signature on the agreement must be whole', () => {
    const who = signatory('Example Signing')
    expect(outcome({ given: [['a.pdf', PDF], ['a.p7s', opensslSigns(PDF, who, '-binary')]] })).toBe('verified')
    expect(outcome({ given: [['a.pdf', PDF], ['a.p7s', opensslSigns(Buffer.from('else'), who, '-binary')]] })).toEqual({ agreement: 'signature.digest' })
    expect(outcome({ given: [['a.pdf', PDF], ['a.p7s', opensslSigns(PDF, who, '-binary', '-nocerts')]] })).toEqual({ agreement: 'agreement.no-certificate' })
  })

  test('APP-2: shows that a key is with a Signing Service, and nothing else', () => {
    expect(KEY_OPTIONS.filter((option) => openMethod(7, option, shippedPolicy))).toEqual(['signing-service'])
  })

  test('ATT-7: only a service in force can be chosen', () => {
    const form = Object.fromEntries(Object.entries(DETAILS).map(([name, value]) => [`d-${name}`, value]))
    const read = (change: Partial<AcceptedService>) => readDetails(signingService.fields, form, inputOf(SPKI, [], { facts: { signingServices: [{ ...service, ...change }] } }).facts).errors
    expect(read({})).toEqual([])
    expect(read({ withdrawnAt: '2026-11-20T00:00:00.000Z' })).toEqual([{ field: 'd-service', message: { key: 'forms.choose' } }])
  })

  test('ATT-9: every answer has words in both languages', () => {
    for (const finding of [judge(), judge({ service: { moduleLevel: '1', reportDate: '2020-01-01', withdrawnAt: '2026-01-01T00:00:00Z' }, stated: { statement: 'other', 'agreement-date': 'x', 'agreement-version': 'y' } })].flatMap(({ findings }) => findings!.map((each) => each.finding)))
      for (const message of [...finding.checks.flatMap(({ observed, expected, remedy }) => [observed, expected, ...(remedy ? [remedy] : [])]), ...finding.cautions]) for (const language of ['en', 'ja'] as const) expect(WORDS[language].get(message.key), message.key).toBeDefined()
  })
})
