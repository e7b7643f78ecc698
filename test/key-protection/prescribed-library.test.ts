import { sign } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { isProtectedKey, protectionToJson } from '../../src/key-protection/judge-protection.ts'
import { reportOctets, writeKeyReport } from '../../src/key-protection/key-report.ts'
import { prescribedLibrary } from '../../src/key-protection/prescribed-library.ts'
import type { PermittedModule } from '../../src/policy/module-certificate.ts'
import { checkPolicy } from '../../src/policy/policy.ts'
import { versionWithin } from '../../src/policy/version-range.ts'
import { WORDS } from '../../src/web/locales.ts'
import { ecKeyPair, rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { CHALLENGE, fingerprint, inputOf, judgeReport, NOW, outcomeOf, reportFile, reportOf, VALUE, type InputChange, type ReportChange } from '../support/key-reports.ts'
import { mutate, random } from '../support/mutate.ts'

let keys: KeyPair
let other: KeyPair
beforeAll(() => {
  keys = rsaKeyPair(2048)
  other = rsaKeyPair(2048)
})

const judge = (change: ReportChange = {}, input: InputChange = {}) => judgeReport(inputOf(keys, [reportFile(keys, change)], input))
const outcome = (change?: ReportChange, input?: InputChange) => outcomeOf(judge(change, input))

/** Every question behind an unsigned report. */
const CLAIMED = Object.fromEntries(['challenge-answered', 'generated-inside', 'not-exportable', 'signs-alone', 'module-permitted', 'library-accepted'].map((question) => [question, 'claim.untrusted']))

const row = shippedPolicy.keyProtection.prescribedLibrary!.modules[0]!
const withLibrary = (change: Partial<NonNullable<typeof shippedPolicy.keyProtection.prescribedLibrary>>) => ({
  ...shippedPolicy,
  keyProtection: { ...shippedPolicy.keyProtection, prescribedLibrary: { ...shippedPolicy.keyProtection.prescribedLibrary!, ...change } },
})
const REAL: PermittedModule = {
  id: 'real-module',
  manufacturer: 'Module Maker',
  model: 'HSM 7',
  firmware: { from: '7.3', to: '7.10' },
  demo: false,
  certificates: [{ scheme: 'FIPS 140-3', number: '4321', level: 3, validFrom: '2025-01-01', validUntil: '2030-01-01', historicalSince: null, revokedSince: null, source: 'https://register.example', confirmed: true }],
}
const REAL_TOKEN = { manufacturer: 'Module Maker', model: 'HSM 7', firmwareVersion: '7.4' }

describe('a report of the prescribed library', () => {
  test('ATT-3: is accepted whole: the key signed it, it answers our challenge, and the module says what it must', () => {
    const report = judge()
    expect(outcomeOf(report)).toBe('verified')
    expect('verified' in report.verdict && isProtectedKey(report.verdict.verified) && report.verdict.verified).toMatchObject({ method: 3, demo: true, spkiSha256: fingerprint(keys.spki) })
    expect(report).toMatchObject({ trusted: true, demo: true })
    expect(report.about.map(({ value }) => value.values?.['text'])).toEqual(expect.arrayContaining(['SoftHSM project', 'SoftHSM v2', '2.6', '0123456789abcdef', 'code-signing-keygen 1.0.0']))
  })

  test('ATT-3: is accepted with other white space and order of members, which nobody signs', () => {
    const json = JSON.parse(reportFile(keys).toString()) as Record<string, unknown>
    const turned = Object.fromEntries(Object.entries(json).reverse())
    expect(outcomeOf(judgeReport(inputOf(keys, [Buffer.from(JSON.stringify(turned).replaceAll(',', ',\r\n'))])))).toBe('verified')
  })

  test('ATT-3: is not begun without a file', () => expect(prescribedLibrary.begun(inputOf(keys, []))).toBe(false))

  test.each<[string, ReportChange, unknown]>([
    ['a challenge that we never gave out', { challenge: 'cd'.repeat(32) }, { 'challenge-answered': 'challenge.unknown' }],
    ['a key that was imported (CKA_LOCAL FALSE)', { attributes: { local: false } }, { 'generated-inside': 'attribute.told' }],
    ['a module that does not tell CKA_LOCAL', { attributes: { local: null } }, { 'generated-inside': 'attribute.untold' }],
    ['another mechanism than key generation', { key: { mechanism: 1 } }, { 'generated-inside': 'mechanism.other' }],
    ['a module that does not tell the mechanism', { key: { mechanism: null } }, { 'generated-inside': 'attribute.untold' }],
    ['an extractable key', { attributes: { extractable: true } }, { 'not-exportable': 'attribute.told' }],
    ['a key that was extractable before', { attributes: { neverExtractable: false } }, { 'not-exportable': 'attribute.told' }],
    ['a key that is not sensitive', { attributes: { sensitive: false } }, { 'not-exportable': 'attribute.told' }],
    ['a key that was not sensitive before', { attributes: { alwaysSensitive: false } }, { 'not-exportable': 'attribute.told' }],
    ['a module that does not tell CKA_EXTRACTABLE', { attributes: { extractable: null } }, { 'not-exportable': 'attribute.untold' }],
    ['a module that does not tell CKA_NEVER_EXTRACTABLE', { attributes: { neverExtractable: null } }, { 'not-exportable': 'attribute.untold' }],
    ['a key that is used without the PIN', { attributes: { private: false } }, { 'not-exportable': 'attribute.told' }],
    ['a key of one session', { attributes: { token: false } }, { 'not-exportable': 'attribute.told' }],
    ['a key that can not sign', { attributes: { sign: false } }, { 'signs-alone': 'attribute.told' }],
    ['a key that decrypts', { attributes: { decrypt: true } }, { 'signs-alone': 'attribute.told' }],
    ['a key that unwraps', { attributes: { unwrap: true } }, { 'signs-alone': 'attribute.told' }],
    ['a key that derives', { attributes: { derive: true } }, { 'signs-alone': 'attribute.told' }],
    ['a key that signs with recovery', { attributes: { signRecover: true } }, { 'signs-alone': 'attribute.told' }],
    ['a module that does not tell CKA_DECRYPT', { attributes: { decrypt: null } }, { 'signs-alone': 'attribute.untold' }],
    ['another manufacturer', { token: { manufacturer: 'SoftHSM Project' } }, { 'module-permitted': 'module.unlisted' }],
    ['another model', { token: { model: 'SoftHSM v3' } }, { 'module-permitted': 'module.unlisted' }],
    ['older firmware than permitted', { token: { firmwareVersion: '2.4' } }, { 'module-permitted': 'module.firmware' }],
    ['newer firmware than permitted', { token: { firmwareVersion: '2.10' } }, { 'module-permitted': 'module.firmware' }],
    ['another version of the library', { library: { version: '0.9.9' } }, { 'library-accepted': 'library.other' }],
    ['another library', { library: { name: 'home-made' } }, { 'library-accepted': 'library.other' }],
  ])('ATT-3: refuses %s', (_name, change, expected) => expect(outcome(change)).toEqual(expected))

  test('ATT-3: takes a module that knows no derivation and no recovery: it can do neither', () => {
    expect(outcome({ attributes: { derive: null, signRecover: null } })).toBe('verified')
  })

  test('ATT-3: takes a key pair by ANSI X9.31', () => expect(outcome({ key: { mechanism: 0xa } })).toBe('verified'))
})

describe('the signature of the report', () => {
  test('ATT-3: refuses a report about another key than the request’s, though that key signed it', () => {
    expect(outcomeOf(judgeReport(inputOf(keys, [reportFile(other)])))).toEqual({ 'signed-by-key': 'same-key.differs', ...CLAIMED })
  })

  test('ATT-3: refuses a report that another key signed', () => {
    expect(outcomeOf(judgeReport(inputOf(keys, [reportFile(keys, {}, other)])))).toEqual({ 'signed-by-key': 'signature.bad', ...CLAIMED })
  })

  test('ATT-3: refuses any member that was changed after signing', () => {
    const file = reportFile(keys).toString()
    for (const [was, is] of [
      ['"challenge": "ab', '"challenge": "ac'],
      ['"version": "1.0.0"', '"version": "1.0.1"'],
      ['"version": "2.6"', '"version": "2.5"'],
      ['08:30:00Z', '08:30:01Z'],
      ['"manufacturer": "SoftHSM"', '"manufacturer": "SoftHSN"'],
      ['"description": "Impl', '"description": "Ampl'],
      ['"cryptokiVersion": "2.40"', '"cryptokiVersion": "2.41"'],
      ['"label": "mine"', '"label": "yours"'],
      ['"serialNumber": "01', '"serialNumber": "02'],
      ['"model": "SoftHSM v2"', '"model": "SoftHSM v9"'],
      ['"hardwareVersion": "2.6"', '"hardwareVersion": "2.7"'],
      ['"firmwareVersion": "2.6"', '"firmwareVersion": "2.7"'],
      ['"label": "code-signing"', '"label": "code signing"'],
      ['"id": "01', '"id": "02'],
      ['"mechanism": 0', '"mechanism": 10'],
      ['"signRecover": false', '"signRecover": null'],
      ['"extractable": false', '"extractable": true'],
    ] as const) {
      expect(file).toContain(was)
      expect(outcomeOf(judgeReport(inputOf(keys, [Buffer.from(file.replace(was, is))]))), was).toEqual({ 'signed-by-key': 'signature.bad', ...CLAIMED })
    }
  })

  test('ATT-3: what an unsigned report says is shown as a claim, and claims nothing for the key', () => {
    const report = judgeReport(inputOf(keys, [reportFile(keys, {}, other)]))
    expect(report.trusted).toBe(false)
    expect(report.findings!.filter(({ question }) => question !== 'signed-by-key').every(({ finding }) => finding.claimed && finding.outcome === 'fail')).toBe(true)
  })

  test('ATT-3: a signature over the certificate request is none over the report, and a hash other than SHA-256 is none', () => {
    const report = reportOf(keys.spki)
    const signed = (signature: Buffer) => outcomeOf(judgeReport(inputOf(keys, [Buffer.from(writeKeyReport(report, signature))])))
    const octets = reportOctets(report)
    expect(signed(sign('sha256', octets.subarray(octets.indexOf(10) + 1), keys.privateKey))).toMatchObject({ 'signed-by-key': 'signature.bad' })
    expect(signed(sign('sha384', octets, keys.privateKey))).toMatchObject({ 'signed-by-key': 'signature.bad' })
  })

  test('ATT-3: a key of another kind signs no report', () => {
    const curve = ecKeyPair('P-256')
    expect(outcomeOf(judgeReport(inputOf(curve, [reportFile(curve)], { certificateRequestDer: inputOf(keys, []).certificateRequestDer })))).toMatchObject({ 'signed-by-key': 'signature.bad' })
  })
})

describe('the challenge', () => {
  const answers = (challenge: Partial<typeof CHALLENGE>, at = NOW) => ({ at, facts: { challenges: [{ ...CHALLENGE, ...challenge }] } })

  test.each<[string, InputChange, unknown]>([
    ['none was given out for this application', { facts: { challenges: [] } }, { 'challenge-answered': 'challenge.unknown' }],
    ['it was given out for another method', answers({ method: 6 }), { 'challenge-answered': 'challenge.unknown' }],
    ['it expired before the report came', answers({}, new Date('2026-11-23T08:00:00.001Z')), { 'challenge-answered': 'challenge.expired' }],
    ['another key answered it', answers({ answered: { at: '2026-11-22T08:40:00.000Z', spkiSha256: 'e'.repeat(64) } }), { 'challenge-answered': 'challenge.used' }],
  ])('ATT-3: refuses a report when %s', (_name, input, expected) => {
    expect(outcome({}, input)).toEqual(expected)
    expect(prescribedLibrary.answers!(inputOf(keys, [reportFile(keys)], input))).toBeNull()
  })

  test('ATT-3: takes a report in the challenge’s last moment', () => expect(outcome({}, answers({}, new Date(CHALLENGE.expiresAt)))).toBe('verified'))

  test('ATT-3: judged again later, a report that was taken in time stays taken, for its key alone', () => {
    const taken = { at: '2026-11-22T09:00:00.000Z', spkiSha256: fingerprint(keys.spki) }
    expect(outcome({}, answers({ answered: taken }, new Date('2027-03-01T00:00:00Z')))).toBe('verified')
    expect(outcomeOf(judgeReport(inputOf(other, [reportFile(other)], answers({ answered: taken }))))).toEqual({ 'challenge-answered': 'challenge.used' })
  })

  test('ATT-3: an answer recorded after the challenge’s end is none', () => {
    expect(outcome({}, answers({ answered: { at: '2026-11-24T00:00:00.000Z', spkiSha256: fingerprint(keys.spki) } }))).toEqual({ 'challenge-answered': 'challenge.expired' })
  })

  test('ATT-3: is answered by a signed report alone', () => {
    expect(prescribedLibrary.answers!(inputOf(keys, [reportFile(keys)]))).toBe(VALUE)
    expect(prescribedLibrary.answers!(inputOf(keys, [reportFile(keys, {}, other)]))).toBeNull()
    expect(prescribedLibrary.answers!(inputOf(keys, [Buffer.from('{}')]))).toBeNull()
    expect(prescribedLibrary.answers!(inputOf(keys, []))).toBeNull()
  })
})

describe('the list of modules', () => {
  const real = (change: Partial<PermittedModule> = {}, input: InputChange = {}) => judge({ token: REAL_TOKEN }, { policy: withLibrary({ modules: [row, { ...REAL, ...change }] }), ...input })

  test('ATT-3: a software token counts under a demo hierarchy alone', () => {
    expect(outcome({}, { facts: { demoHierarchy: false } })).toEqual({ 'module-permitted': 'module.demo-refused' })
  })

  test('ATT-3: a module of the list counts under any hierarchy, and is no demo', () => {
    const report = real({}, { facts: { demoHierarchy: false } })
    expect(outcomeOf(report)).toBe('verified')
    expect(report.demo).toBe(false)
  })

  test.each([
    ['whose certificate was revoked', { certificates: [{ ...REAL.certificates[0]!, revokedSince: '2026-01-01' }] }, 'attestation.certificate.revoked'],
    ['certified below the level that the policy asks for', { certificates: [{ ...REAL.certificates[0]!, level: 1 }] }, 'attestation.certificate.level'],
    ['certified by a scheme that the policy does not know', { certificates: [{ ...REAL.certificates[0]!, scheme: 'House rules' }] }, 'attestation.certificate.scheme'],
    ['whose certificate went historical', { certificates: [{ ...REAL.certificates[0]!, validUntil: '2026-11-20' }] }, 'attestation.certificate.historical'],
  ])('ATT-8: refuses a listed module %s', (_name, change, reason) => expect(outcomeOf(real(change))).toEqual({ 'module-permitted': reason }))

  test('ATT-8: staff are told of a certificate that nobody compared with its register, and not of a demo’s', () => {
    const cautions = (report: ReturnType<typeof judge>) => report.findings!.flatMap(({ finding }) => finding.cautions.map(({ key }) => key))
    expect(cautions(real({ certificates: [{ ...REAL.certificates[0]!, confirmed: false }] }))).toEqual(['attestation.certificate.unconfirmed'])
    expect(cautions(real())).toEqual([])
    expect(cautions(judge())).toEqual([])
  })

  test('ATT-3: a policy that lists nothing permits nothing', () => {
    const { prescribedLibrary: _none, ...keyProtection } = shippedPolicy.keyProtection
    expect(outcome({}, { policy: { ...shippedPolicy, keyProtection } })).toEqual({ 'module-permitted': 'module.unlisted', 'library-accepted': 'library.other' })
  })

  test('ATT-3: firmware is compared by its numbers, both ends included', () => {
    const range = { from: '7.3', to: '7.10' }
    expect(['7.3', '7.9', '7.10'].map((told) => versionWithin(told, range))).toEqual([true, true, true])
    expect(['7.2', '7.11', '6.9', '8.4'].map((told) => versionWithin(told, range))).toEqual([false, false, false, false])
  })

  test('ATT-3: a policy that opens the method names versions and modules, in ranges that run upwards', () => {
    const { texts: _texts, earlierTexts: _earlier, ...data } = shippedPolicy
    const { prescribedLibrary: _none, ...without } = data.keyProtection
    expect(checkPolicy({ ...data, keyProtection: without })).toEqual({ reasons: ['keyProtection.prescribedLibrary: method 3 is open: name the library versions and the modules'] })
    expect(checkPolicy({ ...data, keyProtection: { ...without, methods: [2] , personConfirms: [] } })).toHaveProperty('policy')
    const upside = { ...data.keyProtection.prescribedLibrary!, modules: [{ ...row, firmware: { from: '2.10', to: '2.9' } }] }
    expect(checkPolicy({ ...data, keyProtection: { ...data.keyProtection, prescribedLibrary: upside } })).toHaveProperty('reasons', [expect.stringContaining('from the lower to the higher')])
  })
})

describe('a file that is no report', () => {
  const read = (change: (file: string) => string | Buffer) => outcomeOf(judgeReport(inputOf(keys, [Buffer.from(change(reportFile(keys).toString()))])))

  test.each<[string, (file: string) => string | Buffer, unknown]>([
    ['JSON of something else', () => '{"format":"other"}', { malformed: 'not-a-report' }],
    ['a list', () => '[]', { malformed: 'not-a-report' }],
    ['another version of the form', (file) => file.replace('"version": 1,', '"version": 2,'), { malformed: 'version', expected: '1' }],
    ['a member too many', (file) => file.replace('{', '{"note": "",'), { malformed: 'member', member: 'note' }],
    ['a member too few', (file) => file.replace(/"generatedAt": "[^"]+",/, ''), { malformed: 'member', member: 'generatedAt' }],
    ['a nested member too many', (file) => file.replace('"token": {', '"token": {"x": 1,'), { malformed: 'member', member: 'token.x' }],
    ['an attribute too few', (file) => file.replace('"derive": false', '"derived": false'), { malformed: 'member', member: 'key.attributes.derived' }],
    ['an attribute that is no truth value', (file) => file.replace('"local": true', '"local": 1'), { malformed: 'member', member: 'key.attributes.local' }],
    ['a challenge of another length', (file) => file.replace(`"${VALUE}"`, '"abab"'), { malformed: 'member', member: 'challenge' }],
    ['a challenge in capitals', (file) => file.replace(VALUE, VALUE.toUpperCase()), { malformed: 'member', member: 'challenge' }],
    ['a date that no calendar has', (file) => file.replace('2026-11-22T08', '2026-02-30T08'), { malformed: 'member', member: 'generatedAt' }],
    ['a version that no octet holds', (file) => file.replace('"firmwareVersion": "2.6"', '"firmwareVersion": "2.256"'), { malformed: 'member', member: 'token.firmwareVersion' }],
    ['text of more than 64 characters', (file) => file.replace('"mine"', `"${'m'.repeat(65)}"`), { malformed: 'member', member: 'token.label' }],
    ['text that turns what follows around', (file) => file.replace('"mine"', '"\\u202emine"'), { malformed: 'member', member: 'token.label' }],
    ['a mechanism that is no number of PKCS #11', (file) => file.replace('"mechanism": 0', '"mechanism": 0.5'), { malformed: 'member', member: 'key.mechanism' }],
    ['a mechanism below zero', (file) => file.replace('"mechanism": 0', '"mechanism": -1'), { malformed: 'member', member: 'key.mechanism' }],
    ['an attribute that is missing', (file) => file.replace(/,\s*"derive": false/, ''), { malformed: 'member', member: 'key.attributes.derive' }],
    ['no mechanism', (file) => file.replace(/"mechanism": 0,/, ''), { malformed: 'member', member: 'key.mechanism' }],
    ['no token', (file) => file.replace(/"token": \{[^}]*\},/, ''), { malformed: 'member', member: 'token' }],
    ['no signature', (file) => file.replace(/,\s*"signature": "[^"]*"/, ''), { malformed: 'member', member: 'signature' }],
    ['a signature that is no base64', (file) => file.replace('"signature": "', '"signature": "*'), { malformed: 'member', member: 'signature' }],
    ['an object in place of text', (file) => file.replace('"mine"', '{}'), { malformed: 'member', member: 'token.label' }],
    ['a name that stands twice', (file) => file.replace('{', '{"challenge": "",'), { malformed: 'attestation.malformed.json-twice', name: 'challenge' }],
    ['octets behind the end', (file) => `${file}x`, { malformed: 'attestation.malformed.json', octet: expect.any(String) as unknown }],
    ['more than 16 KiB', (file) => file + ' '.repeat(16 * 1024), { malformed: 'too-large', kilobytes: '16' }],
    ['nothing', () => '', { malformed: 'attestation.malformed.json', octet: '0' }],
  ])('ATT-3: says why: %s', (_name, change, expected) => expect(read(change)).toEqual(expected))

  test('ATT-3: two files are one too many', () => {
    expect(outcomeOf(judgeReport(inputOf(keys, [reportFile(keys), reportFile(keys)])))).toEqual({ malformed: 'several' })
  })
})

test('ATT-3: 3000 mutations of a report crash nothing, and none is accepted that says anything else', () => {
  const next = random(20261122)
  const whole = reportFile(keys)
  const tally = { verified: 0, refused: 0, malformed: 0 }
  for (let round = 0; round < 3000; round++) {
    const report = judgeReport(inputOf(keys, [mutate(whole, next)]))
    const { verdict, about } = protectionToJson(report)
    tally[verdict.outcome]++
    if (verdict.outcome === 'verified') expect(about).toEqual(judge().about)
  }
  expect(tally.refused).toBeGreaterThan(100)
  expect(tally.malformed).toBeGreaterThan(1000)
})

test('ATT-9: whatever is found has words in both languages, with every placeholder filled', () => {
  const reports = [judge(), judge({ attributes: { local: null, sign: false }, token: { model: 'x' } }), judge({}, { facts: { challenges: [], demoHierarchy: false } }), judgeReport(inputOf(keys, [reportFile(other)]))]
  const seen: { key: string; values?: Record<string, string> }[] = []
  JSON.stringify(reports.map(protectionToJson), (_name, value: unknown) => {
    if (typeof value === 'object' && value !== null && 'key' in value && typeof value.key === 'string') seen.push(value as (typeof seen)[number])
    return value
  })
  expect(seen.length).toBeGreaterThan(100)
  for (const { key, values } of seen)
    for (const language of ['en', 'ja'] as const) {
      const words = WORDS[language].get(key)
      expect(words, `${language} ${key}`).toBeDefined()
      for (const [, name] of words!.matchAll(/\{(\w+)\}/g)) expect(values, `${key} {${name}}`).toHaveProperty(name!)
    }
})
