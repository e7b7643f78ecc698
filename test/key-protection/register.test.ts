import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { commonName, writeCertificate } from '../../attestations/demo/certificate.ts'
import { auditorSchema, contentDigest, ENTERED_SCHEMAS, findCertificateProblem, identityOf, isRegister, judgeContent, requiredOfServices, serviceSchema, versionsOf, type AuditorContent, type ServiceContent } from '../../src/key-protection/register.ts'
import { basicConstraints, keyUsage } from '../../src/pki/extension-encoding.ts'
import { ed25519KeyPair, rsaKeyPair, rsaSpki, soundModulus } from '../pki/keys.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { auditorContent, SERVICE, signatory } from '../support/witness.ts'

const AT = new Date('2026-11-22T09:00:00Z')
const auditor = signatory('Midori Ueda')
const issuer = rsaKeyPair(2048)
const withSpki = (spki: Buffer): Buffer => writeCertificate({ serial: Buffer.from([5]), issuer: commonName('Example CA'), subject: commonName('Midori Ueda'), notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2028-01-01T00:00:00Z'), spki, extensions: [] }, issuer.privateKey)
const withUsage = (...positions: number[]): Buffer => signatory('Midori Ueda', { extensions: [keyUsage(true, positions)] }).certificate

describe('the certificate of an auditor', () => {
  it.each<[string, () => Buffer, string | null]>([
    ['of P-256', () => auditor.certificate, null],
    ['of RSA-2048', () => withSpki(issuer.spki), null],
    ['of RSA-2047', () => withSpki(rsaSpki(soundModulus(2047))), 'key'],
    ['of Ed25519', () => withSpki(ed25519KeyPair().spki), 'key'],
    ['for signatures', () => withUsage(0), null],
    ['for nonrepudiation', () => withUsage(1), null],
    ['for encryption', () => withUsage(2), 'usage'],
    ['for certificates and lists', () => withUsage(5, 6), 'usage'],
    ['of an authority, though it may sign', () => signatory('Midori Ueda', { extensions: [keyUsage(true, [0, 5]), basicConstraints(true, { cA: true })] }).certificate, 'usage'],
    ['that is none', () => Buffer.from('3000', 'hex'), 'unreadable'],
  ])('ATT-6: %s', (_, der, code) => expect(findCertificateProblem(der(), AT)?.key ?? null).toBe(code && `registers.problem.certificate.${code}`))

  it('ATT-6: says from when until when it holds, to the second', () => {
    const { certificate } = auditor
    expect(findCertificateProblem(certificate, new Date('2026-01-01T00:00:00Z'))).toBeNull()
    expect(findCertificateProblem(certificate, new Date('2028-01-01T00:00:00Z'))).toBeNull()
    const expired = { key: 'registers.problem.certificate.expired', values: { from: '2026-01-01', until: '2028-01-01' } }
    expect(findCertificateProblem(certificate, new Date('2025-12-31T23:59:59Z'))).toEqual(expired)
    expect(findCertificateProblem(certificate, new Date('2028-01-01T00:00:01Z'))).toEqual(expired)
  })
})

describe('an entry of the register of auditors', () => {
  const judge = (change: Partial<AuditorContent>, at = AT) => judgeContent('auditors', auditorContent(auditor, change), at, shippedPolicy)
  const until = [{ field: 'validUntil', message: { key: 'registers.problem.until' } }]

  it('ATT-6: may be proposed with days in order and a certificate that signs', () => expect(judge({})).toEqual([]))
  it('ATT-6: not with a certificate that cannot be read', () => expect(judge({ certificate: 'MAA=' })).toEqual([{ field: 'certificate', message: { key: 'registers.problem.certificate.unreadable' } }]))
  it('ATT-6: not with an end before its beginning', () => expect(judge({ validFrom: '2027-12-31', validUntil: '2027-12-30' })).toEqual(until))
  it('ATT-6: for a single day', () => expect(judge({ validFrom: '2027-12-31', validUntil: '2027-12-31' })).toEqual([]))
  it('ATT-6: not when its last day is over', () => {
    expect(judge({ validUntil: '2026-11-22' }, new Date('2026-11-22T23:59:59Z'))).toEqual([])
    expect(judge({ validUntil: '2026-11-22' }, new Date('2026-11-23T00:00:00Z'))).toEqual(until)
  })
  it('ATT-6: is the same as another of the same certificate', () => {
    expect(identityOf('auditors', auditorContent(auditor, { name: 'Other' }))).toBe(createHash('sha256').update(auditor.certificate).digest('hex'))
  })
  it.each<[string, object, boolean]>([
    ['a name of 100 characters', { name: 'x'.repeat(100) }, true],
    ['a name of 101 characters', { name: 'x'.repeat(101) }, false],
    ['no name', { name: '' }, false],
    ['a line end in a name', { name: 'a\nb' }, false],
    ['an employer of 200 characters', { employer: 'x'.repeat(200) }, true],
    ['an employer of 201 characters', { employer: 'x'.repeat(201) }, false],
    ['a qualification of no kind', { qualification: 'other' }, false],
    ['a day that is none', { validFrom: '2026-02-30' }, false],
    ['a member more', { more: '1' }, false],
    ['a fingerprint in capitals', { evidence: { name: 'a', sha256: 'A'.repeat(64) } }, false],
    ['a fingerprint with a tail', { evidence: { name: 'a', sha256: 'a'.repeat(65) } }, false],
    ['a file of no name', { evidence: { name: '', sha256: 'a'.repeat(64) } }, false],
  ])('ATT-6: is read strictly: %s', (_, change, taken) => expect(auditorSchema.safeParse({ ...auditorContent(auditor), ...change }).success).toBe(taken))
})

describe('an entry of the register of Signing Services', () => {
  const judge = (change: Partial<ServiceContent>, at = AT, policy: Parameters<typeof judgeContent>[3] = shippedPolicy) => judgeContent('signing-services', { ...SERVICE, ...change }, at, policy)
  const required = requiredOfServices(shippedPolicy)

  it.each<[string, Partial<ServiceContent>, readonly (readonly [string, string, object?])[]]>([
    ['as it must be', {}, []],
    ['a report of a day to come', { reportDate: '2026-11-24' }, [['reportDate', 'ahead']]],
    ['a report of more than 13 months ago', { reportDate: '2025-10-21', periodFrom: '2024-01-01', periodTo: '2025-01-01' }, [['reportDate', 'report-old', { months: '13' }]]],
    ['a report of 13 months ago', { reportDate: '2025-10-22', periodFrom: '2024-01-01', periodTo: '2025-01-01' }, []],
    ['a period that ends before it begins', { periodTo: '2025-03-31' }, [['periodTo', 'period']]],
    ['a period of one day', { periodTo: '2025-04-01' }, []],
    ['a report before the end of its period', { periodTo: '2026-05-02' }, [['reportDate', 'before-period']]],
    ['a report of the last day of its period', { periodTo: '2026-05-01' }, []],
    ['a module of level 2', { moduleLevel: '2' }, [['moduleLevel', 'module-level', { required }]]],
    ['a module of another scheme', { moduleScheme: 'Own tests' }, [['moduleLevel', 'module-level', { required }]]],
    ['no version of its agreement', { agreementVersions: ' \n ' }, [['agreementVersions', 'versions']]],
  ])('ATT-7: %s', (_, change, problems) => expect(judge(change)).toEqual(problems.map(([field, code, values]) => ({ field, message: { key: `registers.problem.${code}`, ...(values ? { values } : {}) } }))))

  it('ATT-7: what a module must be is the policy’s word', () => {
    expect(required).toBe('FIPS 140-2 Level 3+, FIPS 140-3 Level 3+, Common Criteria EAL 4+')
    const { signingServiceSchemes: _, ...keyProtection } = shippedPolicy.keyProtection
    expect(judge({}, AT, { ...shippedPolicy, keyProtection })).toEqual([{ field: 'moduleLevel', message: { key: 'registers.problem.module-level', values: { required: '–' } } }])
  })

  it('ATT-7: versions of the agreement are lines, without the empty ones', () => expect(versionsOf({ agreementVersions: ' 1 \n\n2' })).toEqual(['1', '2']))
  it('ATT-7: is the same as another of the same name, however it is written', () => expect(identityOf('signing-services', { ...SERVICE, name: 'ＡＢＣ Signing' })).toBe('abc signing'))

  it.each<[string, object, boolean]>([
    ['as it must be', {}, true],
    ['level 0', { moduleLevel: '0' }, false],
    ['level 10', { moduleLevel: '10' }, false],
    ['level 9', { moduleLevel: '9' }, true],
    ['versions of 600 characters', { agreementVersions: 'x'.repeat(600) }, true],
    ['versions of 601 characters', { agreementVersions: 'x'.repeat(601) }, false],
    ['no versions', { agreementVersions: '' }, false],
    ['a tab among the versions', { agreementVersions: '1\t2' }, false],
    ['an address of 300 characters', { address: 'x'.repeat(300) }, true],
    ['an address of 301 characters', { address: 'x'.repeat(301) }, false],
    ['a technique of no kind', { technique: 'other' }, false],
    ['an audit of no kind', { auditScheme: 'other' }, false],
    ['a member more', { more: '1' }, false],
  ])('ATT-7: is read strictly: %s', (_, change, taken) => expect(serviceSchema.safeParse({ ...SERVICE, ...change }).success).toBe(taken))
})

describe('the registers', () => {
  it('ATT-6: are two', () => expect(['auditors', 'signing-services', 'others'].map(isRegister)).toEqual([true, true, false]))
  it('LOG-1: an entry’s content is known by its SHA-256', () => expect(contentDigest('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'))
  it('ATT-6: an officer enters all but what is in files', () => {
    const { certificate: _, evidence: __, ...entered } = auditorContent(auditor)
    expect(ENTERED_SCHEMAS.auditors.safeParse(entered).success).toBe(true)
    const { evidence: ___, ...service } = SERVICE
    expect(ENTERED_SCHEMAS['signing-services'].safeParse(service).success).toBe(true)
  })
})
