import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { objectOf, readObject, type ObjectParts } from '../../attestations/tpm2/attestation-object.ts'
import { anchors } from '../../attestations/tpm2/index.ts'
import { readPublic } from '../../attestations/tpm2/structures.ts'
import { shippedPolicy, withMakers, withSampleKeys } from '../support/attestation-policy.ts'
import { attestationFact, haveSamples, NO_SAMPLES, sample } from '../support/attestation-samples.ts'
import { requestFor } from '../support/fake-yubikey.ts'
import { judgeEvidence, outcome, type Files } from '../support/judge-evidence.ts'
import { verifyAttestation } from '../../src/attestation/verify-attestation.ts'
import { FACTS, SAMPLE, SAMPLES, type TpmCase } from './tpm2-expected.ts'

describe.skipIf(!haveSamples())(`published TPM sample${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  let parts: ObjectParts
  let spki: Buffer
  let object: Buffer
  let folder: string
  beforeAll(() => {
    object = objectOf(sample(SAMPLE), 'sample')
    parts = readObject(object, 'sample')
    spki = readPublic(parts.publicArea, 'sample').spki
    folder = mkdtempSync(join(tmpdir(), 'tpm-'))
    for (const [name, bytes] of Object.entries(all())) writeFileSync(join(folder, name), bytes)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const all = (): Record<TpmCase['files'][number], Buffer> => ({ object, certInfo: parts.certify, sig: parts.signature, pubArea: parts.publicArea, ak: parts.certificates[0]!, authority: parts.certificates[1]! })
  const files = (names: TpmCase['files']): Files => Object.fromEntries(names.map((name) => [name, all()[name]]))
  const openssl = (...words: string[]) => execFileSync('openssl', words, { encoding: 'utf8', cwd: folder })

  it.each(SAMPLES)('ATT-2: $title', ({ files: names, key, at, expected }) => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' })
    expect(outcome(judgeEvidence('tpm2', files(names), { spki: key === 'attested' ? spki : other }, undefined, { at: new Date(at), policy: withSampleKeys() }))).toEqual(expected)
  })

  it('ATT-2: under the shipped policy, which does not list this maker, it is named and not taken', () => {
    const given = [{ name: 'object', bytes: object }]
    const report = verifyAttestation({ files: given, certificateRequestDer: requestFor(spki), publicKeySpki: spki, at: new Date('2021-06-01T00:00:00Z'), policy: shippedPolicy, demoHierarchy: false })
    expect(outcome(report)).toEqual({ malformed: { file: 'object', reason: 'off.tpm2' } })
    expect(report.maker).toMatchObject({ id: 'tpm2', demo: false })
    expect(shippedPolicy.attestation.makers).not.toContain('tpm2')
    expect(verifyAttestation({ files: given, certificateRequestDer: requestFor(spki), publicKeySpki: spki, at: new Date(), policy: withMakers(shippedPolicy), demoHierarchy: true }).maker).toMatchObject({ id: 'tpm2' })
  })

  it('ATT-2: the device, the key, its attributes and its name are what openssl and the octets say', () => {
    const report = judgeEvidence('tpm2', { object }, { spki }, undefined, { at: new Date('2021-06-01T00:00:00Z'), policy: withSampleKeys() })
    expect(report.device).toMatchObject({ maker: FACTS.manufacturer, firmware: FACTS.firmware, serial: null })
    expect(report.device!.model.values).toEqual({ name: FACTS.model })
    const [name, attributes, extraData] = report.device!.details.map((row) => row.value.values!['text'])
    expect(attributes).toBe(FACTS.attributes)
    expect(report.key.type).toBe(FACTS.keyType)
    expect(name).toBe(`000b${openssl('dgst', '-sha256', '-r', 'pubArea').slice(0, 64)}`)
    expect(extraData).toMatch(/^[0-9a-f]{40}$/)
    expect(openssl('x509', '-inform', 'DER', '-in', 'ak', '-noout', '-fingerprint', '-sha256').trim().split('=')[1]!.replaceAll(':', '').toLowerCase()).toBe(FACTS.akSha256)
    const text = openssl('x509', '-inform', 'DER', '-in', 'ak', '-noout', '-text')
    expect(text).toContain('2.23.133.2.1=id:53544D20')
    expect(text).toContain(`2.23.133.2.2=${FACTS.model}`)
    expect(text).toContain('2.23.133.2.3=id:00470004')
  })

  it('ATT-2: openssl verifies the same signatures, to the key that we hold', () => {
    for (const name of ['ak', 'authority']) openssl('x509', '-inform', 'DER', '-in', name, '-out', `${name}.pem`)
    // At a moment in which both were valid; the purpose of the authority's certificate is none that openssl knows.
    expect(openssl('verify', '-partial_chain', '-ignore_critical', '-attime', '1622505600', '-trusted', 'authority.pem', 'ak.pem')).toMatch(/: OK\n$/)
    writeFileSync(join(folder, 'ak.pub'), openssl('x509', '-in', 'ak.pem', '-noout', '-pubkey'))
    expect(openssl('dgst', '-sha1', '-verify', 'ak.pub', '-signature', 'sig', 'certInfo')).toBe('Verified OK\n')
    const issuer = openssl('x509', '-in', 'authority.pem', '-noout', '-issuer', '-nameopt', 'RFC2253').trim()
    expect(issuer).toBe(`issuer=${anchors.rows[0]!.subject}`)
  })

  it('ATT-2: the chain itself is good: with SHA-256 the statement would have been', () => {
    const { findings } = judgeEvidence('tpm2', { object }, { spki }, undefined, { at: new Date('2021-06-01T00:00:00Z'), policy: withSampleKeys() })
    const failed = Object.values(findings!).flatMap(({ checks }) => checks.filter((check) => check.outcome === 'fail').map((check) => check.observed.key.replace(/^attestation(-tpm2)?\./, '')))
    expect([...new Set(failed)]).toEqual(['statement-signature.weak', 'claim.untrusted', 'device.unlisted'])
    expect(findings!['genuine-device'].cautions.map(({ key }) => key)).toEqual(['attestation.anchor.one-source'])
  })

  it('ATT-2: one octet changed in any signed part breaks it', () => {
    const reasons = { certInfo: 'statement-signature.bad', sig: 'statement-signature.bad', pubArea: 'statement-signature.weak', ak: 'ak-signature.bad', authority: 'authority-signature.bad' } as const
    for (const [part, reason] of Object.entries(reasons)) {
      const given = files(['certInfo', 'sig', 'pubArea', 'ak', 'authority']) as Record<string, Buffer>
      const changed = Buffer.from(given[part]!)
      // The clock of the statement, the modulus of the key, the end of a signature.
      changed[part === 'certInfo' ? 70 : changed.length - 1]! ^= 1
      const { findings } = judgeEvidence('tpm2', { ...given, [part]: changed }, { spki }, undefined, { at: new Date('2021-06-01T00:00:00Z'), policy: withSampleKeys() })
      expect(findings!['genuine-device'].observed.key, part).toBe(`attestation-tpm2.${reason}`)
      if (part === 'pubArea') expect(findings!['same-key'].observed.key).toBe('attestation-tpm2.name.differs')
    }
  })

  it('ATT-2: the key held is a published fact, byte for byte', () => {
    const facts = JSON.parse(attestationFact('anchors.json')) as { maker: string; spki: string; subjectDer: string; spkiSha256: string; certificateSha256: string; notBefore: string; notAfter: string; independentSources: number }[]
    for (const row of anchors.rows) {
      const fact = facts.find((candidate) => candidate.certificateSha256 === row.certificateSha256)!
      expect(fact.maker).toBe('tpm')
      expect([row.spki.toString('base64'), row.subjectDer.toString('base64'), row.spkiSha256, row.notBefore, row.notAfter, row.independentSources]).toEqual([fact.spki, fact.subjectDer, fact.spkiSha256, fact.notBefore, fact.notAfter, fact.independentSources])
      expect(createHash('sha256').update(row.spki).digest('hex')).toBe(row.spkiSha256)
    }
  })
})
