import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toPem } from '../../attestations/demo/certificate.ts'
import { anchors } from '../../attestations/thales-luna/index.ts'
import { readEvidence } from '../../src/attestation/evidence.ts'
import { readDer } from '../../src/pki/der.ts'
import { shippedPolicy, withSampleKeys } from '../support/attestation-policy.ts'
import { attestationFact, haveSamples, NO_SAMPLES, sample, samplePath } from '../support/attestation-samples.ts'
import { judgeEvidence, outcome, untrusted, type Expected, type Files } from '../support/judge-evidence.ts'
import { rsa, spkiOf } from '../support/fake-yubikey.ts'

const pemToDer = (bytes: Buffer): Buffer => Buffer.from(/-----BEGIN [^-]+-----([^-]+)-----END/.exec(bytes.toString('latin1'))![1]!, 'base64')
const openssl = (...words: string[]) => execFileSync('openssl', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

describe.skipIf(!haveSamples())(`published Luna sample${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  const request = () => pemToDer(sample('luna/rsa-test.csr'))
  const confirmation = () => sample('luna/rsa-pkc.p7b')
  const chain = () => readEvidence([{ name: 'x', bytes: confirmation() }], request()).certificates.map(({ der }) => der)
  const pem = (certificates: Buffer[]) => Buffer.from(certificates.map((der) => toPem('CERTIFICATE', der)).join(''))

  /**
   * What it must come to, worked out by hand from `openssl pkcs7 -print_certs -text` and `asn1parse`: RSA-2048 confirmed by K7 521174, firmware
   * octets 54 00 07 00 (7.8.4), which FIPS 140-3 #4684 of 2024-04-02 covers. The shipped policy takes no RSA-2048, the sample policy does.
   */
  const CASES: { title: string; files: () => Files; policy?: 'shipped'; at?: string; expected: Expected }[] = [
    { title: 'as the module wrote it', files: () => ({ 'rsa.pkc': confirmation() }), expected: { verified: true } },
    { title: 'under the shipped key sizes', files: () => ({ 'rsa.pkc': confirmation() }), policy: 'shipped', expected: { refused: { 'certified-module': 'key-type.not-in-policy' } } },
    { title: 'as PEM', files: () => ({ 'rsa.pem': pem(chain()) }), expected: { verified: true } },
    { title: 'as five files in any order', files: () => Object.fromEntries([3, 0, 4, 1, 2].map((place) => [`${place}.cer`, chain()[place]!])), expected: { verified: true } },
    { title: 'the day before the certificate of its module', files: () => ({ 'rsa.pkc': confirmation() }), at: '2024-04-01T23:59:59Z', expected: { refused: { 'certified-module': 'certificate.not-yet' } } },
    { title: 'the day after the root ended, three months before the leaf does', files: () => ({ 'rsa.pkc': confirmation() }), at: '2032-01-02T00:00:00Z', expected: untrusted('validity.outside') },
    { title: 'in another order in one file', files: () => ({ 'rsa.pem': pem(chain().reverse()) }), expected: { malformed: { file: 'rsa.pem', reason: 'malformed.order' } } },
    { title: 'without its root', files: () => ({ 'rsa.pem': pem(chain().slice(0, 4)) }), expected: { malformed: { file: 'rsa.pem', reason: 'malformed.incomplete' } } },
    { title: 'without the confirmation itself', files: () => ({ 'rsa.pem': pem(chain().slice(1)) }), expected: { malformed: { file: 'rsa.pem', reason: 'malformed.confirmation-missing' } } },
  ]
  it.each(CASES)('ATT-2 ATT-8: $title', ({ files, policy, at, expected }) => {
    expect(outcome(judgeEvidence('thales-luna', files(), { request: request() }, undefined, { policy: policy === 'shipped' ? shippedPolicy : withSampleKeys(), ...(at ? { at: new Date(at) } : {}) }))).toEqual(expected)
  })

  it('ATT-2: for another key than the request it fails that question alone', () => {
    expect(outcome(judgeEvidence('thales-luna', { p: confirmation() }, { spki: spkiOf(rsa(2048)) }, undefined, { policy: withSampleKeys() }))).toEqual({ refused: { 'same-key': 'same-key.differs' } })
  })

  it('ATT-2: the chain, the key, the serial number and the firmware are what openssl prints, and each link is good for openssl too', () => {
    const report = judgeEvidence('thales-luna', { p: confirmation() }, { request: request() }, undefined, { policy: withSampleKeys() })
    const folder = mkdtempSync(join(tmpdir(), 'luna-'))
    try {
      const printed = openssl('pkcs7', '-inform', 'DER', '-in', samplePath('luna/rsa-pkc.p7b'), '-print_certs')
      expect([...printed.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END/g)].map((match) => match[1]!.replace(/\s/g, ''))).toEqual(chain().map((der) => der.toString('base64')))
      const files = chain().map((der, place) => {
        const file = join(folder, `${place}.pem`)
        writeFileSync(file, toPem('CERTIFICATE', der))
        return file
      })
      // Link by link, since openssl's own path check stops at the root, which has no basicConstraints.
      for (let place = 0; place < 4; place++) {
        const [tbs, , signature] = readDer(chain()[place]!).children()
        writeFileSync(join(folder, 'tbs'), tbs!.raw)
        writeFileSync(join(folder, 'signature'), signature!.bitStringOctets())
        writeFileSync(join(folder, 'issuer.pem'), openssl('x509', '-in', files[place + 1]!, '-noout', '-pubkey'))
        expect(openssl('dgst', '-sha384', '-verify', join(folder, 'issuer.pem'), '-signature', join(folder, 'signature'), join(folder, 'tbs')).trim()).toBe('Verified OK')
      }
      const text = openssl('asn1parse', '-in', files[0]!)
      const value = (last: number) => Buffer.from(new RegExp(`12383\\.2\\.${last}\\n.*\\n.*\\[HEX DUMP\\]:([0-9A-F]+)`).exec(text)![1]!, 'hex')
      expect(report.device!.serial).toBe(String(value(1).readUInt32LE()))
      expect(openssl('x509', '-in', files[1]!, '-noout', '-subject')).toContain(`CN = Luna K7-${report.device!.serial}`)
      expect(value(3).toString('hex')).toBe('54000700')
      expect(report.device!.firmware).toBe('7.8.4')
      expect(report.device!.model.values).toEqual({ name: 'Luna K7' })
      expect(report.device!.details.map((row) => row.value.key.split('.').at(-1))).toEqual(['rsa', 'value'])
      expect(report.device!.details[1]!.value.values).toEqual({ flags: value(5).toString('hex') })
      writeFileSync(join(folder, 'key.pem'), openssl('req', '-in', samplePath('luna/rsa-test.csr'), '-noout', '-pubkey'))
      expect(openssl('dgst', '-sha256', '-r', writeDer(folder)).slice(0, 64)).toBe(report.key.attestedSpkiSha256)
      writeFileSync(join(folder, 'key.pem'), openssl('x509', '-in', files[4]!, '-noout', '-pubkey'))
      expect(openssl('dgst', '-sha256', '-r', writeDer(folder)).slice(0, 64)).toBe(anchors.rows[0]!.spkiSha256)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
  const writeDer = (folder: string): string => {
    openssl('pkey', '-pubin', '-in', join(folder, 'key.pem'), '-outform', 'DER', '-out', join(folder, 'key.der'))
    return join(folder, 'key.der')
  }

  it('ATT-2: one octet changed in any signature but the root\'s own breaks the chain; the root\'s own is not looked at, its key is', () => {
    chain().forEach((_der, place) => {
      const changed = chain().map((der, index) => {
        const copy = Buffer.from(der)
        if (index === place) copy[copy.length - 1]! ^= 1
        return copy
      })
      const result = outcome(judgeEvidence('thales-luna', { 'rsa.pem': pem(changed) }, { request: request() }, undefined, { policy: withSampleKeys() }))
      expect(result).toEqual(place === 4 ? { verified: true } : untrusted('link.bad'))
    })
  })

  it('ATT-2: staff hear what rests on one source, one module, and nobody\'s documents', () => {
    const { findings } = judgeEvidence('thales-luna', { p: confirmation() }, { request: request() }, undefined, { policy: withSampleKeys() })
    expect(findings!['genuine-device'].cautions.map((caution) => caution.key)).toEqual(['attestation.anchor.one-source'])
    expect(findings!['certified-module'].cautions.map((caution) => caution.key)).toEqual(['attestation-thales-luna.fips.not-stated', 'attestation.certificate.unconfirmed'])
  })

  it('ATT-2: every key held is a published fact, byte for byte; the ECC root, seen at its maker only, is off', () => {
    const facts = (JSON.parse(attestationFact('anchors.json')) as { maker: string; role: string; spki: string; subjectDer: string; spkiSha256: string; certificateSha256: string; notBefore: string; notAfter: string; independentSources: number }[]).filter((fact) => fact.maker === 'luna' && fact.role === 'anchor')
    const line = (row: { spkiSha256: string; certificateSha256: string | null; notBefore: string; notAfter: string; independentSources: number }, spki: string, subject: string) => [spki, subject, row.spkiSha256, row.certificateSha256, row.notBefore, row.notAfter, row.independentSources].join(' ')
    expect(anchors.rows.map((row) => line(row, row.spki.toString('base64'), row.subjectDer.toString('base64')))).toEqual(facts.map((fact) => line(fact, fact.spki, fact.subjectDer)))
    expect(anchors.rows.map((row) => row.off?.why ?? 'on')).toEqual(['on', 'single-source'])
  })
})
