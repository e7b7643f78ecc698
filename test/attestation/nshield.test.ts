import { beforeAll, describe, expect, it } from 'vitest'
import { writeCertificate } from '../../attestations/demo/certificate.ts'
import { catalogue } from '../../attestations/entrust-nshield/index.ts'
import { keyHash, spkiOf, type NCoreKey } from '../../attestations/entrust-nshield/ncore.ts'
import { reportToJson, verifyAttestation, type AttestationInput } from '../../src/attestation/verify-attestation.ts'
import { shippedPolicy, withAttestation, withSampleKeys } from '../support/attestation-policy.ts'
import * as fake from '../support/fake-nshield.ts'
import { fakeBundle, fakeEntrust, ncoreKey, type FakeBundle, type FakeEntrust } from '../support/fake-nshield.ts'
import { commonName, ec, requestFor, rsa } from '../support/fake-yubikey.ts'
import { NOW, type Files } from '../support/judge-evidence.ts'
import { judgeOf, outcome, untrusted, wellFounded, type Outcome } from '../support/judge-maker.ts'

const MAKER = 'entrust-nshield'
let entrust: FakeEntrust
let stranger: FakeEntrust
let applicant: NCoreKey
let big: NCoreKey
let small: NCoreKey
let p256: NCoreKey

beforeAll(() => {
  entrust = fakeEntrust()
  stranger = fakeEntrust()
  applicant = ncoreKey(rsa(3072).publicKey)
  big = ncoreKey(rsa(4096).publicKey)
  small = ncoreKey(rsa(2048).publicKey)
  p256 = ncoreKey(ec('P-256').publicKey)
})

const judge = judgeOf(MAKER, () => spkiOf(applicant), () => entrust.anchors)
const bundle = (options: FakeBundle = {}, key = applicant): Files => ({ 'key.att': fakeBundle(entrust, key, options) })
const sampleKeys = () => withSampleKeys()

describe('a genuine nShield', () => {
  it.each([3072, 4096])('ATT-2 KEY-1: RSA-%i in a world of FIPS mode is verified', (bits) => {
    const key = bits === 3072 ? applicant : big
    for (const options of [{}, { recovery: false }, { acl: fake.acl({ actions: [fake.operations(fake.SIGNING_KEY), fake.deriveKey(29)] }) }] as FakeBundle[]) {
      const report = judge(bundle(options, key), { publicKeySpki: spkiOf(key) })
      expect(outcome(report)).toBe('verified')
      expect(report.chainTrusted).toBe(true)
      wellFounded(report)
      expect(report.device).toMatchObject({ maker: 'Entrust', serial: '1234-5678-9ABC', firmware: null })
    }
  })

  it('ATT-2: P-256 is verified where the policy takes it', () => {
    expect(outcome(judge(bundle({}, p256), { publicKeySpki: spkiOf(p256), policy: sampleKeys() }))).toBe('verified')
    expect(outcome(judge(bundle({}, p256), { publicKeySpki: spkiOf(p256) }))).toEqual({ 'certified-module': 'key-type.not-in-policy' })
  })

  it('ATT-2: limits, module serials and tokens in the list are understood', () => {
    const { hkm } = entrust
    for (const [group, stored] of [
      [{ flags: 0x8, actions: [fake.makeBlob(hkm)], after: fake.text('1234-5678-9ABC') }, 'softcard'],
      [{ flags: 0x22, limits: [fake.word(3, 3600), fake.usesLimit()], actions: [fake.makeBlob(hkm, { token: 0 })] }, 'cardset'],
      [{ actions: [fake.makeBlob(hkm, { flags: 0x7 })] }, 'module'],
      [{ actions: [fake.makeBlob(hkm, { flags: 0x45 })] }, 'module'],
      [{ actions: [fake.operations(0x1000)] }, 'none'],
    ] as [fake.Group, string][]) {
      const report = judge(bundle({ acl: fake.acl(group) }))
      expect(outcome(report)).toBe('verified')
      expect(report.device!.details.find(({ label }) => label.key.endsWith('.protection'))!.value.key).toBe(`attestation-nshield.protection.${stored}`)
    }
  })

  it('ATT-2: staff are told of a warrant given in the field, and of a root key from one source', () => {
    expect(judge(bundle()).findings!['genuine-device'].cautions).toEqual([])
    const field = judge(bundle({ moduleType: 'FieldUpgradeModuleInformation' }))
    expect(outcome(field)).toBe('verified')
    expect(field.findings!['genuine-device'].cautions.map(({ key }) => key)).toEqual(['attestation-nshield.warrant.field-upgrade'])
    const single = judgeOf(MAKER, () => spkiOf(applicant), () => fake.anchorsOf(fake.anchorRow(entrust.root, { independentSources: 1 })))(bundle())
    expect(single.findings!['genuine-device'].cautions.map(({ key }) => key)).toEqual(['attestation.anchor.one-source'])
  })

  it('ATT-8: the certificate shown is the active one of the model, and staff are told that nobody compared it with the register', () => {
    const { observed, cautions } = judge(bundle()).findings!['certified-module']
    expect(observed).toMatchObject({ key: 'attestation.certificate.active', values: { number: '5329', scheme: 'FIPS 140-3' } })
    expect(cautions.map(({ key }) => key)).toEqual(['attestation.certificate.unconfirmed'])
    expect(catalogue.devices.map(({ id }) => id)).toEqual(['nshield-5s', 'nshield-xc'])
  })
})

