import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { objectOf, readObject } from '../../attestations/tpm2/attestation-object.ts'
import { readEvidence } from '../../src/attestation/evidence.ts'
import { readMakerCertificate, signedBy, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { verifyAttestation, type AttestationReport } from '../../src/attestation/verify-attestation.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { readDer } from '../../src/pki/der.ts'
import { shippedPolicy, withMakers, withSampleKeys } from '../support/attestation-policy.ts'
import { haveSamples, NO_SAMPLES, sample, samplePath } from '../support/attestation-samples.ts'
import { unworded } from '../support/attestation-words.ts'
import { requestFor } from '../support/fake-yubikey.ts'
import { outcome, wellFounded } from '../support/judge-maker.ts'
import { opensslVerifies, printedBag, printedCertificate } from '../support/openssl-certificate.ts'
import { MAKERS, realSpecimens, SWITCHED_ON } from '../support/specimens.ts'
import { SAMPLE_TABLE, sampleRequest, type SampleRow } from './sample-table.ts'

const TODAY = new Date('2026-11-21T00:00:00Z')
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

function judge(row: SampleRow, policy: Policy, at: Date, anchors = {}, publicKeySpki = row.key()): AttestationReport {
  const certificateRequestDer = row.request ? sampleRequest(row.request) : requestFor(publicKeySpki)
  const report = verifyAttestation({ files: row.files.map((name) => ({ name, bytes: sample(name) })), certificateRequestDer, publicKeySpki, at, policy: withMakers(policy, ...MAKERS), demoHierarchy: false }, anchors)
  expect(unworded(report)).toEqual([])
  wellFounded(report)
  return report
}

const title = (text: string): string => `${text}${haveSamples() ? '' : ` (${NO_SAMPLES})`}`

describe.skipIf(!haveSamples())(title('every published sample'), () => {
  it.each(SAMPLE_TABLE)('ATT-2 ATT-8: today, $title', (row) => {
    const report = judge(row, shippedPolicy, TODAY)
    expect(outcome(report)).toEqual(row.today)
    expect(report.maker?.id ?? null).toBe(row.maker)
  })

  it.each(SAMPLE_TABLE)('ATT-2: at its best moment, $title', (row) => {
    const report = judge(row, withSampleKeys(), new Date(row.at), SWITCHED_ON)
    expect(outcome(report)).toEqual(row.once)
    if (row.spkiSha256) {
      expect(report.key).toMatchObject({ spkiSha256: row.spkiSha256, attestedSpkiSha256: row.spkiSha256 })
      expect(sha256(row.key())).toBe(row.spkiSha256)
    }
  })

  const attesting = SAMPLE_TABLE.filter(({ maker, spkiSha256 }) => maker !== null && spkiSha256 !== null)
  it.each(attesting)('ATT-2: for the key of any other sample, $title is refused', (row) => {
    for (const other of attesting.filter(({ spkiSha256 }) => spkiSha256 !== row.spkiSha256)) {
      if (row.files.length === 0) continue
      const key = other.key()
      const report = judge({ ...row, ...(row.request ? { request: undefined } : {}) } as SampleRow, withSampleKeys(), new Date(row.at), SWITCHED_ON, key)
      expect(outcome(report), other.title).toMatchObject({ 'same-key': 'same-key.differs' })
    }
  })

  it('ATT-2: the table leaves no sample out', () => {
    const root = samplePath('')
    const files = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'PROVENANCE.tsv')
      .map((entry) => relative(root, `${entry.parentPath}/${entry.name}`))
    const named = new Set(SAMPLE_TABLE.flatMap(({ files: uploaded, request }) => [...uploaded, ...(request ? [request] : [])]))
    // A public key by itself is no upload: the table has it as the key applied for.
    const unrelated = 'marvell-google/smallstep/pub.pem'
    expect(files.filter((file) => !named.has(file)).sort()).toEqual([unrelated])
    const key = execFileSync('openssl', ['pkey', '-pubin', '-in', samplePath(unrelated), '-outform', 'DER'])
    expect(SAMPLE_TABLE.filter((row) => row.key().equals(key))).toHaveLength(1)
  })

  it('ATT-2: each sample is the file that its list of origins names', () => {
    const rows = readFileSync(samplePath('PROVENANCE.tsv'), 'utf8').trim().split('\n').slice(1).map((line) => line.split('\t'))
    expect(rows.length).toBeGreaterThan(30)
    for (const [file, digest] of rows) expect(sha256(sample(file!)), file).toBe(digest)
  })

  it('ATT-2: every maker has a real sample, but for the one whose envelope nobody has published', () => {
    expect(MAKERS.filter((maker) => !SAMPLE_TABLE.some((row) => row.maker === maker))).toEqual(['azure-managed-hsm'])
  })
})

