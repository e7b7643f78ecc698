import { beforeAll, describe, expect, test } from 'vitest'
import { itAudit } from '../../src/key-protection/it-audit.ts'
import { judgeBy } from '../../src/key-protection/judge-protection.ts'
import { WORDS } from '../../src/web/locales.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { writeCms } from '../support/cms-writer.ts'
import { mutate, random } from '../support/mutate.ts'
import { signPdf, writePdf } from '../support/pdf-writer.ts'
import { inputOf, opensslSigns, outcomeOf, SIGNED_AT, signatory, type InputChange, type Signatory } from '../support/witness.ts'

const SPKI = Buffer.from('3000', 'hex')
const PDF = writePdf(['IT audit report'])
const DETAILS = {
  auditor: 'Midori Ueda',
  organisation: 'Ueda Audit LLC',
  relation: 'external',
  scope: 'Generation and keeping of code-signing keys in certified modules only',
  covers: 'yes',
  from: '2025-10-01',
  to: '2026-09-30',
  'report-date': '2026-10-15',
  modules: 'YubiHSM 2 FIPS; 12345678; FIPS 140-3 #5302\nAcme HSM 9; 1, 2; FIPS 140-3 #9999',
}

let auditor: Signatory
beforeAll(() => {
  auditor = signatory('Midori Ueda')
})

const judge = (details: Partial<Record<keyof typeof DETAILS, string>> = {}, files: readonly (readonly [string, Buffer])[] = [['report.pdf', PDF]], change: InputChange = {}) =>
  judgeBy(itAudit, inputOf(SPKI, files, { details: { ...DETAILS, ...details }, ...change }))!
const outcome = (...given: Parameters<typeof judge>) => outcomeOf(judge(...given))
const cautions = (question: string, ...given: Parameters<typeof judge>) => judge(...given).findings!.find((each) => each.question === question)!.finding.cautions.map(({ key }) => key.replace(/^key-protection-(it-audit|document)\./, ''))