interface Defect {
  name: string
  options?: () => FakeBundle
  key?: () => NCoreKey
  more?: () => Partial<AttestationInput>
  refused: Outcome
}
const refusedBy = (question: string, reason: string): Outcome => ({ [question]: `attestation-nshield.${reason}` })
const chain = (reason: string) => untrusted(`attestation-nshield.${reason}`)
const certified = (reason: string) => refusedBy('certified-module', reason)
const exportable = (reason: string) => refusedBy('not-exportable', reason)
const withGroup = (group: fake.Group) => ({ acl: fake.softcardAcl(entrust.hkm, group) })
const officer = () => keyHash(entrust.knso.key)!

const DEFECTS: Defect[] = [
  { name: 'a bundle for another key than the request', more: () => ({ publicKeySpki: spkiOf(big) }), refused: { 'same-key': 'same-key.differs' } },
  { name: 'a request stored with another key than the one judged', more: () => ({ certificateRequestDer: requestFor(spkiOf(big)) }), refused: { 'same-key': 'same-key.request-differs' } },
  { name: 'a root that nobody knows', options: () => ({ root: 'KWARN-9' }), refused: chain('root.unknown') },
  { name: 'another root named beside the warrant', options: () => ({ namedRoot: 'KWARN-9' }), refused: chain('root.unknown') },
  { name: 'a root of the same name with another key', options: () => ({ signers: { delegation: stranger.root } }), refused: chain('warrant.not-signed') },
  { name: 'a module certificate not signed by the delegate', options: () => ({ signers: { module: stranger.delegate } }), refused: chain('warrant.not-signed') },
  { name: 'a module certificate in the place of a delegation', options: () => ({ delegateType: 'ModuleInformation' }), refused: chain('warrant.other-shape') },
  { name: 'a warrant that ends with a delegation', options: () => ({ moduleType: 'Delegation' }), refused: chain('warrant.other-shape') },
  { name: 'a warrant for another signature scheme', options: () => ({ mechanism: 'SHA1' }), refused: chain('warrant.other-mechanism') },
  { name: 'a module state that is another message', options: () => ({ stateHead: [3, 0] }), refused: { ...(chain('state.other-kind') as object) } },
  { name: 'a module state with flags', options: () => ({ stateHead: [4, 1] }), refused: chain('state.other-kind') },
  { name: 'a module state signed by another module', options: () => ({ signers: { state: stranger.klf2 } }), refused: chain('state.not-signed') },
  { name: 'a warrant of another serial number', options: () => ({ warrantSerial: '9999-9999-9999' }), refused: chain('state.other-serial') },
  { name: 'a module state of another serial number', options: () => ({ stateSerial: '9999-9999-9999' }), refused: chain('state.other-serial') },
  { name: 'a module state without a serial number', options: () => ({ leaveOutOfState: [2] }), refused: chain('state.other-serial') },
  { name: 'a module state that names another KLF2', options: () => ({ stateKlf2: stranger.klf2 }), refused: chain('state.other-klf2') },
  { name: 'a module state without KLF2', options: () => ({ leaveOutOfState: [13] }), refused: chain('state.other-klf2') },
  { name: 'a module signing key of another hash', options: () => ({ kmlHash: Buffer.alloc(20) }), refused: chain('state.other-kml') },
  { name: 'a module state without a module signing key', options: () => ({ leaveOutOfState: [3] }), refused: chain('state.other-kml') },
  { name: 'a security officer that the module does not have', options: () => ({ hknso: Buffer.alloc(20, 5) }), refused: chain('state.other-knso') },
  { name: 'a module state without a security officer', options: () => ({ leaveOutOfState: [5] }), refused: chain('state.other-knso') },
  { name: 'a module key that the module does not have', options: () => ({ moduleKeys: [Buffer.alloc(20, 8)] }), refused: chain('state.no-hkm') },
  { name: 'a module state without module keys', options: () => ({ leaveOutOfState: [6] }), refused: chain('state.no-hkm') },
  { name: 'the legacy suite with 3DES', options: () => ({ suite: 'DLf1024s160mDES3' }), refused: chain('world.legacy-suite') },
  { name: 'the legacy suite with AES', options: () => ({ suite: 'DLf1024s160mRijndael' }), refused: chain('world.legacy-suite') },
  { name: 'a suite with characters that no suite has', options: () => ({ suite: 'DLf3072 s256' }), refused: chain('world.other-suite') },
  { name: 'a suite of no characters', options: () => ({ suite: '' }), refused: chain('world.other-suite') },
  { name: 'a world bound in two ways', options: () => ({ world: 'both' }), refused: { ...(chain('world.two-bindings') as object) } },
  { name: 'a world bound in no way', options: () => ({ world: 'none' }), refused: chain('world.no-binding') },
  { name: 'a FIPS world signed by another officer', options: () => ({ signers: { world: stranger.knso } }), refused: chain('world.not-bound') },
  { name: 'a suite other than the one signed', options: () => ({ members: { ciphersuite: 'DLf3072s256mRijndael' } }), refused: chain('world.not-bound') },
  { name: 'recovery keys signed by another officer', options: () => ({ signers: { recovery: stranger.knso } }), refused: chain('world.recovery-not-bound') },
  { name: 'a key generation signed by another module', options: () => ({ signers: { generation: stranger.kml } }), refused: chain('generation.not-signed') },
  { name: 'a key generation signed by a mechanism that does not fit its key', options: () => ({ generationMechanism: 187 }), refused: chain('generation.not-signed') },
  { name: 'a key generation signed by a mechanism that nobody knows', options: () => ({ generationMechanism: 12 }), refused: chain('generation.not-signed') },
  { name: 'a date before we held the root', more: () => ({ at: new Date('2009-12-31T23:59:59Z') }), refused: chain('root.not-current') },
  { name: 'a date after we held the root', more: () => ({ at: new Date('2041-01-01T00:00:00Z') }), refused: chain('root.not-current') },

  { name: 'a certificate of something else than generation', options: () => ({ generationHead: [1, 0] }), refused: { 'generated-inside': 'attestation-nshield.generation.not-generated', 'not-exportable': 'attestation-nshield.acl.not-read' } },
  { name: 'a key generation with flags', options: () => ({ generationHead: [2, 1] }), refused: { 'generated-inside': 'attestation-nshield.generation.not-generated', 'not-exportable': 'attestation-nshield.acl.not-read' } },
  { name: 'a key generation of another key', options: () => ({ hash: Buffer.alloc(20, 6) }), refused: refusedBy('generated-inside', 'generation.other-key') },
  { name: 'a key generation of another size', options: () => ({ parameters: fake.word(2, 4, 2048) }), refused: refusedBy('generated-inside', 'generation.other-parameters') },
  { name: 'a key generation of another kind', options: () => ({ parameters: fake.word(47, 4) }), refused: refusedBy('generated-inside', 'generation.other-parameters') },
  { name: 'a key generation with flags for RSA that nobody knows', options: () => ({ parameters: fake.word(2, 8, 3072) }), refused: { 'generated-inside': 'attestation-nshield.generation.other-parameters', 'not-exportable': 'attestation-nshield.acl.not-read' } },
  { name: 'a key generation of a kind that nobody knows', options: () => ({ parameters: fake.word(99) }), refused: { 'generated-inside': 'attestation-nshield.generation.other-parameters', 'not-exportable': 'attestation-nshield.acl.not-read' } },
  { name: 'P-521, whose hash has no published example', key: () => stranger.root.key, more: () => ({ publicKeySpki: spkiOf(stranger.root.key), policy: sampleKeys() }), refused: refusedBy('generated-inside', 'generation.other-key') },

  { name: 'a key that the Administrator Card Set recovers', options: () => withGroup({ actions: [fake.makeArchiveBlob(Buffer.alloc(20, 3))] }), refused: exportable('acl.recoverable') },
  { name: 'a group under the security officer\'s certificate', options: () => withGroup({ flags: 3, actions: [fake.operations(0x1000)], after: officer() }), refused: exportable('acl.recoverable') },
  { name: 'a group under the officer\'s certificate in its longer form', options: () => withGroup({ flags: 0x40, actions: [], after: Buffer.concat([fake.word(44), officer(), fake.word(0)]) }), refused: exportable('acl.recoverable') },
  { name: 'a group under the officer\'s certificate with a mechanism', options: () => withGroup({ flags: 4, actions: [], after: Buffer.concat([officer(), fake.word(170)]) }), refused: exportable('acl.recoverable') },
  { name: 'a group under another key\'s certificate', options: () => withGroup({ flags: 1, actions: [fake.operations(4)], after: Buffer.alloc(20, 9) }), refused: exportable('acl.other-certifier') },
  { name: 'an action that nobody knows', options: () => withGroup({ actions: [fake.word(4, 0)] }), refused: exportable('acl.unknown-action') },
  { name: 'a limit that nobody knows', options: () => withGroup({ limits: [fake.word(4, 0)], actions: [] }), refused: exportable('acl.unknown-limit') },
  { name: 'group flags that nobody knows', options: () => withGroup({ flags: 0x10, actions: [] }), refused: exportable('acl.unknown-group-flags') },
  { name: 'blob flags that nobody knows', options: () => withGroup({ actions: [fake.word(2, 0x80)] }), refused: exportable('acl.unknown-blob-flags') },
  { name: 'archive blob flags that nobody knows', options: () => withGroup({ actions: [fake.word(3, 4, 225)] }), refused: exportable('acl.unknown-blob-flags') },
  { name: 'blob file flags that nobody knows', options: () => withGroup({ actions: [Buffer.concat([fake.word(2, 0x45), entrust.hkm, fake.word(4, 0)])] }), refused: exportable('acl.unknown-blob-flags') },
  { name: 'a derivation with parameters', options: () => withGroup({ actions: [fake.deriveKey(29, { flags: 1 })] }), refused: exportable('acl.unknown-derivation') },
  { name: 'a derivation with further keys', options: () => withGroup({ actions: [fake.deriveKey(29, { others: 1 })] }), refused: exportable('acl.unknown-derivation') },
  { name: 'a derivation of more than the public key', options: () => withGroup({ actions: [fake.deriveKey(30, { type: 47 })] }), refused: exportable('acl.derivation') },
  ...[0x4, 0x10, 0x40, 0x400, 0x800, 0x4000].map((bit): Defect => ({ name: `the operation 0x${bit.toString(16)}`, options: () => withGroup({ actions: [fake.operations(bit)] }), refused: exportable('acl.forbidden') })),
  { name: 'an operation that nobody knows', options: () => withGroup({ actions: [fake.operations(0x10000)] }), refused: exportable('acl.unknown-operations') },
  { name: 'the highest operation bit', options: () => withGroup({ actions: [fake.operations(0x80000000)] }), refused: exportable('acl.unknown-operations') },
  { name: 'a blob under another module key', options: () => withGroup({ actions: [fake.makeBlob(Buffer.alloc(20, 8))] }), refused: exportable('acl.blob-other-module-key') },
  { name: 'a blob under any module key', options: () => withGroup({ actions: [fake.makeBlob(entrust.hkm, { flags: 0x1a })] }), refused: exportable('acl.blob-other-module-key') },
  { name: 'a blob under the null module key', options: () => withGroup({ actions: [fake.makeBlob(entrust.hkm, { flags: 0x3e })] }), refused: exportable('acl.blob-null-module-key') },
  { name: 'a blob that nothing protects', options: () => withGroup({ actions: [fake.makeBlob(entrust.hkm, { flags: 0x6 })] }), refused: exportable('acl.blob-unprotected') },
  { name: 'a blob under a token of which nothing is said', options: () => withGroup({ actions: [fake.makeBlob(entrust.hkm, { flags: 0xe })] }), refused: exportable('acl.blob-token-unknown') },

  { name: 'a world that is not in FIPS mode', options: () => ({ world: 'plain' }), refused: certified('world.not-fips') },
  { name: 'a warrant without approvals', options: () => ({ approvals: [] }), refused: certified('approvals.none') },
  { name: 'a warrant with an approval in a form that nobody knows', options: () => ({ approvals: [fake.list(fake.symbol('FIPS140'), fake.string('3'), Buffer.from([3]))] }), refused: certified('approvals.none') },
  { name: 'an approval of another scheme', options: () => ({ approvals: [fake.list(fake.symbol('CC'), Buffer.from([3]), Buffer.from([3]))] }), refused: certified('model.unlisted') },
  { name: 'an approval of another edition', options: () => ({ approvals: [fake.list(fake.symbol('FIPS140'), Buffer.from([1]), Buffer.from([3]))] }), refused: certified('model.unlisted') },
  { name: 'an approval of another level', options: () => ({ approvals: [fake.list(fake.symbol('FIPS140'), Buffer.from([3]), Buffer.from([2]))] }), refused: certified('model.unlisted') },
  { name: 'a module of FIPS 140-2, which is Historical', options: () => ({ approvals: [fake.FIPS_140_2] }), refused: { 'certified-module': 'certificate.historical' } },
  { name: 'RSA-2048, which the policy does not take', key: () => small, more: () => ({ publicKeySpki: spkiOf(small) }), refused: { 'certified-module': 'key-type.not-in-policy' } },
  { name: 'a day before the certificate was given', more: () => ({ at: new Date('2024-08-18T23:59:59Z') }), refused: { 'certified-module': 'certificate.not-yet' } },
  { name: 'a policy that asks for level 4', more: () => ({ policy: withAttestation(shippedPolicy, { schemes: [{ scheme: 'FIPS 140-3', minimumLevel: 4 }] }) }), refused: { 'certified-module': 'certificate.level' } },
]

