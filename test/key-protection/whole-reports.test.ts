/**
 * Everything that the methods without attestation say: of evidence as it must be, and then with one member after the other taken away or
 * changed, which is all that differs from the first. Compared with files, so that a change of any of it is seen in review.
 * After a change that is meant: `WRITE_REPORTS=1 npx vitest run test/key-protection/whole-reports.test.ts`, then read the difference.
 */
import { describe, expect, it } from 'vitest'
import { cloudReport } from '../../src/key-protection/cloud-report.ts'
import { itAudit } from '../../src/key-protection/it-audit.ts'
import { judgeBy, protectionToJson } from '../../src/key-protection/judge-protection.ts'
import { prescribedLibrary } from '../../src/key-protection/prescribed-library.ts'
import type { Details, MethodRules, ProtectionInput } from '../../src/key-protection/protection.ts'
import { shippedModule } from '../../src/key-protection/shipped-module.ts'
import { signingService } from '../../src/key-protection/signing-service.ts'
import { witnessedGeneration } from '../../src/key-protection/witnessed-generation.ts'
import { ecKeyPair, rsaKeyPair, rsaSpki, soundModulus } from '../pki/keys.ts'
import { shippedPolicy, withAttestation } from '../support/attestation-policy.ts'
import { writeCms, type CmsOptions } from '../support/cms-writer.ts'
import { AWS_KEY, AWS_REGION, AWS_TRAIL, AZURE_LOCATION, awsOutputs, azureKid, azureOutputs, GOOGLE_KEY, GOOGLE_LOCATION, googleOutputs, printed, TAKEN_ON, type Outputs } from '../support/fake-cloud.ts'
import { CHALLENGE as LIBRARY_CHALLENGE, inputOf as keyInput, reportFile, reportOf as keyReportOf, type ReportChange } from '../support/key-reports.ts'
import { signPdf, writePdf } from '../support/pdf-writer.ts'
import { checkLine, expectWritten, numbered, said } from '../support/report-words.ts'
import { SHIPPED_KEY } from '../support/shipped-modules.ts'
import { acceptedService, CHALLENGE, inputOf, registeredAuditor, reportOf, reportText, SIGNED_AT, signatory, type InputChange } from '../support/witness.ts'

/** The report, a line for each thing said. */
function lines(rules: MethodRules, input: ProtectionInput): string[] {
  const judged = judgeBy(rules, input)
  if (!judged) return ['nothing to judge']
  expect(judged.evidence.slice(1).map(({ file, size }) => [file, size])).toEqual(input.files.map(({ name, bytes }) => [name, bytes.length]))
  const { verdict, method, at, policy, findings, about, trusted, demo, evidence } = protectionToJson(judged)
  const outcome = verdict.outcome === 'refused' ? `refused: ${verdict.questions.join(', ')}` : verdict.outcome === 'malformed' ? `malformed: ${verdict.file ?? '–'} ${said(verdict.reason)}` : verdict.outcome
  return [
    `verdict ${outcome}`,
    `method ${method} at ${at} by ${policy}; ${trusted ? 'trusted' : 'not trusted'}${demo ? '; demo' : ''}; answers ${rules.answers?.(input) ?? '–'}; evidence ${evidence.map(({ file }) => file ?? 'request').join(', ')}`,
    ...about.map(({ label, value }) => `about ${said(label)}: ${said(value)}`),
    ...(findings ?? []).flatMap(({ question, title, finding: { checks, cautions, claimed, ...shown } }) => [
      `${question} ${title}${claimed ? ' (claimed)' : ''} of ${checks.length}: ${shown.outcome} ${said(shown.observed)}`,
      ...checks.map((check) => checkLine(check, true)),
      ...cautions.map((caution) => `  caution ${said(caution)}`),
    ]),
  ]
}

type Case = readonly [name: string, input: ProtectionInput]

function account(rules: MethodRules, first: ProtectionInput, cases: readonly Case[]): string {
  const { number, id, row, options, questions: _, limits, endings, fields, reviewerItem, makesRequest } = rules
  const itself = JSON.stringify({ number, id, row, options, limits, endings, fields: fields.map(({ choices, ...field }) => ({ ...field, choices: choices?.(first.facts) })), reviewerItem, makesRequest }, null, 2)
  const whole = lines(rules, first)
  const sections = cases.map(([name, input]) => {
    const found = lines(rules, input)
    const differing = [...found.filter((line) => !whole.includes(line)), ...(found.length > 2 ? whole.filter((line) => line.startsWith('about ') && !found.includes(line)).map((line) => `not: ${line}`) : [])]
    return differing.length === 0 ? `## ${name}: nothing else` : `## ${name}\n${differing.join('\n')}`
  })
  return `${numbered([itself, `## as it must be\n${whole.join('\n')}`, ...sections].join('\n\n'))}\n`
}

/** The value with one member at a time left out, and with one at a time of another value of its kind. */
function* oneAtATime(value: unknown, path = ''): Generator<readonly [string, unknown]> {
  if (typeof value !== 'object' || value === null) return
  const put = (name: string, member?: unknown): unknown => {
    const copy = Array.isArray(value) ? [...value] : { ...value }
    if (member !== undefined) (copy as Record<string, unknown>)[name] = member
    else if (Array.isArray(copy)) copy.splice(Number(name), 1)
    else delete copy[name as never]
    return copy
  }
  for (const [name, member] of Object.entries(value)) {
    const here = path === '' ? name : `${path} ${name}`
    yield [`without ${here}`, put(name)]
    for (const other of otherThan(member)) yield [`${here} = ${JSON.stringify(other)}`, put(name, other)]
    for (const [inner, changed] of oneAtATime(member, here)) yield [inner, put(name, changed)]
  }
}

