import { gzipSync } from 'node:zlib'
import { generateKeyPairSync } from 'node:crypto'
import { zipSync } from 'fflate'
import { beforeAll, describe, expect, it } from 'vitest'
import type { EvidenceFile } from '../../src/attestation/evidence.ts'
import { checkKey, SHIPPED_TRUST, type CheckKeyInput, type KeyCheck } from '../../src/key-protection/check-key.ts'
import { checkKeyJson } from '../../src/key-protection/check-key-json.ts'
import { DROPPED_LIMITS } from '../../src/key-protection/dropped-files.ts'
import { WITHOUT_ATTESTATION } from '../../src/key-protection/without-attestation.ts'
import { context, integer, octetString, oid, sequence } from '../../src/pki/der.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { LANGUAGES, translate } from '../../src/web/locales.ts'
import { ecKeyPair, makeRequest, rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import { shippedPolicy, withAttestation } from '../support/attestation-policy.ts'
import { haveSamples, NO_SAMPLES, sample } from '../support/attestation-samples.ts'
import { fakeFactory, fakeYubikey, type FakeFactory } from '../support/fake-yubikey.ts'

const AT = new Date('2026-11-22T00:00:00Z')
const file = (name: string, bytes: Buffer | string): EvidenceFile => ({ name, bytes: Buffer.from(bytes) })
const ofSample = (path: string): EvidenceFile => file(path.split('/').at(-1)!, sample(path))

/** What a check comes to, in short: its verdict, and for each failing finding the key of what was seen. */
const short = ({ verdict, maker, failed, findings, file: name }: KeyCheck) => ({
  verdict,
  maker: maker?.id ?? null,
  failed: Object.fromEntries(failed.map((question) => [question, findings[question]!.observed.key])),
  ...(name === null ? {} : { file: name }),
})
const rows = ({ keyRules }: KeyCheck) => keyRules.map(({ row, outcome }) => `${row} ${outcome}`)

async function check(files: readonly EvidenceFile[], more: Partial<CheckKeyInput> = {}, anchors?: FakeFactory['anchors']): Promise<KeyCheck> {
  const answer = await checkKey({ files, at: AT, policy: shippedPolicy, trust: SHIPPED_TRUST, ...more }, anchors ? { 'yubikey-piv': anchors } : {})
  // Every sentence of every answer has words in both languages.
  for (const language of LANGUAGES) expect(JSON.stringify(checkKeyJson(answer, ({ key, values }) => translate(language, key, values)))).not.toMatch(/\{\w+\}/)
  return answer
}

/**
 * Published samples under the shipped policy and catalogue, worked out by hand: each sample's own device and certificate decide, and the size
 * of its key is told by KEY-1 alone.
 */
const HISTORICAL = 'attestation.certificate.historical'
const SAMPLES: { title: string; files: string[]; verdict: KeyCheck['verdict']; maker: string; failed: Record<string, string>; keyRules: string[] }[] = [
  {
    title: 'a YubiKey FIPS 5.4.3 with the attestation inside the request',
    files: ['yubico-piv/tamemycerts/yubikey_valid_5_4_3_Once_Cached_UsbAKeychain_9a_FIPS_RSA_2048_CSR.pem'],
    verdict: 'refused',
    maker: 'yubikey-piv',
    failed: { 'certified-module': HISTORICAL },
    keyRules: ['KEY-1 fail', 'KEY-2 pass', 'KEY-3 pass', 'KEY-5 pass', 'APP-3 pass'],
  },
  {
    title: 'a YubiKey 5.7.4 that is not of the FIPS series',
    files: ['yubico-piv/tamemycerts/csr_5_7_4_standard.pem'],
    verdict: 'refused',
    maker: 'yubikey-piv',
    failed: { 'certified-module': 'attestation.yubikey-piv.fips.neither' },
    keyRules: ['KEY-1 fail', 'KEY-2 pass', 'KEY-3 pass', 'KEY-5 pass', 'APP-3 pass'],
  },
  {
    title: 'a YubiHSM 2 FIPS 2.2.0',
    files: ['yubihsm2/gillstrom/device.pem', 'yubihsm2/gillstrom/csr.pem', 'yubihsm2/gillstrom/attestation.pem'],
    verdict: 'refused',
    maker: 'yubihsm2',
    failed: { 'certified-module': HISTORICAL },
    keyRules: ['KEY-1 pass', 'KEY-2 pass', 'KEY-3 pass', 'KEY-5 pass', 'APP-3 pass'],
  },
  {
    title: 'a Luna K7: its RSA-2048 key is attested, and its size is another question',
    files: ['luna/rsa-pkc.p7b', 'luna/rsa-test.csr'],
    verdict: 'verified',
    maker: 'thales-luna',
    failed: {},
    keyRules: ['KEY-1 fail', 'KEY-2 pass', 'KEY-3 pass', 'KEY-5 pass', 'APP-3 pass'],
  },
  {
    title: 'a Luna K7 without a request',
    files: ['luna/rsa-pkc.p7b'],
    verdict: 'refused',
    maker: 'thales-luna',
    failed: { 'same-key': 'check-key.not-given.observed' },
    keyRules: ['KEY-1 fail', 'KEY-2 pass', 'KEY-3 pass'],
  },
  {
    title: 'a Google Cloud HSM and the public key of another',
    files: ['marvell-google/smallstep/rsa.certs.pem', 'marvell-google/smallstep/pub.pem', 'marvell-google/smallstep/rsa.dat'],
    verdict: 'refused',
    maker: 'google-cloud-hsm',
    failed: { 'same-key': 'attestation.same-key.differs', 'certified-module': HISTORICAL },
    keyRules: ['KEY-1 fail', 'KEY-2 pass', 'KEY-3 pass'],
  },
]

describe.skipIf(!haveSamples())(`check my key, with published samples${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  it.each(SAMPLES)('ATT-9: $title', async ({ files, verdict, maker, failed, keyRules }) => {
    const answer = await check(files.map(ofSample))
    expect(short(answer)).toEqual({ verdict, maker, failed })
    expect(answer.failed).toEqual(Object.keys(failed))
    expect(rows(answer)).toEqual(keyRules)
    // The order of the files says nothing.
    expect(short(await check(files.map(ofSample).reverse()))).toEqual({ verdict, maker, failed })
  })

  it('ATT-9: an nShield key that its owner can recover leads with the first question that fails', async () => {
    const answer = await check([ofSample('nshield/key_simple_test1.att')], { at: new Date('2026-09-21T12:00:00Z') })
    // Entrust's key ships switched off, so that nothing else that the bundle says is believed.
    expect(answer.failed[0]).toBe('genuine-device')
    expect(answer.findings['genuine-device']!.observed.key).toBe('attestation.anchor.off-single-source')
    expect(answer).toMatchObject({ verdict: 'refused', maker: { id: 'entrust-nshield' }, trusted: false })
  })

  it('ATT-8: the moment decides: the same YubiHSM 2 was good while its certificate was', async () => {
    const files = ['device', 'csr', 'attestation'].map((name) => ofSample(`yubihsm2/gillstrom/${name}.pem`))
    expect(short(await check(files, { at: new Date('2026-05-02T12:00:00Z') }))).toEqual({ verdict: 'verified', maker: 'yubihsm2', failed: {} })
  })

  it('ATT-2: a maker that the policy does not list is judged and told, and never verified', async () => {
    const answer = await check(['luna/rsa-pkc.p7b', 'luna/rsa-test.csr'].map(ofSample), { policy: withAttestation(shippedPolicy, { makers: ['yubikey-piv'] }) })
    expect(short(answer)).toEqual({ verdict: 'refused', maker: 'thales-luna', failed: { 'genuine-device': 'check-key.unlisted.observed' } })
    expect(answer.device).not.toBeNull()
  })
})

describe('check my key, whatever the files come in', () => {
  let factory: FakeFactory
  let keys: KeyPair
  let request: Buffer
  let leaf: Buffer
  let device: Buffer
  const verified = { verdict: 'verified', maker: 'yubikey-piv', failed: {} }
  const ask = (files: readonly EvidenceFile[], more?: Partial<CheckKeyInput>) => check(files, more, factory.anchors)
  const pem = (label: string, der: Buffer) => encodePem(label, der)
  const csr = () => file('a', pem('CERTIFICATE REQUEST', request))
  const both = () => [file('leaf', leaf), file('f9', device)]

  beforeAll(() => {
    factory = fakeFactory()
    keys = rsaKeyPair(3072)
    request = makeRequest(keys)
    ;({ leaf, device } = fakeYubikey(factory, keys.spki))
  })

  const FORMS: Record<string, () => readonly EvidenceFile[]> = {
    'PEM and DER': () => [csr(), ...both()],
    'one PEM file that holds all': () => [file('all.pem', pem('CERTIFICATE', leaf) + pem('CERTIFICATE REQUEST', request) + pem('CERTIFICATE', device))],
    'DER throughout': () => [file('x', device), file('y', request), file('z', leaf)],
    'bare base64': () => [request, leaf, device].map((der, index) => file(`${index}.txt`, der.toString('base64').replace(/.{64}/g, '$&\r\n'))),
    'PEM in UTF-16, as PowerShell writes it': () => [file('x', Buffer.from(`\ufeff${pem('CERTIFICATE REQUEST', request)}${pem('CERTIFICATE', leaf)}`, 'utf16le')), file('y', device)],
    'a zip of all': () => [file('all.zip', Buffer.from(zipSync({ 'r/request.csr': request, 'leaf.pem': Buffer.from(pem('CERTIFICATE', leaf)), 'f9.cer': device })))],
    'each in gzip': () => [request, leaf, device].map((der, index) => file(`${index}.gz`, gzipSync(der))),
    'with the public key beside it': () => [csr(), ...both(), file('pub.pem', pem('PUBLIC KEY', keys.spki))],
    'with another public key beside it: the request says which is meant': () => [csr(), ...both(), file('pub.pem', pem('PUBLIC KEY', ecKeyPair('P-256').spki))],
    'the same file twice': () => [csr(), csr(), ...both(), ...both()],
    'a public key in place of the request': () => [file('pub.pem', pem('PUBLIC KEY', keys.spki)), ...both()],
    'a public key in DER': () => [file('pub', keys.spki), ...both()],
    'a public key as PKCS #1': () => [file('pub.pem', keys.publicKey.export({ type: 'pkcs1', format: 'pem' }) as string), ...both()],
  }
  it.each(Object.keys(FORMS))('ATT-2: %s', async (form) => {
    expect(short(await ask(FORMS[form]!()))).toEqual(verified)
  })

  it('ATT-2: what is carried over is what was judged: the request apart, evidence out of its archives, no public key', async () => {
    const answer = await ask(FORMS['a zip of all']!())
    expect(answer.request!.der).toEqual(request)
    expect(answer.evidence.map(({ name, bytes }) => [name, bytes.length])).toEqual([['all.zip: leaf.pem', pem('CERTIFICATE', leaf).length], ['all.zip: f9.cer', device.length]])
  })

  it('KEY-1: an elliptic-curve key keeps its attestation’s verdict, and fails apart from it', async () => {
    const ec = ecKeyPair('P-256')
    const answer = await ask([file('csr', makeRequest(ec)), ...Object.values(fakeYubikey(factory, ec.spki)).map((der, index) => file(String(index), der))])
    expect(short(answer)).toEqual(verified)
    expect(rows(answer)).toEqual(['KEY-1 fail', 'KEY-2 pass', 'KEY-3 pass', 'KEY-5 pass', 'APP-3 pass'])
  })

  it('KEY-3 KEY-4: a register has its word on what the bytes show; without one nothing is said of it', async () => {
    const asked: string[] = []
    const answer = await ask([csr(), ...both()], {
      register: async (verdicts, key) => {
        asked.push(key.sha256, ...verdicts.map(({ row }) => row))
        return verdicts.map((verdict) => (verdict.row === 'KEY-3' ? { ...verdict, outcome: 'fail' as const } : verdict))
      },
    })
    expect(asked).toEqual([answer.key!.sha256, 'KEY-1', 'KEY-2', 'KEY-3', 'KEY-5', 'APP-3'])
    expect(rows(answer)).toEqual(['KEY-1 pass', 'KEY-2 pass', 'KEY-3 fail', 'KEY-5 pass', 'APP-3 pass'])
    expect(answer.verdict).toBe('verified')
    expect(rows(await ask([csr(), ...both()]))).not.toContain('KEY-4 pass')
  })

  const REFUSED: Record<string, { files: () => readonly EvidenceFile[]; reason: string; file?: string }> = {
    'no file': { files: () => [], reason: 'check-key.malformed.nothing' },
    'seventeen files': { files: () => Array.from({ length: 17 }, (_, index) => file(`${index}`, 'x')), reason: 'attestation.malformed.too-many-files', file: '16' },
    'more octets than are taken': { files: () => [csr(), file('big', Buffer.alloc(DROPPED_LIMITS.bytes))], reason: 'attestation.malformed.too-large', file: 'big' },
    'an empty file': { files: () => [csr(), file('none', '')], reason: 'attestation.malformed.empty', file: 'none' },
    'a text': { files: () => [file('letter.txt', 'Dear CA, please find nothing enclosed.')], reason: 'check-key.malformed.no-key' },
    'a text beside a request': { files: () => [csr(), file('letter.txt', 'Dear CA, please find nothing enclosed.')], reason: 'attestation.malformed.unrecognised', file: 'letter.txt' },
    'a request alone': { files: () => [csr()], reason: 'attestation.malformed.nothing' },
    'a gzip bomb': { files: () => [csr(), file('bomb.gz', gzipSync(Buffer.alloc(20_000_000)))], reason: 'attestation.malformed.unpacked-too-large', file: 'bomb.gz' },
    'a zip in a zip': { files: () => [file('a.zip', Buffer.from(zipSync({ 'b.zip': zipSync({ c: request }) })))], reason: 'attestation.malformed.nested-archive', file: 'a.zip' },
    'requests of two keys': { files: () => [csr(), file('other.csr', makeRequest(rsaKeyPair(2048))), ...both()], reason: 'check-key.malformed.several-requests' },
    'two public keys': { files: () => [file('a', keys.spki), file('b', pem('PUBLIC KEY', ecKeyPair('P-384').spki)), ...both()], reason: 'check-key.malformed.several-keys' },
    'a request cut short': { files: () => [file('a.csr', pem('CERTIFICATE REQUEST', request.subarray(0, 300)))], reason: 'certificate-request.refused.cut-short', file: 'a.csr' },
    'PEM without its end': { files: () => [file('a.csr', pem('CERTIFICATE REQUEST', request).slice(0, 300))], reason: 'attestation.malformed.pem', file: 'a.csr' },
    'the attestation without the device’s certificate': { files: () => [csr(), file('leaf', leaf)], reason: 'attestation.yubikey-piv.malformed.intermediate-missing', file: 'leaf' },
  }
  it.each(Object.keys(REFUSED))('ATT-2: %s cannot be judged', async (what) => {
    const { files, reason, file: name } = REFUSED[what]!
    const answer = await ask(files())
    expect({ ...short(answer), maker: null }).toEqual({ verdict: 'malformed', maker: null, failed: { files: reason }, ...(name === undefined ? {} : { file: name }) })
    expect(Object.keys(answer.findings)).toEqual(['files'])
  })

  const PRIVATE: Record<string, () => Buffer | string> = {
    'PKCS #8 in PEM': () => keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    'PKCS #8 in DER': () => keys.privateKey.export({ type: 'pkcs8', format: 'der' }),
    'PKCS #8, encrypted, in DER': () => keys.privateKey.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: 'x' }),
    'PKCS #1 in DER': () => keys.privateKey.export({ type: 'pkcs1', format: 'der' }),
    'PKCS #1 in base64': () => keys.privateKey.export({ type: 'pkcs1', format: 'der' }).toString('base64'),
    'SEC 1 in DER': () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey.export({ type: 'sec1', format: 'der' }),
    'PKCS #12': () => sequence(integer(3), sequence(oid('1.2.840.113549.1.7.1'), context(0, octetString(Buffer.alloc(200))))),
    'JWK': () => JSON.stringify(keys.privateKey.export({ format: 'jwk' })),
    'PuTTY': () => 'PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n',
    'OpenSSH': () => '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n',
    'in a zip': () => Buffer.from(zipSync({ 'my.key': Buffer.from(keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string) })),
  }
  it.each(Object.keys(PRIVATE))('ATT-2: a private key is refused before all else and nothing of it is handed on: %s', async (form) => {
    const key = file('my.key', PRIVATE[form]!())
    // An empty file is wrong too, and what a zip holds is not seen before it is opened.
    const answer = await ask(form === 'in a zip' ? [csr(), ...both(), key, file('none', '')] : [csr(), file('none', ''), ...both(), key])
    expect(short(answer)).toMatchObject({ verdict: 'malformed', failed: { files: 'attestation.malformed.private-key' } })
    expect(answer).toMatchObject({ evidence: [], request: null, key: null })
    expect(answer.findings.files!.remedy).toBeUndefined()
  })

  it('ATT-2: an ECDSA signature in a file of its own is no private key', async () => {
    const signature = Buffer.from('3081880242' + '01'.repeat(66) + '0242' + '02'.repeat(66), 'hex')
    expect((await ask([csr(), file('sig', signature)])).findings.files!.observed.key).toBe('attestation.malformed.unrecognised')
  })

  describe('devices that attest nothing', () => {
    const CLOUD: Record<string, string> = {
      'aws-kms': JSON.stringify({ KeyMetadata: { KeyId: 'x', Arn: 'arn:aws:kms:ap-northeast-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab' } }),
      'aws-cloudhsm': JSON.stringify({ error_code: 0, data: { key: { 'key-reference': '0x00000000000c0009' } } }, null, 2),
      'azure-key-vault-premium': JSON.stringify({ key: { kid: 'https://signing.vault.azure.net/keys/code/0123' } }),
    }
    it.each(Object.keys(CLOUD))('ATT-9: %s is known by what its tools print, and leads to another method', async (id) => {
      for (const files of [[file('key.json', CLOUD[id]!)], [csr(), file('key.json', CLOUD[id]!)]]) {
        const answer = await ask(files)
        expect(short(answer)).toEqual({ verdict: 'refused', maker: null, failed: { 'genuine-device': `check-key.without.${id}.why` } })
        expect(answer.without!.open.length).toBeGreaterThan(0)
        expect(answer.findings['genuine-device']!.remedy).toEqual({ key: 'check-key.without.remedy', values: { methods: answer.without!.open.join(', ') } })
      }
    })

    it.each(WITHOUT_ATTESTATION.map(({ id }) => id))('ATT-9: %s by what the person says', async (id) => {
      expect((await ask([csr()], { device: id })).without).toMatchObject({ id })
      // What is attested is judged, whatever was said.
      expect(short(await ask([csr(), ...both()], { device: id }))).toEqual(verified)
    })

    it('ATT-9: says so when none of the fitting methods is open', async () => {
      const policy = { ...shippedPolicy, keyProtection: { ...shippedPolicy.keyProtection, methods: [2 as const] } }
      const answer = await ask([csr()], { device: 'aws-kms', policy })
      expect(answer.without).toMatchObject({ open: [] })
      expect(answer.findings['genuine-device']!.remedy!.key).toBe('check-key.without.remedy-none')
    })
  })
})