/** The certificates of each upload, as our reader takes them out of files, requests and bags; those in a JSON are its maker's affair. */
function certificatesOf(row: SampleRow): Buffer[] {
  const request = row.request ? sampleRequest(row.request) : requestFor(row.key())
  const { certificates, requested } = readEvidence(row.files.map((name) => ({ name, bytes: sample(name) })), request)
  const json = row.maker === 'fortanix-dsm' ? (JSON.parse(sample(row.files[0]!).toString()) as { authority_chain: string[]; attestation_statement: { statement: string } }) : null
  const inJson = json ? [json.attestation_statement.statement, ...json.authority_chain].map((text) => Buffer.from(text, 'base64')) : []
  const inObject = row.maker === 'tpm2' ? readObject(objectOf(sample(row.files[0]!), row.files[0]!), row.files[0]!).certificates : []
  const all = [...inObject, ...certificates.map(({ der }) => der), ...requested.filter(({ value }) => value[0] === 0x30 && value.length > 400).map(({ value }) => value), ...inJson]
  return all.filter((der, index) => all.findIndex((other) => other.equals(der)) === index)
}

/** As RFC 2253 writes a name, from the parts that we read; identifiers without a short name are left to the dump of the extensions. */
const rfc2253 = (read: MakerCertificate): string => read.subjectAttributes.map(({ type, value }) => `${type}=${value.replace(/[,+"\\<>;]/g, '\\$&')}`).reverse().join(',')

describe.skipIf(!haveSamples())(title('the facts that openssl prints'), () => {
  const rows = SAMPLE_TABLE.filter(({ maker, spkiSha256 }) => maker !== null && maker !== 'entrust-nshield' && spkiSha256 !== null)

  it.each(rows)('ATT-2: of each certificate, $title', (row) => {
    const found = certificatesOf(row)
    expect(found.length).toBeGreaterThan(1)
    for (const der of found) {
      const printed = printedCertificate(der)
      const read = readMakerCertificate(der, 'x', { version1: true })
      const ordinary = !/[+]|\d\.\d/.test(printed.subject)
      if (ordinary) expect(rfc2253(read)).toBe(printed.subject)
      expect(read.notBefore).toEqual(printed.notBefore)
      expect(read.notAfter).toEqual(printed.notAfter)
      expect(sha256(read.spki)).toBe(printed.spkiSha256)
      const members = readDer(read.tbs).children()
      expect(members.find(({ tag }) => tag === 2)!.integer()).toBe(BigInt(`0x${printed.serial}`))
      expect([...read.extensions].map(([oid, { value }]) => [oid, value.toString('hex')])).toEqual(printed.extensions)
    }
  })

  it.each(rows)('ATT-2: of who issued whom, $title', (row) => {
    const read = certificatesOf(row).map((der) => readMakerCertificate(der, 'x', { version1: true }))
    const pairs = read.flatMap((certificate) => read.filter((issuer) => issuer !== certificate && issuer.subject.equals(certificate.issuer)).map((issuer) => ({ certificate, issuer })))
    expect(pairs.length).toBeGreaterThan(0)
    for (const { certificate, issuer } of pairs) expect(opensslVerifies(certificate.der, issuer.der), `${certificate.subjectText} by ${issuer.subjectText}`).toBe(signedBy(certificate, issuer.spki))
  })

  it('ATT-2: of a signature that only looks as if: the issuer has the name and another key', () => {
    const [statement, other] = ['25515003-Slot9CAttestation', '26551025-SlotF9Intermediate'].map((name) => readEvidence([{ name, bytes: sample(`yubico-piv/docker-tuf/${name}.pem`) }], Buffer.from('3000', 'hex')).certificates[0]!.der) as [Buffer, Buffer]
    const [leaf, issuer] = [statement, other].map((der) => readMakerCertificate(der, 'x')) as [MakerCertificate, MakerCertificate]
    expect(leaf.issuer.equals(issuer.subject)).toBe(true)
    expect([opensslVerifies(statement, other), signedBy(leaf, issuer.spki)]).toEqual([false, false])
  })

  it('ATT-2: of the bag of a Luna: the same certificates in the same order', () => {
    expect(readEvidence([{ name: 'x', bytes: sample('luna/rsa-pkc.p7b') }], Buffer.from('3000', 'hex')).certificates.map(({ der }) => der)).toEqual(printedBag(sample('luna/rsa-pkc.p7b')))
  })
})

describe('uploads of every kind', () => {
  it.skipIf(!haveSamples())('ATT-2: each attesting sample is one upload for the fuzzer and the bench', () => {
    expect(realSpecimens().map(({ id }) => id)).toHaveLength(SAMPLE_TABLE.filter(({ maker, spkiSha256 }) => maker !== null && spkiSha256 !== null).length)
  })
})