function otherThan(member: unknown): unknown[] {
  if (member === null) return ['other']
  if (typeof member === 'boolean') return [!member]
  if (typeof member === 'number') return [member - 1, member + 1]
  if (typeof member !== 'string') return []
  return /^20\d\d-\d\d-\d\d/.test(member) ? [member.replace(/^20\d\d/, '2021'), member.replace(/^20\d\d/, '2031'), 'never'] : ['other']
}

const written = (text: string, id: string): void => expectWritten(text, new URL(`./whole-reports/${id}.txt`, import.meta.url))
const AWS_KEY_SPKI = rsaSpki(soundModulus(3072))
const later = (input: ProtectionInput, year: string): ProtectionInput => ({ ...input, at: new Date(`${year}-11-22T09:00:00Z`) })
const byPolicy = (change: Partial<ProtectionInput['policy']['keyProtection']>): ProtectionInput['policy'] => ({ ...shippedPolicy, keyProtection: { ...shippedPolicy.keyProtection, ...change } })
const REAL_ROW = { scheme: 'FIPS 140-3', number: '4321', level: 2, validFrom: '2025-01-01', validUntil: '2030-01-01', historicalSince: null, revokedSince: null, source: 'https://register.example', confirmed: false }
const REAL_MODULES = [
  { id: 'real-module', manufacturer: 'SoftHSM project', model: 'SoftHSM v2', firmware: { from: '2.6', to: '2.7' }, demo: false, certificates: [REAL_ROW] },
  { id: 'one-version', manufacturer: 'Maker', model: 'Token', firmware: { from: '1.0', to: '1.0' }, demo: false, certificates: [REAL_ROW] },
]

