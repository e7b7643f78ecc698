import { beforeAll, expect, it } from 'vitest'
import { fakeConfirmation, fakeLuna, name, p7b, type FakeLuna } from '../support/fake-luna.ts'
import { rsa, spkiOf } from '../support/fake-yubikey.ts'
import { judgeOf, outcome, untrusted } from '../support/judge-maker.ts'

/** What a run of mutants left alive: rules of the verifier that no other test holds. */
let luna: FakeLuna
let spki: Buffer
beforeAll(() => {
  luna = fakeLuna()
  spki = spkiOf(rsa(3072))
})

it.each(['41000000ae000002d6f307000', '041000000ae000002d6f30700', '41000000ae000002d6f3070', '41000000AE000002D6F30700'])('ATT-2: %s names no serial number: it is not 24 hexadecimal digits in small letters', (commonName) => {
  const confirmationSubject = name(['OU', 'Chrysalis-ITS Proof of Origin'], ['CN', commonName])
  const report = judgeOf('thales-luna', () => spki, () => luna.anchors)({ 'rsa.pkc': p7b(fakeConfirmation(luna, spki, { confirmationSubject })) })
  expect(outcome(report)).toEqual(untrusted('attestation-thales-luna.serial.differs'))
  expect(report.findings!['genuine-device'].observed.values).toMatchObject({ serials: expect.stringMatching(/–/) })
})