describe('one defect each', () => {
  it.each(DEFECTS)('ATT-2: refuses $name', ({ options, key, more, refused }) => {
    const report = judge(bundle(options?.(), key?.() ?? applicant), more?.())
    expect(outcome(report)).toEqual(refused)
    wellFounded(report)
  })

  it('ATT-2: a root that is held but off is not relied on, and the reader is told why and where to confirm it', () => {
    const off = judgeOf(MAKER, () => spkiOf(applicant), () => fake.anchorsOf(fake.anchorRow(entrust.root, { off: { why: 'single-source', confirmAt: 'https://example.com/kwarn' } })))(bundle())
    expect(outcome(off)).toEqual(untrusted('anchor.off-single-source'))
    expect(off.findings!['genuine-device']).toMatchObject({ observed: { values: { subject: 'KWARN-1', confirmAt: 'https://example.com/kwarn' } }, source: 'https://example.com/kwarn', remedy: { key: 'attestation.anchor.remedy-off' } })
    expect(off.findings!['genuine-device'].checks.filter(({ outcome: each }) => each === 'fail')).toHaveLength(1)
  })

  it('ATT-2: a kind of key that the module is not certified for is refused', () => {
    const odd = ncoreKey(rsa(3584).publicKey)
    expect(outcome(judge(bundle({}, odd), { publicKeySpki: spkiOf(odd) }))).toEqual(certified('key-type.uncertified'))
  })

  it('ATT-2: keys too small for today do not sign, even where every name fits', () => {
    const weak: FakeEntrust = { ...entrust, kml: fake.dsa(1024) }
    expect(outcome(judge({ 'key.att': fakeBundle(weak, applicant) }))).toEqual(chain('generation.not-signed'))
  })

  it('ATT-2: an untrusted chain turns every claim into one that is only claimed', () => {
    const { findings, chainTrusted, device } = judge(bundle({ signers: { delegation: stranger.root } }))
    expect(chainTrusted).toBe(false)
    expect(device!.serial).toBe('1234-5678-9ABC')
    for (const question of ['same-key', 'generated-inside', 'not-exportable', 'certified-module'] as const) expect(findings![question].claimed).toBe(true)
    expect(findings!['genuine-device'].alert).toBe(true)
  })

  it('ATT-2: two modules\' bundles do not mix', () => {
    const other = JSON.parse(fakeBundle(stranger, applicant).toString()) as Record<string, string>
    for (const [part, reason] of [['warrant', 'warrant.not-signed'], ['knsopub', 'state.other-knso'], ['hkm', 'state.no-hkm'], ['kcsig', 'generation.not-signed'], ['modstatesig', 'state.not-signed'], ['CertKMaKMCaKFIPSbKNSO', 'world.not-bound']] as const)
      expect(outcome(judge(bundle({ members: { [part]: other[part] } }))), part).toEqual(chain(reason))
  })

  it('ATT-2: the shipped root is held, off, and from one source', async () => {
    const shipped = judgeOf(MAKER, () => spkiOf(applicant))(bundle())
    expect(outcome(shipped)).toEqual(untrusted('anchor.off-single-source'))
    const { anchors } = await import('../../attestations/entrust-nshield/index.ts')
    expect(anchors.rows).toHaveLength(1)
    expect(anchors.rows[0]).toMatchObject({ subject: 'KWARN-1', independentSources: 1, off: { why: 'single-source' } })
  })

  it('ATT-2: a maker that the policy does not list is not asked', () => {
    const publicKeySpki = spkiOf(applicant)
    const files = Object.entries(bundle()).map(([name, bytes]) => ({ name, bytes }))
    const report = verifyAttestation({ files, certificateRequestDer: requestFor(publicKeySpki), publicKeySpki, at: NOW, policy: withAttestation(shippedPolicy, { makers: ['yubikey-piv'] }), demoHierarchy: false }, { [MAKER]: entrust.anchors })
    expect(outcome(report)).toEqual({ malformed: 'key.att', reason: 'off.entrust-nshield' })
  })
})

