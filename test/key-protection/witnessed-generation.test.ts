import { beforeAll, describe, expect, test } from 'vitest'
import { writeCertificate } from '../../attestations/demo/certificate.ts'
import { MalformedStatement } from '../../src/attestation/verifier.ts'
import { isProtectedKey, judgeBy } from '../../src/key-protection/judge-protection.ts'
import type { ApprovedAuditor } from '../../src/key-protection/register.ts'
import { REPORT_LINES, readWitnessReport, writeWitnessReport, type WitnessReport } from '../../src/key-protection/witness-report.ts'
import { witnessedGeneration } from '../../src/key-protection/witnessed-generation.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import { WORDS } from '../../src/web/locales.ts'
import { rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { writeCms, type CmsOptions } from '../support/cms-writer.ts'
import { mutate, random } from '../support/mutate.ts'
import { pageOf } from '../support/pdf-objects.ts'
import { signPdf, writePdf, type PdfOptions, type PdfSigning } from '../support/pdf-writer.ts'
import { CHALLENGE, fingerprint, inputOf, NOW, opensslSigns, outcomeOf, registeredAuditor, reportOf, reportText, SIGNED_AT, signatory, VALUE, type InputChange, type Signatory } from '../support/witness.ts'

let keys: KeyPair
let auditor: Signatory
let stranger: Signatory
let entry: ApprovedAuditor
beforeAll(() => {
  keys = rsaKeyPair(2048)
  auditor = signatory('Midori Ueda')
  stranger = signatory('Midori Ueda')
  entry = registeredAuditor(auditor)
})

interface Case {
  readonly report?: Partial<WitnessReport>
  readonly cms?: Partial<CmsOptions>
  readonly auditor?: Partial<ApprovedAuditor>
  readonly input?: InputChange
}
/** A text with the auditor's detached signature, and what it is judged with. */
function caseInput({ report, cms, auditor: change, input }: Case) {
  const text = reportText(keys.spki, report)
  const message = writeCms(text, { certificate: auditor.certificate, key: auditor.keys.privateKey, signingTime: SIGNED_AT, ...cms })
  return inputOf(keys.spki, [['report.txt', text], ['report.txt.p7s', message]], { ...input, facts: { auditors: [{ ...entry, ...change }], ...input?.facts } })
}
const judge = (input: ReturnType<typeof inputOf>) => judgeBy(witnessedGeneration, input)!
const outcome = (change: Case = {}) => outcomeOf(judge(caseInput(change)))
/** Judged at the present moment, as openssl signs at it. */
const nowInput = (files: readonly (readonly [string, Buffer])[], at = new Date()) =>
  inputOf(keys.spki, files, { at, facts: { auditors: [entry], challenges: [{ ...CHALLENGE, issuedAt: new Date(at.getTime() - 3_600_000).toISOString(), expiresAt: new Date(at.getTime() + 3_600_000).toISOString() }] } })
const withoutOfficer = { ...shippedPolicy, keyProtection: { ...shippedPolicy.keyProtection, personConfirms: shippedPolicy.keyProtection.personConfirms.filter((method) => method !== 6) } }
const today = () => ({ date: new Date().toISOString().slice(0, 10) })

const CLAIMS = ['same-key', 'challenge', 'generated-inside', 'not-exportable', 'certified-module', 'recent']
const unsigned = (reason: string) => ({ 'approved-auditor': reason, ...Object.fromEntries(CLAIMS.map((question) => [question, 'claim.untrusted'])) })

/** A report with another line behind this one, or with more in it. */
function reportWith(line: string, next: string, more = ''): Buffer {
  const text = reportText(keys.spki).toString()
  expect(text).toContain(`\n${line}\n`)
  return Buffer.from(text.replace(`\n${line}\n`, `\n${line}${more}\n${next === '' ? '' : `${next}\n`}`))
}
/** A page with the report, its last line followed by one that is painted otherwise. */
function painted(paint: string, words: string): Buffer {
  const lines = reportText(keys.spki).toString().trim().split('\n').map((line) => `(${line.replace(/[\\()]/g, (sign) => `\\${sign}`)}) Tj T*`)
  return pageOf(`BT /F1 9 Tf 11 TL 40 800 Td\n${[...lines.slice(0, -1), `q ${paint} (${words}) Tj T* Q`, lines.at(-1)!].join('\n')}\nET`)
}

describe('a report of a witnessed generation', () => {
  test('ATT-6: is accepted when an approved auditor signed it', () => {
    const report = judge(caseInput({}))
    expect(outcomeOf(report)).toBe('verified')
    expect('verified' in report.verdict && isProtectedKey(report.verdict.verified) && report.verdict.verified).toMatchObject({ method: 6, demo: false, spkiSha256: fingerprint(keys.spki) })
    expect(report.trusted).toBe(true)
    expect(report.about.map(({ value }) => value.values?.['text'])).toEqual(['Midori Ueda', '2026-11-22 08:00 UTC', 'YubiHSM 2 FIPS', '12345678', '2.4.1', 'FIPS 140-3 #5302, level 3', 'Tokyo, data centre 1', '2026-11-22', 'Midori Ueda (auditor); Ken Aoki (administrator)'])
  })

  test.each<[string, readonly string[], (text: Buffer, message: Buffer) => readonly (readonly [string, Buffer])[]]>([
    ['detached, the text as it is', ['-binary'], (text, message) => [['a.p7s', message], ['a.txt', text]]],
    ['detached, after openssl has changed the line ends', [], (text, message) => [['a.txt', text], ['a.p7s', message]]],
    ['attached', ['-binary', '-nodetach'], (_, message) => [['a.p7m', message]]],
    ['attached and streamed (BER)', ['-nodetach', '-stream'], (_, message) => [['a.p7m', message]]],
    ['as PEM', ['-binary'], (text, message) => [['a.txt', text], ['a.pem', Buffer.from(encodePem('CMS', message))]]],
    ['without the certificate', ['-binary', '-nocerts'], (text, message) => [['a.txt', text], ['a.p7s', message]]],
  ])('ATT-6: is accepted as openssl signs it: %s', (_, words, files) => {
    const text = reportText(keys.spki, today())
    expect(outcomeOf(judge(nowInput(files(text, opensslSigns(text, auditor, ...words)))))).toBe('verified')
  })

  test.each<[string, PdfOptions, PdfSigning]>([
    ['PKCS #7', {}, {}],
    ['PAdES, whose time stands in the signature’s dictionary', {}, { subFilter: 'ETSI.CAdES.detached', signedAt: "D:20261122170000+09'00'" }],
    ['deflated', { deflated: true }, {}],
    ['with a font that maps its glyphs', { mapped: true }, {}],
  ])('ATT-6: is accepted as a signed PDF: %s', (_, options, signing) => {
    const pdf = writePdf(reportText(keys.spki).toString().split('\n'), options)
    const signed = signPdf(pdf, (covered) => writeCms(covered, { certificate: auditor.certificate, key: auditor.keys.privateKey, signingTime: signing.signedAt ? null : SIGNED_AT }), signing)
    expect(outcomeOf(judge(inputOf(keys.spki, [['report.pdf', signed]], { facts: { auditors: [entry] } })))).toBe('verified')
  })

  test('ATT-6: is accepted as a PDF that openssl’s message signs', () => {
    const signed = signPdf(writePdf(reportText(keys.spki, today()).toString().split('\n')), (covered) => opensslSigns(covered, auditor, '-binary'))
    expect(outcomeOf(judge(nowInput([['report.pdf', signed]])))).toBe('verified')
  })

  test.each<[string, Case, unknown]>([
    ['another key', { report: { key: '0'.repeat(64) } }, { 'same-key': 'same-key.differs' }],
    ['a challenge that we never gave out', { report: { challenge: 'ef'.repeat(32) } }, { challenge: 'challenge.unknown', recent: 'time.before-challenge' }],
    ['a challenge of method 3', { input: { facts: { challenges: [{ ...CHALLENGE, method: 3 }] } } }, { challenge: 'challenge.unknown', recent: 'time.before-challenge' }],
    ['an expired challenge', { input: { at: new Date('2026-11-23T06:00:01Z') } }, { challenge: 'challenge.expired' }],
    ['a challenge answered with another key', { input: { facts: { challenges: [{ ...CHALLENGE, answered: { at: NOW.toISOString(), spkiSha256: 'f'.repeat(64) } }] } } }, { challenge: 'challenge.used' }],
    ['another application', { report: { reference: 'CS234-ZZZZZ' } }, { challenge: 'reference.differs' }],
    ['a key not seen to be generated inside', { report: { inside: 'no' } }, { 'generated-inside': 'inside.not-witnessed' }],
    ['an unclear word on generation', { report: { inside: 'yes, I think' } }, { 'generated-inside': 'inside.not-witnessed' }],
    ['an exportable key', { report: { exportable: 'yes' } }, { 'not-exportable': 'exportable.not-witnessed' }],
    ['a firmware that is not certified', { report: { firmware: '2.3.0' } }, { 'certified-module': 'module.firmware' }],
    ['a model that nobody knows', { report: { model: 'Home-made HSM' }, input: { policy: withoutOfficer } }, { 'certified-module': 'module.unknown' }],
    ['a day that is none', { report: { date: '22.11.2026' } }, { recent: 'time.no-day' }],
    ['a generation before the challenge', { report: { date: '2026-11-19' } }, { recent: 'time.before-challenge' }],
    ['a generation after the signature', { report: { date: '2026-11-24' } }, { recent: 'time.after-signing' }],
    ['a signature before the challenge', { cms: { signingTime: new Date('2026-11-22T05:00:00Z') } }, { recent: 'time.before-challenge' }],
  ])('ATT-6: is refused for %s', (_, change, expected) => expect(outcome(change)).toEqual(expected))

  test('ATT-8: is refused for a module whose certificate has gone historical', () => {
    const found = judge(caseInput({ report: { model: 'YubiHSM 2 FIPS', firmware: '2.2.0' } }))
    expect('refused' in found.verdict && found.verdict.refused).toEqual(['certified-module'])
    expect(found.findings!.find(({ question }) => question === 'certified-module')!.finding.observed.key).toBe('attestation.certificate.historical')
  })

  test('ATT-6: an unknown model is for an officer where the policy asks for one, and not without a certificate', () => {
    const policy = { ...shippedPolicy, keyProtection: { ...shippedPolicy.keyProtection, personConfirms: [6, 7] as (6 | 7)[] } }
    const found = judge(caseInput({ report: { model: 'Home-made HSM' }, input: { policy } }))
    expect(outcomeOf(found)).toBe('verified')
    expect(found.findings!.find(({ question }) => question === 'certified-module')!.finding.cautions.map(({ key }) => key)).toEqual(['key-protection-document.module.look-up'])
  })

  test.each<[string, Case, string]>([
    ['an auditor who was withdrawn', { auditor: { withdrawnAt: '2026-11-22T08:30:00.000Z' } }, 'auditor.withdrawn'],
    ['an auditor whose approval is over', { auditor: { validUntil: '2026-11-01' } }, 'auditor.not-then'],
    ['an auditor whose approval has not begun', { auditor: { validFrom: '2026-12-01' } }, 'auditor.not-then'],
    ['a signature without a time', { cms: { signingTime: null } }, 'signing-time.none'],
    ['a signature of a time to come', { cms: { signingTime: new Date('2026-11-22T10:00:00Z') } }, 'signing-time.ahead'],
    ['a signature without signed attributes', { cms: { without: 'attributes' } }, 'signature.attributes'],
    ['a signature of another content', { cms: { digestOf: Buffer.from('else') } }, 'signature.digest'],
    ['a signature with SHA-1', { cms: { digest: 'sha1' } }, 'signature.weak'],
    ['a broken signature', { cms: { breakSignature: true } }, 'signature.signature'],
    ['a signature that names another certificate by its hash', { cms: { names: Buffer.from('other') } }, 'signature.other-certificate'],
  ])('ATT-6: counts for nothing when signed by %s', (_, change, reason) => expect(outcome(change)).toEqual(unsigned(reason)))

  test('ATT-6: counts for nothing when signed by somebody unknown, under their own certificate or the auditor’s', () => {
    expect(outcome({ cms: { certificate: stranger.certificate, key: stranger.keys.privateKey } })).toEqual(unsigned('auditor.unknown'))
    expect(outcome({ cms: { key: stranger.keys.privateKey } })).toEqual(unsigned('signature.signature'))
  })

  test('ATT-6: counts for nothing without a signature, and when the certificate was not valid then', () => {
    expect(outcomeOf(judge(inputOf(keys.spki, [['report.txt', reportText(keys.spki)]], { facts: { auditors: [entry] } })))).toEqual(unsigned('auditor.unsigned'))
    const late = signatory('Late', { notAfter: new Date('2026-11-22T07:00:00Z') })
    const text = reportText(keys.spki)
    const message = writeCms(text, { certificate: late.certificate, key: late.keys.privateKey, signingTime: SIGNED_AT })
    expect(outcomeOf(judge(inputOf(keys.spki, [['r.txt', text], ['r.p7s', message]], { facts: { auditors: [registeredAuditor(late)] } })))).toEqual(unsigned('certificate.expired'))
  })

  test('ATT-6: a certificate of the same names and number that is not the registered one, octet for octet, is nobody’s', () => {
    const { tbs } = readCertificate(auditor.certificate)
    const twin = writeCertificate({ serial: tbs.serialOctets, issuer: tbs.issuer, subject: tbs.subject, notBefore: tbs.notBefore.date, notAfter: new Date('2029-01-01T00:00:00Z'), spki: auditor.keys.spki, extensions: [] }, keys.privateKey)
    expect(outcome({ cms: { embedded: twin } })).toEqual(unsigned('auditor.unknown'))
  })

  test.each<[string, PdfSigning, unknown]>([
    ['to which something was added', { after: Buffer.from('%\n') }, { malformed: 'pdf.cut-short' }],
    ['whose signature is of the SHA-1 form', { subFilter: 'adbe.x509.rsa_sha1' }, unsigned('signature.form')],
  ])('ATT-6: counts for nothing as a PDF %s', (_, signing, expected) => {
    const pdf = signPdf(writePdf(reportText(keys.spki).toString().split('\n')), (covered) => writeCms(covered, { certificate: auditor.certificate, key: auditor.keys.privateKey, signingTime: SIGNED_AT }), signing)
    expect(outcomeOf(judge(inputOf(keys.spki, [['report.pdf', pdf]], { facts: { auditors: [entry] } })))).toEqual(expected)
  })

  test('ATT-6: counts for nothing as a PDF that was updated after signing (a shadow update)', () => {
    const signed = signPdf(writePdf(reportText(keys.spki, { exportable: 'yes' }).toString().split('\n')), (covered) => writeCms(covered, { certificate: auditor.certificate, key: auditor.keys.privateKey, signingTime: SIGNED_AT }))
    const start = /startxref\s+(\d+)\s+%%EOF\s*$/.exec(signed.toString('latin1'))![1]!
    const contents = `BT /F1 9 Tf 11 TL 40 800 Td\n${reportText(keys.spki).toString().trim().split('\n').map((line) => `(${line.replace(/[\\()]/g, (sign) => `\\${sign}`)}) Tj T*`).join('\n')}\nET`
    const object = `4 0 obj\n<< /Length ${contents.length} >>\nstream\n${contents}\nendstream\nendobj\n`
    const update = `${object}xref\n4 1\n${String(signed.length).padStart(10, '0')} 00000 n \ntrailer\n<< /Size 101 /Root 1 0 R /Prev ${start} >>\nstartxref\n${signed.length + object.length}\n%%EOF\n`
    const shadow = Buffer.concat([signed, Buffer.from(update, 'latin1')])
    const found = judge(inputOf(keys.spki, [['report.pdf', shadow]], { facts: { auditors: [entry] } }))
    // The text read is what a viewer shows now: not what was signed.
    expect(outcomeOf(found)).toEqual(unsigned('signature.not-whole'))
    expect(outcomeOf(judge(inputOf(keys.spki, [['report.pdf', signed]], { facts: { auditors: [entry] } })))).toEqual({ 'not-exportable': 'exportable.not-witnessed' })
  })

  test.each<[string, () => readonly (readonly [string, Buffer])[], string]>([
    ['a signature alone', () => [['a.p7s', writeCms(Buffer.from('x'), { certificate: auditor.certificate, key: auditor.keys.privateKey })]], 'no-document'],
    ['two documents', () => [['a.txt', reportText(keys.spki)], ['b.txt', reportText(keys.spki)]], 'several'],
    ['octets that are no text', () => [['a.txt', Buffer.from([0xc3, 0x28])]], 'not-a-document'],
    ['a text with control characters', () => [['a.txt', Buffer.from('a\u0000b')]], 'not-a-document'],
    ['an empty text', () => [['a.txt', Buffer.alloc(0)]], 'not-a-document'],
    ['a damaged signature', () => [['a.txt', reportText(keys.spki)], ['a.p7s', Buffer.from('3082000006', 'hex')]], 'signature'],
    ['a text without a report', () => [['a.txt', Buffer.from('I was there.')]], 'no-block'],
    ['two reports', () => [['a.txt', Buffer.concat([reportText(keys.spki), reportText(keys.spki)])]], 'several-blocks'],
    ['a line that is missing', () => [['a.txt', Buffer.from(reportText(keys.spki).toString().replace(/^Place:.*\n/m, ''))]], 'missing'],
    ['a line that is empty', () => [['a.txt', Buffer.from(reportText(keys.spki).toString().replace(/^Place:.*$/m, 'Place:'))]], 'missing'],
    ['a line that stands twice', () => [['a.txt', Buffer.from(reportText(keys.spki).toString().replace(/^Place:/m, 'Exportable: no\nPlace:'))]], 'twice'],
    ['a line that corrects the one before', () => [['a.txt', reportWith('Auditor: Midori Ueda', 'Correction: the key WAS exported')]], 'unknown'],
    ['a line that corrects without a colon', () => [['a.txt', reportWith('Auditor: Midori Ueda', 'The key WAS exported')]], 'unknown'],
    ['a line whose name is in wide letters', () => [['a.txt', reportWith('Auditor: Midori Ueda', 'Ｅxportable: yes')]], 'unknown'],
    ['a line without a name', () => [['a.txt', reportWith('Auditor: Midori Ueda', ': yes')]], 'unknown'],
    ['a line that goes on', () => [['a.txt', reportWith('Place: Tokyo, data centre 1', 'second floor')]], 'unknown'],
    ['a value that names another line', () => [['a.txt', reportWith('Place: Tokyo, data centre 1', '', ' Ｅxportable : yes')]], 'unknown'],
    ['hex with words in it', () => [['a.txt', reportWith(`Challenge: ${VALUE}`, 'ab cd exported')]], 'unknown'],
    ['a line that a viewer breaks', () => [['a.txt', reportWith('Auditor: Midori Ueda', '', '\u2028Note')]], 'unreadable'],
    ['a line with characters that nobody sees', () => [['a.txt', reportWith('Auditor: Midori Ueda', '', '\u202e')]], 'unreadable'],
    ['a text of more lines than any report has', () => [['a.txt', Buffer.from(`===== BEGIN KEY GENERATION REPORT =====\nReference: x\n${'a\n'.repeat(30_000)}`)]], 'too-large'],
    ['a text of more octets than any report has', () => [['a.txt', Buffer.from(`===== BEGIN KEY GENERATION REPORT =====\nReference: x\n${'a\n'.repeat(150_000)}`)]], 'text-too-large'],
    ['a PDF that asks for more work than any report needs', () => [['a.pdf', pageOf('q Q '.repeat(1_000_000))]], 'pdf.too-much-work'],
    ['a PDF with white text between the marks', () => [['a.pdf', painted('1 g', 'Exportable: yes')]], 'unreadable'],
    ['a PDF with coloured text between the marks', () => [['a.pdf', painted('1 0 0 rg', 'Exportable: yes')]], 'unreadable'],
    ['a first line that is no report’s', () => [['a.txt', Buffer.from(reportText(keys.spki).toString().replace(/^Reference:/m, 'Hello\nReference:'))]], 'unknown'],
    ['a PDF whose report is invisible', () => [['a.pdf', writePdf(reportText(keys.spki).toString().split('\n'), { mode: 3 })]], 'no-block'],
  ])('ATT-9: can’t be read as %s', (_, files, reason) => expect(outcomeOf(judge(inputOf(keys.spki, files())))).toEqual({ malformed: reason }))

  test('ATT-6: an answered challenge stands after its time, with the same key', () => {
    const answered = { at: '2026-11-22T09:00:00.000Z', spkiSha256: fingerprint(keys.spki) }
    expect(outcome({ input: { at: new Date('2026-12-20T00:00:00Z'), facts: { challenges: [{ ...CHALLENGE, answered }] } } })).toBe('verified')
    expect(outcome({ input: { at: new Date('2026-12-20T00:00:00Z'), facts: { challenges: [{ ...CHALLENGE, answered: { ...answered, at: '2026-11-23T07:00:00.000Z' } }] } } })).toEqual({ challenge: 'challenge.expired' })
  })

  test('ATT-6: an auditor must be approved when signing and when it counts', () => {
    const later = { at: new Date('2026-12-20T00:00:00Z'), facts: { challenges: [{ ...CHALLENGE, answered: { at: '2026-11-22T09:00:00.000Z', spkiSha256: fingerprint(keys.spki) } }] } }
    expect(outcome({ input: later, auditor: { validFrom: '2026-12-01' } })).toEqual(unsigned('auditor.not-then'))
    expect(outcome({ input: later, auditor: { validUntil: '2026-12-01' } })).toEqual(unsigned('auditor.not-then'))
    expect(outcome({ input: later })).toBe('verified')
  })

  test('ATT-6: answers the challenge only when it is signed and the challenge is ours', () => {
    expect(witnessedGeneration.answers!(caseInput({}))).toBe(VALUE)
    expect(witnessedGeneration.answers!(caseInput({ cms: { breakSignature: true } }))).toBeNull()
    expect(witnessedGeneration.answers!(caseInput({ input: { facts: { challenges: [] } } }))).toBeNull()
    expect(witnessedGeneration.answers!(inputOf(keys.spki, []))).toBeNull()
    expect(witnessedGeneration.begun(inputOf(keys.spki, []))).toBe(false)
  })

  test('ATT-6: the template is read back as it was filled; wrapped values are joined', () => {
    const report = reportOf(keys.spki)
    expect(readWitnessReport(writeWitnessReport(report))).toEqual({ report })
    const wrapped = writeWitnessReport(report).replace(`${REPORT_LINES.key}: ${report.key}`, `${REPORT_LINES.key}:\n${report.key.slice(0, 30).toUpperCase()}\n  ${report.key.slice(30)}`)
    expect(readWitnessReport(wrapped)).toEqual({ report })
    expect(readWitnessReport(`${'\n'.repeat(183)}${writeWitnessReport(report)}`)).toEqual({ report })
    expect(readWitnessReport(`${'\n'.repeat(186)}${writeWitnessReport(report)}`)).toEqual({ fault: 'too-large' })
    expect(readWitnessReport(writeWitnessReport(report).replace('Auditor: ', 'Correction: none\nAuditor: '))).toEqual({ fault: 'unknown', line: 'Correction: none' })
    expect(readWitnessReport(writeWitnessReport({ reference: 'a' }))).toEqual({ fault: 'missing', line: 'Organisation' })
  })

  test('ATT-9: every answer has words in both languages', () => {
    const seen = [caseInput({}), caseInput({ report: { key: '0'.repeat(64), challenge: '00', inside: 'no', exportable: 'yes', firmware: '9', date: 'x' } }), caseInput({ cms: { breakSignature: true } })].flatMap((input) => judge(input).findings!)
    for (const { title, finding } of seen)
      for (const message of [{ key: title }, ...finding.checks.flatMap(({ observed, expected, remedy }) => [observed, expected, ...(remedy ? [remedy] : [])]), ...finding.cautions]) for (const language of ['en', 'ja'] as const) expect(WORDS[language].get(message.key), message.key).toBeDefined()
  })

  test('ATT-6: damaged files are refused, and nothing else happens (1200, fixed seed)', () => {
    const text = reportText(keys.spki)
    const detached = writeCms(text, { certificate: auditor.certificate, key: auditor.keys.privateKey, signingTime: SIGNED_AT })
    const attached = writeCms(text, { certificate: auditor.certificate, key: auditor.keys.privateKey, signingTime: SIGNED_AT, attached: true })
    const pdf = signPdf(writePdf(text.toString().split('\n')), (covered) => writeCms(covered, { certificate: auditor.certificate, key: auditor.keys.privateKey, signingTime: SIGNED_AT }))
    const next = random(6)
    const files: readonly ((damage: (bytes: Buffer) => Buffer) => readonly (readonly [string, Buffer])[])[] = [
      (damage) => [['a.txt', damage(text)], ['a.p7s', detached]],
      (damage) => [['a.txt', text], ['a.p7s', damage(detached)]],
      (damage) => [['a.p7m', damage(attached)]],
      (damage) => [['a.pdf', damage(pdf)]],
    ]
    for (const make of files)
      for (let round = 0; round < 300; round++) {
        let changed = false
        const given = make((bytes) => {
          const damaged = mutate(bytes, next)
          changed = !damaged.equals(bytes)
          return damaged
        })
        const report = judge(inputOf(keys.spki, given, { facts: { auditors: [entry] } }))
        // What was changed and still counts is changed where nothing is signed: the certificates and unsigned fields of a message, or a PDF's room.
        if (changed && 'verified' in report.verdict) expect(given.at(-1)![0]).not.toBe('a.txt')
      }
  })

  test('ATT-6: officers are told to read a PDF as a viewer shows it, and a text needs no such word', () => {
    const cautions = (files: readonly (readonly [string, Buffer])[]) => judge(inputOf(keys.spki, files)).findings!.find(({ question }) => question === 'approved-auditor')!.finding.cautions.map(({ key }) => key)
    expect(cautions([['a.pdf', writePdf(reportText(keys.spki).toString().split('\n'))]])).toEqual(['key-protection-witnessed-generation.officer-pdf'])
    expect(cautions([['a.txt', reportText(keys.spki)]])).toEqual([])
    for (const language of ['en', 'ja'] as const) expect(WORDS[language].get('key-protection-witnessed-generation.officer-pdf')).toBeDefined()
  })

  test('ATT-9: what can’t be read is said of the file', () => {
    expect(() => witnessedGeneration.examine(inputOf(keys.spki, []))).toThrow(MalformedStatement)
  })
})