describe('everything that is said of a key shown', () => {
  const keys = rsaKeyPair(2048)

  it('ATT-1, ATT-9: by a module that was shipped', () => {
    const application = { id: 'application-1', reference: 'AAAAA-BBBBB', organisationId: 'organisation-1', applicantId: 'applicant-1', legalName: null }
    const of = (change: Partial<typeof SHIPPED_KEY>, more: Parameters<typeof keyInput>[2] = {}) => keyInput(keys, [], { application, ...more, facts: { shippedKey: { ...SHIPPED_KEY, ...change }, ...more.facts } })
    const nulled = [...oneAtATime(SHIPPED_KEY)].filter(([name]) => !/^without (?!shipped$|received$|letterSent$|mechanism$|attributes \w)/.test(name))
    const changed = nulled.map(([name, key]): Case => [name, of({ ...(Object.fromEntries(Object.keys(SHIPPED_KEY).map((each) => [each, null])) as object), ...(key as object) })])
    const untold = Object.keys(SHIPPED_KEY.attributes).map((name): Case => [`${name} untold`, of({ attributes: { ...SHIPPED_KEY.attributes, [name]: null } })])
    const states = (['prepared', 'shipped', 'received', 'withdrawn'] as const).map((state): Case => [`state ${state}`, of({ state })])
    written(
      account(shippedModule, of({}), [
        ['no key of ours', of({}, { facts: { shippedKey: null } })],
        ['no hierarchy for show', of({}, { facts: { demoHierarchy: false } })],
        ['a certified module', of({}, { policy: byPolicy({ shippedModules: { modules: REAL_MODULES } }), facts: { demoHierarchy: false } })],
        ['no list of modules', of({}, { policy: byPolicy({ shippedModules: undefined } as never) })],
        ['prepared by one person', of({ witnessedBy: SHIPPED_KEY.preparedBy })],
        ['a letter by who shipped', of({ letterSent: { ...SHIPPED_KEY.letterSent!, by: 'officer-1' } })],
        ['128 bits', of({ activationBits: 128 })],
        ['127 bits', of({ activationBits: 127 })],
        ['mechanism 10', of({ mechanism: 10 })],
        ['mechanism 16', of({ mechanism: 16 })],
        ...states,
        ...changed,
        ...untold,
      ]),
      shippedModule.id,
    )
  })

  it('ATT-3, ATT-9: by the prescribed library', () => {
    const other = rsaKeyPair(2048)
    const of = (change: ReportChange = {}, more: Parameters<typeof keyInput>[2] = {}, signer = keys) => keyInput(keys, [reportFile(keys, change, signer)], more)
    const { publicKey: _, ...key } = keyReportOf(keys.spki).key
    const { challenge, library, token } = keyReportOf(keys.spki)
    const changes = [...oneAtATime({ challenge, library, token, key })].filter(([name]) => !name.startsWith('without')).map(([name, change]): Case => [name, of(change as ReportChange)])
    const untold = Object.keys(key.attributes).map((name): Case => [`${name} untold`, of({ attributes: { [name]: null } })])
    const json = JSON.parse(reportFile(keys).toString()) as Record<string, unknown>
    const unsigned = [...oneAtATime(json)].filter(([name]) => !/^(signature|key publicKey) =/.test(name)).map(([name, file]): Case => [`unsigned: ${name}`, keyInput(keys, [Buffer.from(JSON.stringify(file))])])
    const member = (change: object): Case[1] => keyInput(keys, [Buffer.from(JSON.stringify({ ...json, ...change }))])
    const challenged = (change: Partial<typeof LIBRARY_CHALLENGE>) => of({}, { facts: { challenges: [{ ...LIBRARY_CHALLENGE, ...change }] } })
    const spkiSha256 = judgeBy(prescribedLibrary, of())!.spkiSha256
    const modules = byPolicy({ prescribedLibrary: { modules: REAL_MODULES, libraryVersions: ['1.0.0', '1.0.1'] } } as never)
    written(
      account(prescribedLibrary, of(), [
        ['no file', keyInput(keys, [])],
        ['two files', keyInput(keys, [reportFile(keys), reportFile(keys)])],
        ['signed by another key', of({}, {}, other)],
        ['of another key', keyInput(keys, [reportFile(other)])],
        ['a file too large', keyInput(keys, [Buffer.alloc(16 * 1024 + 1, 0x20)])],
        ['a file as large as may be', keyInput(keys, [Buffer.concat([reportFile(keys), Buffer.alloc(16 * 1024, 0x20)]).subarray(0, 16 * 1024)])],
        ['no JSON', keyInput(keys, [Buffer.from('report')])],
        ['a list', keyInput(keys, [Buffer.from('[]')])],
        ['a signature of 2048 octets', member({ signature: Buffer.alloc(2048, 1).toString('base64') })],
        ['a signature of 2049 octets', member({ signature: Buffer.alloc(2049, 1).toString('base64') })],
        ['a signature in no base64', member({ signature: '?' })],
        ['a stranger', member({ more: 1 })],
        ['a mechanism below 0', of({ key: { mechanism: -1 } })],
        ['the highest mechanism', of({ key: { mechanism: 0xffffffff } })],
        ['a mechanism above it', of({ key: { mechanism: 0x1_0000_0000 } })],
        ['a mechanism of half', of({ key: { mechanism: 0.5 } })],
        ['a mechanism untold', of({ key: { mechanism: null } })],
        ['a day that is none', member({ generatedAt: '2026-02-30T00:00:00Z' })],
        ['nothing told', of({ token: { manufacturer: '', label: '', serialNumber: '' } })],
        ['64 characters', of({ token: { label: 'x'.repeat(64) } })],
        ['65 characters', of({ token: { label: 'x'.repeat(65) } })],
        ['what cannot be seen', of({ token: { label: 'a\u200bb' } })],
        ['a version of 256', of({ token: { firmwareVersion: '2.256' } })],
        ['a version of 255', of({ token: { firmwareVersion: '255.249' } })],
        ['a version of nought before', of({ token: { firmwareVersion: '02.6' } })],
        ['a version with a tail', of({ token: { firmwareVersion: '2.6a' } })],
        ['a library with a tail', of({ library: { version: '1.0.0-x' } })],
        ['a challenge of method 6', challenged({ method: 6 })],
        ['a challenge answered by this key', challenged({ answered: { at: '2026-11-22T08:40:00.000Z', spkiSha256 } })],
        ['a challenge answered late', challenged({ answered: { at: '2026-11-24T08:40:00.000Z', spkiSha256 } })],
        ['a challenge answered by another', challenged({ answered: { at: '2026-11-22T08:40:00.000Z', spkiSha256: 'f1'.repeat(32) } })],
        ['at its last moment', of({}, { at: new Date(LIBRARY_CHALLENGE.expiresAt) })],
        ['a year on', later(of(), '2027')],
        ['no hierarchy for show', of({}, { facts: { demoHierarchy: false } })],
        ['a certified module', of({}, { policy: modules, facts: { demoHierarchy: false } })],
        ['firmware that is not certified', of({ token: { firmwareVersion: '2.8' } }, { policy: modules })],
        ['no list', of({}, { policy: byPolicy({ prescribedLibrary: undefined } as never) })],
        ...changes,
        ...untold,
        ...unsigned,
      ]),
      prescribedLibrary.id,
    )
  })

  const auditor = signatory('Midori Ueda')
  const cms = (content: Buffer, change: Partial<CmsOptions> = {}) => writeCms(content, { certificate: auditor.certificate, key: auditor.keys.privateKey, signingTime: SIGNED_AT, ...change })

  it('ATT-4, ATT-9: by an IT audit', () => {
    const pdf = writePdf(['IT audit report'])
    const DETAILS = { auditor: 'Midori Ueda', organisation: 'Ueda Audit LLC', relation: 'external', scope: 'Generation of keys', covers: 'yes', from: '2025-10-01', to: '2026-09-30', 'report-date': '2026-10-15', modules: 'YubiHSM 2 FIPS; 12345678; FIPS 140-3 #5302\nAcme HSM 9; 1, 2; FIPS 140-3 #9999' }
    const of = (change: Details = {}, files: readonly (readonly [string, Buffer])[] = [['report.pdf', pdf]], more: InputChange = {}) => inputOf(AWS_KEY_SPKI, files, { details: { ...DETAILS, ...change }, ...more })
    const changes = [...oneAtATime(DETAILS)].map(([name, details]): Case => [name, of({}, undefined, { details: details as Details })])
    const stated = (modules: string): Case => [`modules ${JSON.stringify(modules)}`.slice(0, 80), of({ modules })]
    written(
      account(itAudit, of(), [
        ['signed', of({}, [['report.pdf', signPdf(pdf, (covered) => cms(covered))]])],
        ['signed, of no time', of({}, [['report.pdf', pdf], ['report.p7s', cms(pdf, { signingTime: null })]])],
        ['a broken signature', of({}, [['report.pdf', pdf], ['report.p7s', cms(pdf, { breakSignature: true })]])],
        ['a signature of another file', of({}, [['report.pdf', pdf], ['report.p7s', cms(Buffer.from('else'))]])],
        ['a signature without certificate', of({}, [['report.pdf', pdf], ['report.p7s', cms(pdf, { embed: false })]])],
        ['attached', of({}, [['report.p7m', cms(pdf, { attached: true })]])],
        ['added to after signing', of({}, [['report.pdf', Buffer.concat([signPdf(pdf, (covered) => cms(covered)), Buffer.from('\n% more\n')])]])],
        ['a text', of({}, [['report.txt', Buffer.alloc(1025, 0x61)]])],
        ['a text of no octets', of({}, [['report.txt', Buffer.alloc(0)]])],
        ['a text in no UTF-8', of({}, [['report.txt', Buffer.from([0x61, 0xff])]])],
        ['a picture', of({}, [['report.txt', Buffer.from([0x61, 0x01])]])],
        ['a signature alone', of({}, [['report.p7s', cms(pdf)]])],
        ['two reports', of({}, [['a.pdf', pdf], ['b.pdf', pdf]])],
        ['a PDF cut short', of({}, [['report.pdf', pdf.subarray(0, -20)]])],
        ['no file', of({}, [])],
        ['an internal audit', of({ relation: 'internal' })],
        ['a report of tomorrow', of({ 'report-date': '2026-11-23' })],
        ['a report of the day after', of({ 'report-date': '2026-11-24' })],
        ['a report older than its period', of({ 'report-date': '2026-09-29' })],
        ['a report of its last day', of({ 'report-date': '2026-09-30' })],
        ['a period of no day', of({ to: '2025-09-30' })],
        ['a year on', later(of(), '2027')],
        ['nobody asked', of({}, undefined, { policy: byPolicy({ personConfirms: [] }) })],
        ['a demo device', of({ modules: 'DEMO device; 1; DEMO' }, undefined, { facts: { demoHierarchy: true } })],
        ['a demo device for nobody', of({ modules: 'DEMO device; 1; DEMO' })],
        stated(''),
        stated('\n ; 1; x\nYubiHSM 2 FIPS | 2 | FIPS 140-3 #5302'),
        stated('YubiHSM 2 FIPS; 1'),
        stated('YubiKey FIPS (4 series); 1; FIPS 140-2 #3517'),
        stated('yubikey fips ; 1; FIPS 140-2 #3517'),
        stated('Acme; 1; x\n'.repeat(20)),
        stated('Acme; 1; x\n'.repeat(21)),
        ...changes,
      ]),
      itAudit.id,
    )
  })

  it.each<[string, Outputs, Details, readonly (readonly [string, Outputs])[]]>([
    [
      'aws',
      awsOutputs(AWS_KEY_SPKI) as unknown as Outputs,
      { cloud: 'aws', region: AWS_REGION },
      [
        ...['EXTERNAL', 'EXTERNAL_KEY_STORE', 'AWS_CLOUDHSM'].map((Origin) => [`origin ${Origin}`, { 'describe-key.json': { KeyMetadata: { ...awsOutputs(AWS_KEY_SPKI)['describe-key.json'].KeyMetadata, Origin } } }] as const),
        ['a custom store', { 'describe-key.json': { KeyMetadata: { ...awsOutputs(AWS_KEY_SPKI)['describe-key.json'].KeyMetadata, CustomKeyStoreId: 'cks-1' } } }],
        ['a key of China', { 'describe-key.json': { KeyMetadata: { ...awsOutputs(AWS_KEY_SPKI)['describe-key.json'].KeyMetadata, Arn: AWS_KEY.replace('arn:aws:', 'arn:aws-cn:') } } }],
        ['a key of the government', { 'describe-key.json': { KeyMetadata: { ...awsOutputs(AWS_KEY_SPKI)['describe-key.json'].KeyMetadata, Arn: AWS_KEY.replace('arn:aws:', 'arn:aws-us-gov:') } } }],
        ['a key with a tail', { 'describe-key.json': { KeyMetadata: { ...awsOutputs(AWS_KEY_SPKI)['describe-key.json'].KeyMetadata, Arn: `${AWS_KEY} x` } } }],
        ['the key’s identifier alone', { 'public-key.json': { ...awsOutputs(AWS_KEY_SPKI)['public-key.json'], KeyId: AWS_KEY.split('/')[1] } }],
        ['no trail', { 'trails.json': { trailList: [] } }],
        ['a key of all regions', { 'describe-key.json': { KeyMetadata: { ...awsOutputs(AWS_KEY_SPKI)['describe-key.json'].KeyMetadata, MultiRegion: true } }, 'trails.json': { trailList: [{ ...awsOutputs(AWS_KEY_SPKI)['trails.json'].trailList[1], IsMultiRegionTrail: false }] } }],
        ['a trail of one region', { 'trails.json': { trailList: [{ ...awsOutputs(AWS_KEY_SPKI)['trails.json'].trailList[1], IsMultiRegionTrail: false }] } }],
        ['a trail of another region', { 'trails.json': { trailList: [{ ...awsOutputs(AWS_KEY_SPKI)['trails.json'].trailList[1], IsMultiRegionTrail: false, HomeRegion: 'eu-west-1' }] } }],
        ['a trail of the organisation', { 'trails.json': { trailList: [{ ...awsOutputs(AWS_KEY_SPKI)['trails.json'].trailList[1], TrailARN: AWS_TRAIL.replace('2109', '3109'), IsOrganizationTrail: true }] }, 'event-selectors.json': { ...awsOutputs(AWS_KEY_SPKI)['event-selectors.json'], TrailARN: AWS_TRAIL.replace('2109', '3109') } }],
        ['a trail of another account', { 'trails.json': { trailList: [{ ...awsOutputs(AWS_KEY_SPKI)['trails.json'].trailList[1], TrailARN: AWS_TRAIL.replace('2109', '3109') }] }, 'event-selectors.json': { ...awsOutputs(AWS_KEY_SPKI)['event-selectors.json'], TrailARN: AWS_TRAIL.replace('2109', '3109') } }],
        ...(
          [
            ['all of management', { Field: 'eventCategory', Equals: ['Management'] }],
            ['reads', { Field: 'eventCategory', Equals: ['Management'] }, { Field: 'readOnly', Equals: ['true'] }],
            ['writes', { Field: 'eventCategory', StartsWith: ['Man'] }, { Field: 'readOnly', NotEquals: ['true'] }],
            ['not KMS', { Field: 'eventCategory', EndsWith: ['ment'] }, { Field: 'eventSource', NotStartsWith: ['kms'] }],
            ['one user', { Field: 'eventCategory', Equals: ['Management'] }, { Field: 'userIdentity.arn', Equals: ['x'] }],
            ['a field without a name', { Field: 'eventCategory', Equals: ['Management'] }, { Equals: ['x'] }],
            ['an operator that nobody knows', { Field: 'eventCategory', Is: ['Management'] }],
            ['data', { Field: 'eventCategory', Equals: ['Data'] }],
            ['no category', { Field: 'readOnly', NotEndsWith: ['x'] }],
          ] as const
        ).map(([name, ...FieldSelectors]) => [`selectors: ${name}`, { 'event-selectors.json': { TrailARN: AWS_TRAIL, AdvancedEventSelectors: [{ Name: 'one', FieldSelectors }] } }] as const),
        ['selectors without KMS', { 'event-selectors.json': { TrailARN: AWS_TRAIL, EventSelectors: [{ ReadWriteType: 'All', IncludeManagementEvents: true, ExcludeManagementEventSources: ['kms.amazonaws.com'] }] } }],
        ['selectors of reads and of writes', { 'event-selectors.json': { TrailARN: AWS_TRAIL, EventSelectors: [{ ReadWriteType: 'ReadOnly', IncludeManagementEvents: true }, { ReadWriteType: 'WriteOnly', IncludeManagementEvents: true }] } }],
        ['selectors of reads', { 'event-selectors.json': { TrailARN: AWS_TRAIL, EventSelectors: [{ ReadWriteType: 'ReadOnly', IncludeManagementEvents: true }] } }],
        ['selectors of writes', { 'event-selectors.json': { TrailARN: AWS_TRAIL, EventSelectors: [{ ReadWriteType: 'WriteOnly', IncludeManagementEvents: true }] } }],
        ['a failing delivery', { 'trail-status.json': { ...awsOutputs(AWS_KEY_SPKI)['trail-status.json'], LatestDeliveryError: 'AccessDenied' } }],
        ['no failing delivery', { 'trail-status.json': { ...awsOutputs(AWS_KEY_SPKI)['trail-status.json'], LatestDeliveryError: '' } }],
        ['seconds', { 'trail-status.json': { ...awsOutputs(AWS_KEY_SPKI)['trail-status.json'], LatestDeliveryTime: 1793501883.12 } }],
        ['a zone of four digits', { 'trail-status.json': { ...awsOutputs(AWS_KEY_SPKI)['trail-status.json'], LatestDeliveryTime: '2026-11-01T11:58:03+0900' } }],
        ['output of Google', { 'audit-config.json': { auditConfigs: [] } }],
        ['output of nobody', { 'x.json': { x: 1 } }],
        ['an output twice', { 'describe-key-2.json': awsOutputs(AWS_KEY_SPKI)['describe-key.json'] }],
        ['a document', { 'screen.pdf': '%PDF-1.7' }],
        ['text', { 'x.txt': 'hello' }],
        ['no octets', { 'x.txt': '' }],
        ['an output too large', { 'x.json': `{"a":"${'x'.repeat(65536)}"}` }],
        ['no public key', { 'x.pem': '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n' }],
        ['broken PEM', { 'x.pem': '-----BEGIN PUBLIC KEY-----\nMAA=\n' }],
        ['a private key', { 'x.pem': '-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n' }],
        ['a private JWK', { 'x.json': { kty: 'RSA', d: 'AAAA' } }],
        ['too many files', Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`${index}.pdf`, '%PDF-1.7']))],
        ['too many octets', { 'x.pdf': `%PDF-1.7${'x'.repeat(2 * 1024 * 1024)}` }],
      ],
    ],
    [
      'google',
      { ...googleOutputs(AWS_KEY_SPKI), 'key.json': { name: GOOGLE_KEY, purpose: 'ASYMMETRIC_SIGN' } } as unknown as Outputs,
      { cloud: 'google', region: GOOGLE_LOCATION },
      [
        ...['SOFTWARE', 'EXTERNAL', 'EXTERNAL_VPC', 'HSM_SINGLE_TENANT'].map((protectionLevel) => [`level ${protectionLevel}`, { 'key-version.json': { ...googleOutputs(AWS_KEY_SPKI)['key-version.json'], protectionLevel } }] as const),
        ...[{ importJob: 'x' }, { importTime: '2026-10-05T01:20:30Z' }, { reimportEligible: true }, { reimportEligible: false }].map((mark) => [`mark ${JSON.stringify(mark)}`, { 'key-version.json': { ...googleOutputs(AWS_KEY_SPKI)['key-version.json'], ...mark } }] as const),
        ['no key', { 'key.json': null }],
        ['the public key as JSON', { 'public-key.pem': null, 'public-key.json': { name: `${GOOGLE_KEY}/cryptoKeyVersions/1`, pem: googleOutputs(AWS_KEY_SPKI)['public-key.pem'] } }],
        ['the public key of another version', { 'public-key.pem': null, 'public-key.json': { name: `${GOOGLE_KEY}/cryptoKeyVersions/2`, pem: googleOutputs(AWS_KEY_SPKI)['public-key.pem'] } }],
        ['a public key that is none', { 'public-key.pem': null, 'public-key.json': { name: `${GOOGLE_KEY}/cryptoKeyVersions/1`, pem: 'x' } }],
        ['no audit', { 'audit-config.json': {} }],
        ['a policy without audit', { 'audit-config.json': { bindings: [], etag: 'x' } }],
        ['null', { 'audit-config.json': 'null' }],
        ['all services', { 'audit-config.json': { auditConfigs: [{ service: 'allServices', auditLogConfigs: [{ logType: 'ADMIN_READ' }, { logType: 'DATA_READ', exemptedMembers: ['user:a', 'user:b'] }] }] }, 'audit-2.json': { auditConfigs: [{ service: 'allServices', auditLogConfigs: [{ logType: 'DATA_WRITE' }] }] } }],
      ],
    ],
    ...[false, true].map((managed): [string, Outputs, Details, readonly (readonly [string, Outputs])[]] => [
      managed ? 'azure-managed-hsm' : 'azure',
      azureOutputs(AWS_KEY_SPKI, managed) as unknown as Outputs,
      { cloud: 'azure', region: AZURE_LOCATION },
      [
        ...['KeyImport', 'KeyRestore', 'KeyRotate'].map((OperationName) => [OperationName, { 'key-log.json': [{ ...azureOutputs(AWS_KEY_SPKI, managed)['key-log.json'][0], OperationName }] }] as const),
        ['created and imported', { 'import-log.json': [{ ...azureOutputs(AWS_KEY_SPKI, managed)['key-log.json'][0], OperationName: 'KeyImport' }] }],
        ['a log of the key alone', { 'key-log.json': [{ ...azureOutputs(AWS_KEY_SPKI, managed)['key-log.json'][0], id_s: azureKid(managed).replace(/\/[^/]*$/, '') }] }],
        ['a log of the key at the last moment', { 'key-log.json': [{ ...azureOutputs(AWS_KEY_SPKI, managed)['key-log.json'][0], id_s: azureKid(managed).replace(/\/[^/]*$/, ''), TimeGenerated: '2026-10-05T01:25:30Z' }] }],
        ['a log of the key too late', { 'key-log.json': [{ ...azureOutputs(AWS_KEY_SPKI, managed)['key-log.json'][0], id_s: azureKid(managed).replace(/\/[^/]*$/, ''), TimeGenerated: '2026-10-05T01:25:31Z' }] }],
        ['a record of a storage account', { 'key-log.json': { operationName: 'KeyCreate', resultType: 'Success', time: '2026-10-05T01:20:30Z', properties: { id: azureKid(managed), httpStatusCode: 200 } } }],
        ['a record of a refusal', { 'key-log.json': { operationName: 'KeyCreate', resultType: 'Success', time: '2026-10-05T01:20:30Z', properties: { id: azureKid(managed), httpStatusCode: 403 } } }],
        ['lists under value', { 'key-log.json': { value: azureOutputs(AWS_KEY_SPKI, managed)['key-log.json'] }, 'diagnostics.json': { value: azureOutputs(AWS_KEY_SPKI, managed)['diagnostics.json'] } }],
        ['no settings', { 'diagnostics.json': [] }],
        ['members under properties', { 'diagnostics.json': azureOutputs(AWS_KEY_SPKI, managed)['diagnostics.json'].map(({ id, logs, workspaceId }) => ({ id, properties: { logs, workspaceId } })) }],
        ['the category of a vault', { 'diagnostics.json': azureOutputs(AWS_KEY_SPKI, managed)['diagnostics.json'].map((each) => ({ ...each, logs: [{ category: 'AuditEvent', enabled: true }] })) }],
        ['all logs', { 'diagnostics.json': azureOutputs(AWS_KEY_SPKI, managed)['diagnostics.json'].map((each) => ({ ...each, logs: [{ categoryGroup: 'allLogs', enabled: true }] })) }],
        ['no logs', { 'diagnostics.json': azureOutputs(AWS_KEY_SPKI, managed)['diagnostics.json'].map((each) => ({ ...each, logs: [{ enabled: true }] })) }],
        ...['storageAccountId', 'eventHubAuthorizationRuleId', 'marketplacePartnerId'].map((sink) => [sink, { 'diagnostics.json': azureOutputs(AWS_KEY_SPKI, managed)['diagnostics.json'].map(({ workspaceId: _, ...each }) => ({ ...each, [sink]: 'x' })) }] as const),
        ...[['sign'], ['verify'], ['sign', 'decrypt'], []].map((keyOps) => [`operations ${keyOps.join(' ')}`, { 'key.json': { ...azureOutputs(AWS_KEY_SPKI, managed)['key.json'], key: { ...azureOutputs(AWS_KEY_SPKI, managed)['key.json'].key, keyOps } } }] as const),
        ...['RSA', 'EC-HSM', 'oct-HSM'].map((kty) => [`type ${kty}`, { 'key.json': { ...azureOutputs(AWS_KEY_SPKI, managed)['key.json'], key: { ...azureOutputs(AWS_KEY_SPKI, managed)['key.json'].key, kty } } }] as const),
        ...['0', '1'].map((hsmPlatform) => [`platform ${hsmPlatform}`, { 'key.json': { ...azureOutputs(AWS_KEY_SPKI, managed)['key.json'], attributes: { ...azureOutputs(AWS_KEY_SPKI, managed)['key.json'].attributes, hsmPlatform } } }] as const),
        ['another provider', { 'vault.json': { ...azureOutputs(AWS_KEY_SPKI, managed)['vault.json'], type: 'X/Microsoft.KeyVault/vaults' } }],
        ['a release policy', { 'key.json': { ...azureOutputs(AWS_KEY_SPKI, managed)['key.json'], releasePolicy: { data: 'x' } } }],
      ],
    ]),
  ])('ATT-5, ATT-9: by a cloud’s report: %s', (cloud, outputs, details, cases) => {
    const stated: Details = { ...details, 'taken-on': TAKEN_ON, 'taken-by': 'Sato Hanako' }
    const policy = withAttestation(shippedPolicy, { historicalCertificates: [{ scheme: 'FIPS 140-2', acceptedUntil: '2027-12-31T23:59:59Z', why: 'test' }] })
    const of = (changed: Outputs = outputs, change: InputChange = {}): ProtectionInput => ({ ...inputOf(AWS_KEY_SPKI, [], { at: new Date('2026-11-10T00:00:00Z'), policy, details: stated, ...change }), files: printed(changed) })
    const changes = [...oneAtATime(outputs)].map(([name, changed]): Case => [name, of(changed as Outputs)])
    const statements = [...oneAtATime(stated)].map(([name, changed]): Case => [`stated: ${name}`, of(outputs, { details: changed as Details })])
    const days = ['2026-10-03', '2026-10-04', '2026-10-31', '2026-11-11', '2026-11-12', '2025-10-09', '2025-10-10'].map((day): Case => [`taken on ${day}`, of(outputs, { details: { ...stated, 'taken-on': day } })])
    written(
      account(cloudReport, of(), [
        ['by the shipped policy', of(outputs, { policy: shippedPolicy, at: new Date('2026-11-22T00:00:00Z') })],
        ['a year on', of(outputs, { at: new Date('2027-12-10T00:00:00Z') })],
        ['for another key', of(outputs, { publicKeySpki: ecKeyPair('P-256').spki })],
        ['nothing stated', of(outputs, { details: {} })],
        ...cases.map(([name, change]): Case => [name, of({ ...outputs, ...change })]),
        ...statements,
        ...days,
        ...changes,
      ]),
      `${cloudReport.id}-${cloud}`,
    )
  })

  it('ATT-6, ATT-9: by a witness', () => {
    const entry = registeredAuditor(auditor)
    const files = (text: Buffer, change: Partial<CmsOptions> = {}) => [['report.txt', text], ['report.p7s', cms(text, change)]] as const
    const of = (given: readonly (readonly [string, Buffer])[] = files(reportText(AWS_KEY_SPKI)), change: InputChange = {}) => inputOf(AWS_KEY_SPKI, given, { ...change, facts: { auditors: [entry], ...change.facts } })
    const registered = (...auditors: Partial<typeof entry>[]) => of(undefined, { facts: { auditors: auditors.map((change) => ({ ...entry, ...change })) } })
    const named = (...auditors: Partial<typeof entry>[]) => of(files(reportText(AWS_KEY_SPKI), { embed: false }), { facts: { auditors: auditors.map((change) => ({ ...entry, ...change })) } })
    const report = reportOf(AWS_KEY_SPKI)
    const changes = [...oneAtATime(report)].map(([name, changed]): Case => [name, of(files(reportText(AWS_KEY_SPKI, name.startsWith('without') ? { [name.slice(8)]: '' } : (changed as typeof report))))])
    const text = reportText(AWS_KEY_SPKI).toString()
    const read = (name: string, changed: string): Case => [name, of(files(Buffer.from(changed)))]
    const challenged = (change: Partial<typeof CHALLENGE>) => of(undefined, { facts: { challenges: [{ ...CHALLENGE, ...change }] } })
    const spkiSha256 = judgeBy(witnessedGeneration, of())!.spkiSha256
    const days = ['2026-11-19', '2026-11-20', '2026-11-21', '2026-11-23', '2026-11-24'].map((date): Case => [`generated on ${date}`, of(files(reportText(AWS_KEY_SPKI, { date })))])
    const times = ['2026-11-22T05:49:59Z', '2026-11-22T05:50:00Z', '2026-11-22T09:10:00Z', '2026-11-22T09:10:01Z', '2025-12-31T00:00:00Z', '2028-01-02T00:00:00Z'].map((time): Case => [`signed at ${time}`, of(files(reportText(AWS_KEY_SPKI), { signingTime: new Date(time) }))])
    const moments = ['2025-12-30T23:59:59Z', '2025-12-31T00:00:00Z', '2028-01-01T23:59:59Z', '2028-01-02T00:00:00Z', '2026-11-23T06:00:00Z', '2026-11-23T06:00:01Z'].map((at): Case => [`judged at ${at}`, of(undefined, { at: new Date(at) })])
    written(
      account(witnessedGeneration, of(), [
        ['unsigned', of([['report.txt', reportText(AWS_KEY_SPKI)]])],
        ['signed by a stranger', of(files(reportText(AWS_KEY_SPKI)), { facts: { auditors: [registeredAuditor(signatory('Somebody Else'))] } })],
        ['no auditor', registered()],
        ['without its certificate', named({})],
        ['without its certificate, by a stranger', named({ certificate: signatory('Somebody Else').certificate })],
        ['a broken signature', of(files(reportText(AWS_KEY_SPKI), { breakSignature: true }))],
        ['no time', of(files(reportText(AWS_KEY_SPKI), { signingTime: null }))],
        ['attached', of([['report.p7m', cms(reportText(AWS_KEY_SPKI), { attached: true })]])],
        ['an auditor withdrawn', registered({ withdrawnAt: '2026-11-21T00:00:00.000Z' })],
        ['an auditor withdrawn and entered again', registered({ withdrawnAt: '2026-11-21T00:00:00.000Z' }, {})],
        ['an auditor from tomorrow', registered({ validFrom: '2026-11-23' })],
        ['an auditor from the day after', registered({ validFrom: '2026-11-24' })],
        ['an auditor until yesterday', registered({ validUntil: '2026-11-21' })],
        ['an auditor until the day before', registered({ validUntil: '2026-11-20' })],
        ['an auditor of no day', registered({ validFrom: 'x' })],
        ['an auditor until no day', registered({ validUntil: 'x' })],
        ['a challenge of method 3', challenged({ method: 3 })],
        ['a challenge answered by this key', challenged({ answered: { at: '2026-11-22T08:40:00.000Z', spkiSha256 } })],
        ['a challenge answered late', challenged({ answered: { at: '2026-11-24T08:40:00.000Z', spkiSha256 } })],
        ['a challenge answered by another', challenged({ answered: { at: '2026-11-22T08:40:00.000Z', spkiSha256: 'f1'.repeat(32) } })],
        ['firmware not stated', of(files(reportText(AWS_KEY_SPKI, { firmware: '-' })))],
        ['firmware that is not certified', of(files(reportText(AWS_KEY_SPKI, { firmware: '2.3.0' })))],
        ['firmware that is historical', of(files(reportText(AWS_KEY_SPKI, { firmware: '2.2.0' })))],
        ['a demo device', of(files(reportText(AWS_KEY_SPKI, { model: 'DEMO device', firmware: '-' })), { facts: { demoHierarchy: true } })],
        ['words in capitals', of(files(reportText(AWS_KEY_SPKI, { inside: 'YES', exportable: 'No' })))],
        read('no block', text.replace(/=====/g, '====')),
        read('two blocks', `${text}\n${text}`),
        read('an end before its beginning', text.replace(' BEGIN ', ' X ').replace(' END ', ' BEGIN ').replace(' X ', ' END ')),
        read('a line twice', text.replace('Place:', 'Date: 2026-11-22\nPlace:')),
        read('a line of no name', text.replace('Reference:', 'hello\nReference:')),
        read('a line that goes on', text.replace('Place: Tokyo, data centre 1', 'Place: Tokyo,\n  data   centre 1')),
        read('1000 characters', text.replace('Place: Tokyo, data centre 1', `Place: ${'x'.repeat(1000)}`)),
        read('1001 characters', text.replace('Place: Tokyo, data centre 1', `Place: ${'x'.repeat(1001)}`)),
        read('octets with colons', text.replace(/Challenge: (.*)/, (_, value: string) => `Challenge: ${value.toUpperCase().replace(/(..)(?=.)/g, '$1:')}`)),
        ...days,
        ...times,
        ...moments,
        ...changes,
      ]),
      witnessedGeneration.id,
    )
  })

  it('ATT-7, ATT-9: by a Signing Service', () => {
    const pdf = writePdf(['Agreement'])
    const service = acceptedService()
    const DETAILS = { service: service.provenance.entryId, 'agreement-version': '2026-07', 'agreement-number': 'K-1', 'agreement-date': '2026-08-01', statement: 'all-keys' }
    const of = (details: Details = DETAILS, change: Partial<typeof service> = {}, files: readonly (readonly [string, Buffer])[] = [['agreement.pdf', pdf]], more: InputChange = {}) => inputOf(AWS_KEY_SPKI, files, { details, ...more, facts: { signingServices: [{ ...service, ...change }, acceptedService({ name: 'Other', operator: 'Other' }), acceptedService({ name: 'Gone', withdrawnAt: '2026-01-01T00:00:00.000Z' })] } })
    const stated = [...oneAtATime(DETAILS)].map(([name, details]): Case => [`stated: ${name}`, of(details as Details)])
    const { provenance: _, evidence: __, ...content } = service
    const registered = [...oneAtATime(content)].filter(([name]) => !name.startsWith('without')).map(([name, change]): Case => [`registered: ${name}`, of(DETAILS, change as Partial<typeof service>)])
    const days = ['2026-11-23', '2026-11-24', '2025-10-21', '2025-10-22'].map((day): Case => [`agreed on ${day}`, of({ ...DETAILS, 'agreement-date': day })])
    written(
      account(signingService, of(), [
        ['signed', of(DETAILS, {}, [['agreement.pdf', pdf], ['a.p7s', cms(pdf)]])],
        ['a broken signature', of(DETAILS, {}, [['agreement.pdf', pdf], ['a.p7s', cms(pdf, { breakSignature: true })]])],
        ['a signature without certificate', of(DETAILS, {}, [['agreement.pdf', pdf], ['a.p7s', cms(pdf, { embed: false })]])],
        ['a text', of(DETAILS, {}, [['agreement.txt', Buffer.from('agreed')]])],
        ['no file', of(DETAILS, {}, [])],
        ['a module of EAL 3', of(DETAILS, { moduleScheme: 'Common Criteria', moduleLevel: '3' })],
        ['a module of level 2', of(DETAILS, { moduleLevel: '2' })],
        ['no versions', of(DETAILS, { agreementVersions: ' \n ' })],
        ['a year on', later(of(), '2027')],
        ['no scheme', of(DETAILS, {}, undefined, { policy: byPolicy({ signingServiceSchemes: undefined } as never) })],
        ...stated,
        ...registered,
        ...days,
      ]),
      signingService.id,
    )
  })
})
