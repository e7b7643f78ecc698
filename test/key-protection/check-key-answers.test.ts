/**
 * All that "Check my key" answers to programs, for files of every kind. Compared with a file, as whole reports are:
 * `WRITE_REPORTS=1 npx vitest run test/key-protection/check-key-answers.test.ts`, then read the difference.
 */
import { expect, it } from 'vitest'
import { zipSync } from 'fflate'
import type { EvidenceFile } from '../../src/attestation/evidence.ts'
import { checkKeyJson, findingNames } from '../../src/key-protection/check-key-json.ts'
import { checkKey, SHIPPED_TRUST, type CheckKeyInput } from '../../src/key-protection/check-key.ts'
import { DROPPED_LIMITS } from '../../src/key-protection/dropped-files.ts'
import { WITHOUT_ATTESTATION } from '../../src/key-protection/without-attestation.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { ecKeyPair, makeRequest, rsaKeyPair } from '../pki/keys.ts'
import { shippedPolicy, withAttestation, withMakers } from '../support/attestation-policy.ts'
import { fakeFactory, fakeYubikey } from '../support/fake-yubikey.ts'
import { expectWritten, numbered } from '../support/report-words.ts'

const file = (name: string, bytes: Buffer | string): EvidenceFile => ({ name, bytes: Buffer.from(bytes as string) })

