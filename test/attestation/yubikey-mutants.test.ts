import { beforeAll, expect, it } from 'vitest'
import { FIDO, fakeFactory, fakeYubikey, rsa, spkiOf, type FakeFactory, type FakeOptions } from '../support/fake-yubikey.ts'
import { judgeOf, wellFounded } from '../support/judge-maker.ts'

/** What a run of mutants left alive: that each refusal says what to do, or calls staff (ATT-9). */
let factory: FakeFactory
let stranger: FakeFactory
let spki: Buffer
beforeAll(() => {
  factory = fakeFactory()
  stranger = fakeFactory()
  spki = spkiOf(rsa(3072))
})

const REFUSED: { what: string; options: () => FakeOptions; reason: string; remedy: string | undefined }[] = [
  { what: 'another issuer than the device', options: () => ({ leafIssuer: 'YubiKey PIV Attestation X' }), reason: 'issuer.mismatch', remedy: 'export-both' },
  { what: 'another key than the device\'s', options: () => ({ leafSignedBy: stranger.f9 }), reason: 'leaf-signature.bad', remedy: 'export-both' },
  { what: 'a device of another line', options: () => ({ issuedBy: FIDO }), reason: 'pinned.refused', remedy: 'other-device' },
  { what: 'a name that is no slot', options: () => ({ leafSubject: 'YubiKey PIV Attestation 9c!' }), reason: 'subject.bad', remedy: 'export-both' },
  { what: 'slot f9', options: () => ({ slot: 'f9' }), reason: 'slot.f9', remedy: 'slot' },
]

it.each(REFUSED)('ATT-9: the refusal of $what says what to do', ({ options, reason, remedy }) => {
  const { leaf, device } = fakeYubikey(factory, spki, options())
  const report = judgeOf('yubikey-piv', () => spki, () => factory.anchors)({ 'leaf.der': leaf, 'f9.der': device })
  const check = Object.values(report.findings!).flatMap(({ checks }) => checks).find(({ observed }) => observed.key === `attestation.yubikey-piv.${reason}`)
  expect(check).toMatchObject({ outcome: 'fail', remedy: { key: `attestation.yubikey-piv.remedy.${remedy}` } })
  wellFounded(report)
})
