import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { agreementInForce, drawReference, examineSteps } from '../../src/application/apply.ts'
import type { Dossier } from '../../src/application/application.ts'
import { isCorporateNumber, organisationSchema } from '../../src/application/organisation-statement.ts'
import { subjectSchema } from '../../src/application/subject-statement.ts'
import { loadPolicy } from '../../src/policy/policy.ts'

const policy = loadPolicy()

test('CP 3.2.2: a Japanese corporate number is known by its check digit', () => {
  // The National Tax Agency's own, and three more public bodies'.
  for (const number of ['7000012050002', '8000012010038', '2000012100001']) expect([number, isCorporateNumber(number)]).toEqual([number, true])
  for (let digit = 1; digit <= 9; digit++) expect(isCorporateNumber(`${digit}000012050002`)).toBe(digit === 7)
  for (const text of ['', '000012050002', '70000120500020', '700001205000x', '0000012050002']) expect(isCorporateNumber(text)).toBe(false)
})

test('CP 3.2.2: outside Japan no corporate number and no state is asked for', () => {
  const stated = {
    legalName: 'Example',
    country: 'DE',
    state: '',
    locality: 'Berlin',
    street: 'Unter den Linden 1',
    postalCode: '10117',
    registrationNumber: 'HRB 12345 B',
    foundedOn: '1999-04-01',
    phone: '+49 30 123456',
  }
  expect(organisationSchema(['DE'], '2026-11-21').safeParse(stated).success).toBe(true)
})

test('APP-6: references are ten unlike characters, and evenly drawn', () => {
  const drawn = Array.from({ length: 3000 }, () => drawReference(randomBytes))
  for (const reference of drawn) expect(reference).toMatch(/^[2-9A-HJKMNP-TV-Z]{5}-[2-9A-HJKMNP-TV-Z]{5}$/)
  expect(new Set(drawn).size).toBe(3000)
  const counts = new Map<string, number>()
  for (const character of drawn.join('').replaceAll('-', '')) counts.set(character, (counts.get(character) ?? 0) + 1)
  expect(counts.size).toBe(30)
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(200)
  // An octet beyond the last whole round is not used.
  expect(drawReference((size) => Buffer.alloc(size, 239))).toBe('ZZZZZ-ZZZZZ')
})

const subject = { country: 'JP', state: 'Tokyo', locality: '', organization: 'Example', organizationalUnit: '', commonName: 'Example', serialNumber: '' }

test.each(['.', '-', ' - . ', 'N/A', 'none', 'Unknown'])('CRT-2: no attribute says nothing, as "%s" does', (nothing) => {
  for (const field of ['commonName', 'state', 'locality', 'organizationalUnit', 'serialNumber']) {
    const parsed = subjectSchema(['JP']).safeParse({ ...subject, [field]: nothing })
    expect(parsed.error?.issues.map(({ message }) => message)).toContain('subject.error.meaningless')
  }
})

test('CRT-2: the legal name stands as organisation and as common name', () => {
  expect(subjectSchema(['JP']).parse({ ...subject, organization: 'Somebody else' })).toMatchObject({ organization: 'Example', commonName: 'Example' })
})

test('CRT-2: bounds count characters, of which one may be two code units', () => {
  expect(subjectSchema(['JP']).safeParse({ ...subject, commonName: '𠮷'.repeat(64) }).success).toBe(true)
  expect(subjectSchema(['JP']).safeParse({ ...subject, commonName: '𠮷'.repeat(65) }).success).toBe(false)
})

const at = '2026-11-21T00:00:00.000Z'
const complete: Dossier = {
  application: {
    id: 'a',
    reference: 'A',
    applicantId: 'p',
    organisationId: 'o',
    state: 'draft',
    version: 1,
    policyId: policy.id,
    organisation: {
      legalName: 'Example',
      country: 'JP',
      state: 'Tokyo',
      locality: 'Chiyoda-ku',
      street: '1',
      postalCode: '100-0001',
      registrationNumber: '7000012050002',
      foundedOn: '1999-04-01',
      phone: '03-1234-5678',
    },
    subject,
    request: { requestDer: Buffer.alloc(0), spkiDer: Buffer.alloc(0), spkiSha256: '' },
    key: { option: 'own-module', method: 2, representedAt: at, details: {} },
    accuracyCertifiedAt: null,
    createdAt: at,
    updatedAt: at,
    submittedAt: null,
    decision: null,
    holdFindings: null,
  },
  agreements: policy.texts
    .filter(({ language }) => language === 'ja')
    .map(({ document, version, language, sha256 }) => ({ document, version, language, sha256, acceptedBy: 'p', acceptedAt: at })),
  evidence: [],
  assessments: [
    { kind: 'request', outcome: 'pass', report: '', assessedAt: at },
    { kind: 'key-protection', outcome: 'pass', report: '', assessedAt: at },
  ],
  checks: [],
  duties: [],
  approval: null,
}
const changed = (application: Partial<Dossier['application']>, dossier: Partial<Dossier> = {}) =>
  examineSteps({ ...complete, ...dossier, application: { ...complete.application, ...application } }, policy)
const allDone = { organisation: 'done', agreements: 'done', subject: 'done', request: 'done', 'key-protection': 'done' }

test('APP-6: the steps of a complete draft are done', () => expect(changed({})).toEqual(allDone))

test.each([
  ['no organisation', changed({ organisation: null }), { organisation: 'to-do' }],
  ['no subject', changed({ subject: null }), { subject: 'to-do' }],
  ['a subject of another country', changed({ organisation: { ...complete.application.organisation!, country: 'DE' } }), { subject: 'refused' }],
  ['an agreement missing', changed({}, { agreements: complete.agreements.slice(1) }), { agreements: 'to-do' }],
  [
    'an agreement to an older text',
    changed({}, { agreements: complete.agreements.map((agreement, index) => (index === 0 ? { ...agreement, sha256: '0'.repeat(64) } : agreement)) }),
    { agreements: 'to-do' },
  ],
  ['a request that was not judged', changed({}, { assessments: complete.assessments.slice(1) }), { request: 'to-do' }],
  ['an attestation that was not judged', changed({}, { assessments: complete.assessments.slice(0, 1) }), { 'key-protection': 'to-do' }],
  [
    'an attestation that failed',
    changed({}, { assessments: [complete.assessments[0]!, { ...complete.assessments[1]!, outcome: 'fail' }] }),
    { 'key-protection': 'refused' },
  ],
  ['a method that does not show it', changed({ key: { ...complete.application.key!, method: 7 } }), { 'key-protection': 'to-do' }],
  ['no representation', changed({ key: null }), { 'key-protection': 'to-do' }],
])('APP-1, APP-2, ATT-2: with %s one step is open', (_what, steps, open) => expect(steps).toEqual({ ...allDone, ...open }))

test('APP-1: a text agreed to in either language is in force while the policy has it', () => {
  for (const agreement of complete.agreements) {
    expect(agreementInForce(agreement, policy)).toBe(true)
    expect(agreementInForce({ ...agreement, version: 'older' }, policy)).toBe(false)
  }
})