it('ATT-2, ATT-9: whatever is dropped, the whole answer is as it was', async () => {
  const factory = fakeFactory()
  const keys = rsaKeyPair(3072)
  const request = makeRequest(keys)
  const pem = encodePem('CERTIFICATE REQUEST', request)
  const { leaf, device } = fakeYubikey(factory, keys.spki)
  const both = [file('leaf', leaf), file('f9', device)]
  const p256 = ecKeyPair('P-256')
  const ofP256 = Object.values(fakeYubikey(factory, p256.spki)).map((der, index) => file(String(index), der))
  const closed = { ...shippedPolicy, keyProtection: { ...shippedPolicy.keyProtection, methods: [2 as const] } }
  const kms = (partition: string) => file('key.json', JSON.stringify({ KeyMetadata: { Arn: `arn:${partition}:kms:ap-northeast-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab` } }))
  const given: readonly (readonly [string, readonly EvidenceFile[], Partial<CheckKeyInput>?])[] = [
    ['a request and its attestation', [file('a.csr', request), ...both]],
    ['of P-256', [file('a.csr', makeRequest(p256)), ...ofP256]],
    ['a public key of P-256 in DER and its attestation', [file('a.der', p256.spki), ...ofP256]],
    ['a public key of P-256 in DER alone', [file('a.der', p256.spki)]],
    ['an attestation alone', both],
    ['of another key', [file('a.csr', makeRequest(p256)), ...both]],
    ['a maker that the policy does not list', [file('a.csr', request), ...both], { policy: withMakers(shippedPolicy, 'thales-luna') }],
    ['no historical certificate', [file('a.csr', request), ...both], { policy: withAttestation(shippedPolicy, { historicalCertificates: [] }) }],
    ['a century on', [file('a.csr', request), ...both], { at: new Date('2126-01-01T00:00:00Z') }],
    ['half of an attestation', [file('a.csr', request), both[0]!]],
    ['nothing', []],
    ['a request alone', [file('a.csr', request)]],
    ['a device that is not known', [file('a.csr', request)], { device: 'other' }],
    ...WITHOUT_ATTESTATION.map(({ id }) => [`by word: ${id}`, [file('a.csr', request)], { device: id }] as const),
    ...WITHOUT_ATTESTATION.map(({ id }) => [`by word, and nothing else is open: ${id}`, [], { device: id, policy: closed }] as const),
    ...['aws', 'aws-cn', 'aws-us-gov', 'aws2'].map((partition) => [`a key of KMS: ${partition}`, [kms(partition)]] as const),
    ['a key of CloudHSM', [file('key.json', '{ "key-reference" : "0x00000000000c0009" }')]],
    ...['vault.azure.net', 'vault.azure.cn', 'vault.usgovcloudapi.net', 'vault.example.net'].map((host) => [`a key of ${host}`, [file('key.json', `{"kid":"https://x.${host}/keys/a"}`)]] as const),
    ['a key of KMS that is no object', [file('key.json', `[${String(kms('aws').bytes)}]`)]],
    ['a letter that speaks of KMS', [file('letter.txt', `See ${String(kms('aws').bytes)}`)]],
    ['a letter', [file('letter.txt', 'Dear CA,')]],
    ['a letter beside a request', [file('a.csr', request), file('letter.txt', 'Dear CA,')]],
    ['a letter that speaks of a BEGIN ', [file('letter.txt', 'In the BEGIN ning')]],
    ['a letter beside a BEGIN ', [file('a.csr', request), file('letter.txt', 'In the BEGIN ning'), ...both]],
    ['an empty file', [file('a.csr', request), file('none', '')]],
    ['seventeen files', Array.from({ length: 17 }, (_, index) => file(String(index), 'x'))],
    ['too many octets', [file('big', Buffer.alloc(DROPPED_LIMITS.bytes + 1))]],
    ['two requests', [file('a.csr', request), file('b.csr', makeRequest(p256))]],
    ['two public keys', [file('a', keys.spki), file('b', p256.spki)]],
    ['a request cut short', [file('a.csr', encodePem('CERTIFICATE REQUEST', request.subarray(0, 300)))]],
    ['a new request cut short', [file('a.csr', encodePem('NEW CERTIFICATE REQUEST', request.subarray(0, 300)))]],
    ['an old request', [file('a.csr', pem.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST')), ...both]],
    ['half of a PEM', [file('a.csr', pem.slice(0, 300))]],
    ['a public key of no sense', [file('a.pem', encodePem('PUBLIC KEY', Buffer.from('3000', 'hex')))]],
    ['a PKCS #1 of no sense', [file('a.pem', encodePem('RSA PUBLIC KEY', Buffer.from('3000', 'hex')))]],
    ['a request with a key of no sense', [file('a.csr', makeRequest(keys, { spki: Buffer.concat([Buffer.from([0x30, 0x82, 0x01, 0x00]), Buffer.alloc(256)]) }))]],
    ['a PKCS #1', [file('a.pem', keys.publicKey.export({ type: 'pkcs1', format: 'pem' }) as string), ...both]],
    ['a private key', [file('none', ''), file('key.pem', keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)]],
    ['a private key in an archive', [file('a.zip', Buffer.from(zipSync({ key: new Uint8Array(p256.privateKey.export({ type: 'sec1', format: 'der' })) })))]],
    ['all in one PEM', [file('all.pem', encodePem('CERTIFICATE', leaf) + pem + encodePem('CERTIFICATE', device))]],
  ]
  const sections: string[] = []
  for (const [name, files, more] of given) {
    const answer = await checkKey({ files, at: new Date('2026-11-22T00:00:00Z'), policy: shippedPolicy, trust: SHIPPED_TRUST, ...more }, { 'yubikey-piv': factory.anchors })
    const { failed, findings, device: shown, keyRules, ...rest } = checkKeyJson(answer, ({ key }) => key)
    expect(findingNames(answer)).toEqual(Object.keys(findings))
    const { without, key, request: asked, evidence, trusted, file: named } = answer
    const lines = { ...rest, failed, trusted, named, without, key: key?.sha256 ?? null, request: asked !== null, evidence: evidence.map(({ name: each }) => each), device: shown, ...findings }
    sections.push([`## ${name}`, ...Object.entries(lines).map(([member, value]) => `${member}: ${JSON.stringify(value)}`), ...keyRules.map((rule) => `rule ${JSON.stringify(rule)}`)].join('\n'))
  }
  expectWritten(`${numbered(sections.join('\n\n'))}\n`, new URL('./whole-reports/check-key.txt', import.meta.url))
})