describe('an IT audit', () => {
  test('ATT-4: is accepted by machine as far as a machine can tell, and says when it lapses', () => {
    const report = judge()
    expect(outcomeOf(report)).toBe('verified')
    expect(report.trusted).toBe(false)
    const text = (label: string) => report.about.find((line) => line.label.key.endsWith(label))!.value.values!['text']
    expect(text('about.lapses')).toBe('2027-11-15')
    expect(text('about.period')).toBe('2025-10-01 – 2026-09-30')
  })

  test('ATT-4: rests on a person: its item is one of the checklist where the policy asks for one', () => {
    expect(itAudit.reviewerItem).toMatchObject({ id: 'it-audit', sources: ['external-audit', 'internal-audit'] })
    expect(shippedPolicy.keyProtection.personConfirms).toContain(4)
    expect(cautions('signature')).toEqual(['signature.officer-none'])
    expect(cautions('modules')).toContain('module.look-up')
    expect(cautions('modules')).toContain('module.firmware-unsaid')
  })

  test.each<[string, Parameters<typeof judge>, unknown]>([
    ['a text in place of the report', [{}, [['report.txt', Buffer.from('All fine.')]]], { report: 'report.text' }],
    ['a scope that is narrower', [{ covers: 'no' }], { scope: 'scope.other' }],
    ['a scope that is not stated', [{ scope: ' ' }], { scope: 'scope.other' }],
    ['no module', [{ modules: '' }], { modules: 'modules.unstated' }],
    ['a module without its certificate', [{ modules: 'YubiHSM 2 FIPS; 1' }], { modules: 'modules.unstated' }],
    ['more modules than are read', [{ modules: 'YubiHSM 2 FIPS; 1; x\n'.repeat(21) }], { modules: 'modules.unstated' }],
    ['a known model that is not certified any more', [{ modules: 'YubiKey FIPS (4 series); 1; FIPS 140-2 #3517' }], { modules: 'attestation.certificate.historical' }],
    ['one uncertified model among others', [{ modules: `${DETAILS.modules}\nYubiKey FIPS; 1; FIPS 140-2 #3517` }], { modules: 'attestation.certificate.historical' }],
    ['a period that ends before it begins', [{ from: '2026-10-01' }], { recent: 'dates.out-of-order' }],
    ['a report older than its period', [{ 'report-date': '2026-09-29' }], { recent: 'dates.out-of-order' }],
    ['a report of a day to come', [{ 'report-date': '2026-11-24' }], { recent: 'dates.ahead' }],
    ['a date that is none', [{ to: '2026-02-30' }], { recent: 'dates.unstated' }],
    ['a report of more than 13 months ago', [{ from: '2024-10-01', to: '2025-09-30', 'report-date': '2025-10-20' }], { recent: 'dates.lapsed' }],
  ])('ATT-4: is refused for %s', (_, given, expected) => expect(outcome(...given)).toEqual(expected))

  test('ATT-4, VET-5: lapses 13 months after its own day, asked at any later moment', () => {
    const at = (moment: string) => outcome({ from: '2024-10-01', to: '2025-09-30', 'report-date': '2025-10-22' }, undefined, { at: new Date(moment) })
    expect(at('2026-11-22T23:59:59Z')).toBe('verified')
    expect(at('2026-11-23T00:00:00Z')).toEqual({ recent: 'dates.lapsed' })
  })

  test('ATT-4: the months are the policy’s', () => {
    const policy = { ...shippedPolicy, periods: { ...shippedPolicy.periods, keyProtectionReuseMonths: 1 } }
    expect(outcome({}, undefined, { policy })).toEqual({ recent: 'dates.lapsed' })
  })

  test('ATT-4: a signature that is there must be whole; who signed is shown, and left to the officer', () => {
    const pdf = signPdf(PDF, (covered) => writeCms(covered, { certificate: auditor.certificate, key: auditor.keys.privateKey, signingTime: SIGNED_AT }))
    const report = judge({}, [['report.pdf', pdf]])
    expect(outcomeOf(report)).toBe('verified')
    expect(report.about.map(({ value }) => value.values?.['text'])).toEqual(expect.arrayContaining(['Midori Ueda', '2026-11-22 08:00 UTC']))
    expect(cautions('signature', {}, [['report.pdf', pdf]])).toEqual(['signature.officer-trust'])
    expect(outcome({}, [['report.p7m', opensslSigns(PDF, auditor, '-binary', '-nodetach')]])).toBe('verified')
    expect(outcome({}, [['report.pdf', PDF], ['report.p7s', opensslSigns(PDF, auditor, '-binary')]])).toBe('verified')
  })

  test.each<[string, () => readonly (readonly [string, Buffer])[], string]>([
    ['of another report', () => [['report.pdf', PDF], ['report.p7s', opensslSigns(writePdf(['Other']), auditor, '-binary')]], 'signature.digest'],
    ['that is broken', () => [['report.pdf', PDF], ['report.p7s', writeCms(PDF, { certificate: auditor.certificate, key: auditor.keys.privateKey, breakSignature: true })]], 'signature.signature'],
    ['without its certificate', () => [['report.pdf', PDF], ['report.p7s', opensslSigns(PDF, auditor, '-binary', '-nocerts')]], 'signature.no-certificate'],
    ['of SHA-1', () => [['report.pdf', PDF], ['report.p7s', opensslSigns(PDF, auditor, '-binary', '-md', 'sha1')]], 'signature.weak'],
  ])('ATT-4: is refused for a signature %s', (_, files, reason) => expect(outcome({}, files())).toEqual({ signature: reason }))

  test.each<[string, () => readonly (readonly [string, Buffer])[], string]>([
    ['a PDF cut short', () => [['report.pdf', PDF.subarray(0, -20)]], 'pdf.cut-short'],
    ['a PDF in name only', () => [['report.pdf', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])]], 'not-a-document'],
    ['two reports', () => [['a.pdf', PDF], ['b.pdf', PDF]], 'several'],
  ])('ATT-9: can’t be read as %s', (_, files, reason) => expect(outcome({}, files())).toEqual({ malformed: reason }))

  test('ATT-8: an unknown model proves nothing where the policy asks for no officer', () => {
    const policy = { ...shippedPolicy, keyProtection: { ...shippedPolicy.keyProtection, personConfirms: [] } }
    expect(outcome({}, undefined, { policy })).toEqual({ modules: 'module.unknown' })
  })

  test('ATT-4: counts a demo device under a demo hierarchy alone', () => {
    const modules = { modules: 'DEMO device; 1; DEMO' }
    expect(judge(modules, undefined, { facts: { demoHierarchy: true } })).toMatchObject({ demo: true, verdict: { verified: {} } })
    expect(judge(modules)).toMatchObject({ demo: false })
    expect(cautions('modules', modules)).toContain('module.look-up')
  })

  test('ATT-4: is not begun without a report or its date', () => {
    expect(itAudit.begun(inputOf(SPKI, [], { details: DETAILS }))).toBe(false)
    expect(itAudit.begun(inputOf(SPKI, [['a.pdf', PDF]]))).toBe(false)
  })

  test('ATT-9: every answer has words in both languages', () => {
    for (const finding of [judge(), judge({ covers: 'no', modules: '', from: '2027-01-01', 'report-date': '2027-02-02' })].flatMap(({ findings }) => findings!.map((each) => each.finding)))
      for (const message of [...finding.checks.flatMap(({ observed, expected, remedy }) => [observed, expected, ...(remedy ? [remedy] : [])]), ...finding.cautions]) for (const language of ['en', 'ja'] as const) expect(WORDS[language].get(message.key), message.key).toBeDefined()
  })

  test('ATT-4: damaged reports are judged or refused, and nothing else happens (600, fixed seed)', () => {
    const next = random(4)
    const signed = signPdf(PDF, (covered) => writeCms(covered, { certificate: auditor.certificate, key: auditor.keys.privateKey }))
    const message = opensslSigns(PDF, auditor, '-binary')
    for (let round = 0; round < 300; round++) {
      judge({}, [['report.pdf', mutate(signed, next)]])
      judge({}, [['report.pdf', PDF], ['report.p7s', mutate(message, next)]])
    }
  })
})