describe('bundles that cannot be read', () => {
  const certificate = () => {
    const owner = rsa(2048)
    return writeCertificate({ serial: Buffer.from([1]), issuer: commonName('A'), subject: commonName('B'), notBefore: NOW, notAfter: NOW, spki: spkiOf(applicant), extensions: [] }, owner.privateKey)
  }
  const json = (options: FakeBundle = {}) => fakeBundle(entrust, applicant, options)
  const field = (name: string, bytes: Buffer): FakeBundle => ({ members: { [name]: bytes.toString('base64url') } })
  const decoded = (name: string) => Buffer.from((JSON.parse(json().toString()) as Record<string, string>)[name]!, 'base64url')
  const nshield = (reason: string, file = 'key.att') => ({ malformed: file, reason: `attestation-nshield.malformed.${reason}` })
  const damaged = nshield('field')
  const nested = (depth: number): Buffer => (depth === 0 ? Buffer.from([1]) : fake.list(nested(depth - 1)))
  const CASES: { name: string; files: () => Files; expected: Outcome }[] = [
    { name: 'two bundles', files: () => ({ ...bundle(), 'other.att': json({ suite: 'X' }) }), expected: nshield('several-bundles', 'other.att') },
    { name: 'a certificate beside the bundle', files: () => ({ ...bundle(), 'leaf.crt': certificate() }), expected: nshield('stray', 'leaf.crt') },
    { name: 'something else beside the bundle', files: () => ({ ...bundle(), 'note.bin': Buffer.from('hello') }), expected: nshield('stray', 'note.bin') },
    { name: 'JSON cut short', files: () => ({ 'key.att': json().subarray(0, -3) }), expected: { malformed: 'key.att', reason: 'malformed.json' } },
    { name: 'text after the JSON', files: () => ({ 'key.att': Buffer.concat([json(), Buffer.from('{}')]) }), expected: { malformed: 'key.att', reason: 'malformed.json' } },
    { name: 'a member twice', files: () => ({ 'key.att': Buffer.from(json().toString().replace('{', '{"root":"KWARN-1",')) }), expected: { malformed: 'key.att', reason: 'malformed.json-twice' } },
    { name: 'octets that are no UTF-8', files: () => ({ 'key.att': Buffer.concat([json().subarray(0, -2), Buffer.from('","x":"\xff"}', 'latin1')]) }), expected: { malformed: 'key.att', reason: 'malformed.json' } },
    { name: 'a list around the bundle', files: () => ({ 'key.att': Buffer.concat([Buffer.from('['), json(), Buffer.from(']')]) }), expected: nshield('bundle-missing') },
    { name: 'a member that is no text', files: () => ({ 'key.att': Buffer.from(json().toString().replace(/"hkm": "[^"]*"/, '"hkm": 7')) }), expected: nshield('field-missing') },
    ...['pubkeydata', 'kcmsg', 'kcsig', 'modstatesig', 'hkmc', 'hkm', 'hkfips', 'hkre', 'hkra', 'knsopub', 'ciphersuite', 'warrant', 'root'].map((name) => ({ name: `no ${name}`, files: () => bundle({ members: { [name]: undefined } }), expected: nshield('field-missing') })),
    { name: 'base64 in the place of base64url', files: () => bundle({ members: { hkm: '+/+/' } }), expected: nshield('field-base64') },
    { name: 'base64url with bits left over', files: () => bundle({ members: { hkm: 'AAB' } }), expected: nshield('field-base64') },
    { name: 'an empty member', files: () => bundle({ members: { hkm: '' } }), expected: nshield('field-base64') },
    ...['pubkeydata', 'kcsig', 'modstatemsg', 'modstatesig', 'hkm', 'knsopub', 'CertKMaKMCaKFIPSbKNSO'].flatMap((name) => [
      { name: `octets after ${name}`, files: () => bundle(field(name, Buffer.concat([decoded(name), Buffer.alloc(4)]))), expected: damaged },
      { name: `${name} cut short`, files: () => bundle(field(name, decoded(name).subarray(0, -1))), expected: damaged },
    ]),
    { name: 'octets between access control list and hash', files: () => bundle({ acl: Buffer.concat([fake.softcardAcl(entrust.hkm), fake.word(0)]) }), expected: damaged },
    { name: 'a key generation too short for a hash', files: () => bundle(field('kcmsg', fake.word(2, 0, 2, 0))), expected: damaged },
    { name: 'more groups than there are octets', files: () => bundle({ acl: fake.word(0xffffffff) }), expected: damaged },
    { name: 'a key of a kind that nobody knows', files: () => bundle(field('pubkeydata', fake.word(99))), expected: damaged },
    { name: 'a curve that nobody knows', files: () => bundle(field('pubkeydata', Buffer.concat([fake.word(46, 5, 0), fake.number(Buffer.alloc(48, 1)), fake.number(Buffer.alloc(48, 1))]))), expected: damaged },
    { name: 'flags of an EC key', files: () => bundle(field('pubkeydata', Buffer.concat([fake.word(46, 4, 1), fake.number(Buffer.alloc(32, 1)), fake.number(Buffer.alloc(32, 1))]))), expected: damaged },
    { name: 'a number of no octets', files: () => bundle(field('pubkeydata', Buffer.concat([fake.word(1, 0), fake.number(Buffer.alloc(32, 1))]))), expected: damaged },
    { name: 'a number that fills no whole words', files: () => bundle(field('pubkeydata', Buffer.concat([fake.word(1, 3), Buffer.alloc(3, 1), fake.number(Buffer.alloc(32, 1))]))), expected: damaged },
    { name: 'a number above all limits', files: () => bundle(field('pubkeydata', Buffer.concat([fake.word(1), fake.number(Buffer.alloc(1028, 1)), fake.number(Buffer.alloc(4, 1))]))), expected: damaged },
    { name: 'a key hash by another mechanism', files: () => bundle(field('hkm', Buffer.concat([fake.word(45), Buffer.alloc(20)]))), expected: damaged },
    { name: 'an attribute of the module state twice', files: () => bundle({ moreState: [Buffer.concat([fake.word(2), fake.text('1234-5678-9ABC')])] }), expected: damaged },
    { name: 'an attribute of the module state that nobody knows', files: () => bundle({ moreState: [fake.word(99, 0)] }), expected: damaged },
    { name: 'a serial number with a control character', files: () => bundle({ stateSerial: '1234\u00075678' }), expected: damaged },
    { name: 'octets after the warrant', files: () => bundle(field('warrant', Buffer.concat([decoded('warrant'), Buffer.from([1])]))), expected: damaged },
    { name: 'a warrant cut short', files: () => bundle(field('warrant', decoded('warrant').subarray(0, -1))), expected: damaged },
    { name: 'a warrant with a tag that nobody knows', files: () => bundle(field('warrant', Buffer.from([0x91, 0xff]))), expected: damaged },
    { name: 'a warrant nested too deep', files: () => bundle(field('warrant', nested(20))), expected: damaged },
    { name: 'a warrant of too many values', files: () => bundle(field('warrant', fake.list(...Array.from({ length: 15 }, () => fake.list(...Array.from({ length: 15 }, () => Buffer.from([1]))))))), expected: damaged },
    { name: 'a warrant with a name twice', files: () => bundle(field('warrant', fake.map(['a', Buffer.from([1])], ['a', Buffer.from([1])]))), expected: damaged },
    { name: 'a warrant with a number of no octets', files: () => bundle(field('warrant', Buffer.from([0xf4, 0xc5, 0]))), expected: damaged },
    { name: 'a warrant that is no list', files: () => bundle(field('warrant', fake.symbol('KWARN-1'))), expected: nshield('warrant') },
    { name: 'a warrant of a name alone', files: () => bundle(field('warrant', fake.list(fake.symbol('KWARN-1')))), expected: nshield('warrant') },
    { name: 'a warrant of nine certificates', files: () => bundle(field('warrant', fake.list(fake.symbol('KWARN-1'), ...Array.from({ length: 9 }, () => fake.map(['Payload', fake.octets(Buffer.alloc(1))]))))), expected: nshield('warrant') },
    { name: 'a warrant certificate without a signature', files: () => bundle(field('warrant', fake.list(fake.symbol('KWARN-1'), fake.map(['Payload', fake.octets(fake.map())])))), expected: nshield('warrant') },
    { name: 'a warrant certificate with a short signature', files: () => bundle(field('warrant', fake.list(fake.symbol('KWARN-1'), fake.map(['Payload', fake.octets(fake.map())], ['Signature', fake.octets(Buffer.alloc(131))])))), expected: nshield('warrant') },
    { name: 'a warrant certificate without a type', files: () => bundle(field('warrant', fake.list(fake.symbol('KWARN-1'), fake.map(['Payload', fake.octets(fake.map())], ['Signature', fake.octets(Buffer.alloc(132))])))), expected: nshield('warrant') },
    { name: 'a warrant certificate without a key', files: () => bundle(field('warrant', fake.list(fake.symbol('KWARN-1'), fake.map(['Payload', fake.octets(fake.map(['WarrantCertificateType', fake.symbol('Delegation')]))], ['Signature', fake.octets(Buffer.alloc(132))])))), expected: nshield('warrant') },
  ]

  it.each(CASES)('ATT-2: $name', ({ files, expected }) => {
    expect(outcome(judge(files()))).toEqual(expected)
  })

  it('ATT-2: padding and a byte order mark change nothing', () => {
    const padded = Object.fromEntries(Object.entries(JSON.parse(json().toString()) as Record<string, string>).map(([name, value]) => [name, ['root', 'ciphersuite'].includes(name) ? value : value.padEnd(Math.ceil(value.length / 4) * 4, '=')]))
    expect(outcome(judge({ 'key.att': Buffer.from(`\ufeff${JSON.stringify(padded)}\n`) }))).toBe('verified')
  })

  it('ATT-9: the report is plain data and comes out the same again', () => {
    const files = bundle()
    const [once, again] = [judge(files), judge(files)].map((report) => JSON.stringify(reportToJson(report)))
    expect(once).toBe(again)
  })
})
