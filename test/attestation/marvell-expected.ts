/**
 * What each published Google Cloud HSM sample must come to, worked out by hand before the verifier was written: `openssl x509 -text` for
 * each certificate, `openssl dgst -sha256 -verify` for the statement under the partition's key, a dump of the attributes, then the rules
 * of formats.md 4.2 and 4.4 and the catalogue of section 11.
 *
 * Assumed throughout: judged at 2026-11-21T00:00:00Z under the shipped policy with this maker listed and RSA-2048 and the curves allowed as
 * well (`withSampleKeys`): no public sample with a chain has RSA-3072 or RSA-4096. Google's HSMs of this line run firmware 3.4, certified
 * under FIPS 140-2 alone (4399), Historical since 2026-09-22; `expectedBefore` is for 2026-09-21T12:00:00Z.
 */
import type { Question } from '../../src/attestation/verifier.ts'

type Expected = { verified: true } | { refused: Partial<Record<Question, string>> } | { malformed: { file: string | null; reason: string } }

export interface MarvellCase {
  title: string
  /** Files under samples/marvell-google; `#1,2` takes these certificates of a PEM file, counted from 0; `!gunzip` unpacks. */
  files: string[]
  /** The key applied for: the attested one of a statement, or a public key in PEM. */
  requestKey: 'smallstep/rsa.dat' | 'peculiar/parser.spec-1.dat' | 'smallstep/pub.pem'
  facts: { serial: string; partition: string; spkiSha256: string } | null
  expected: Expected
  expectedBefore: Expected
  because: string
}

/** EKCV (0x1003) of the private objects, as the dump shows it: SHA-256 of the SubjectPublicKeyInfo. */
export const KEY_DIGESTS = {
  'smallstep/rsa.dat': '2e851dbdf5716134d5183efe78680c51c9da3f1d86f3d110555650b195bf0afb',
  'peculiar/parser.spec-1.dat': '78e1e8e449ca23f61f3a0446838bd3ac72ea3b09ef4d320025d42c79877dd323',
} as const

const facts = { serial: '5.3G2041-ICM002696', partition: '1', spkiSha256: KEY_DIGESTS['smallstep/rsa.dat'] }
const historical: Expected = { refused: { 'certified-module': 'attestation.certificate.historical' } }
const claims = { 'generated-inside': 'attestation.claim.untrusted', 'not-exportable': 'attestation.claim.untrusted', 'certified-module': 'attestation.claim.untrusted' } as const
const untrusted = (reason: string, more: Partial<Record<Question, string>> = {}): Expected => ({ refused: { 'genuine-device': `attestation-marvell.${reason}`, ...claims, ...more } })
const malformed = (file: string, reason: string): Expected => ({ malformed: { file, reason: `attestation-marvell.malformed.${reason}` } })

export const SAMPLES: MarvellCase[] = [
  {
    title: 'smallstep RSA-2048 with all six certificates',
    files: ['smallstep/rsa.dat', 'smallstep/rsa.certs.pem'],
    requestKey: 'smallstep/rsa.dat',
    facts,
    expected: historical,
    expectedBefore: { verified: true },
    because: 'both legs lead to keys that we hold, LOCAL and the other attributes are as they must be; the card names FIPS mode',
  },
  {
    title: 'the same unpacked, files the other way round',
    files: ['smallstep/rsa.certs.pem', 'smallstep/rsa.dat!gunzip'],
    requestKey: 'smallstep/rsa.dat',
    facts,
    expected: historical,
    expectedBefore: { verified: true },
    because: 'gzip is packing alone',
  },
  {
    title: 'the same without any root, cards and partitions in another order',
    files: ['smallstep/rsa.dat', 'smallstep/rsa.certs.pem#5,2,4,1'],
    requestKey: 'smallstep/rsa.dat',
    facts,
    expected: historical,
    expectedBefore: { verified: true },
    because: 'roots of a bundle are not looked at; which certificate is which, its names say',
  },
  {
    title: 'the statement with a request for another key',
    files: ['smallstep/rsa.dat', 'smallstep/rsa.certs.pem'],
    requestKey: 'smallstep/pub.pem',
    facts,
    expected: { refused: { 'same-key': 'attestation.same-key.differs', 'certified-module': 'attestation.certificate.historical' } },
    expectedBefore: { refused: { 'same-key': 'attestation.same-key.differs' } },
    because: 'pub.pem is an unrelated P-256 key',
  },
  {
    title: 'Marvell\'s leg alone',
    files: ['smallstep/rsa.dat', 'smallstep/rsa.certs.pem#0,1,2'],
    requestKey: 'smallstep/rsa.dat',
    facts,
    expected: untrusted('leg.owner-missing'),
    expectedBefore: untrusted('leg.owner-missing'),
    because: 'it proves some LiquidSecurity HSM, not one of Google\'s',
  },
  {
    title: 'Google\'s leg alone',
    files: ['smallstep/rsa.dat', 'smallstep/rsa.certs.pem#3,4,5'],
    requestKey: 'smallstep/rsa.dat',
    facts,
    expected: untrusted('leg.maker-missing'),
    expectedBefore: untrusted('leg.maker-missing'),
    because: 'Google does not say that the device is Marvell\'s',
  },
  {
    title: 'the partition without its card',
    files: ['smallstep/rsa.dat', 'smallstep/rsa.certs.pem#2,3,5'],
    requestKey: 'smallstep/rsa.dat',
    facts: null,
    expected: malformed('smallstep/rsa.certs.pem', 'card-missing'),
    expectedBefore: malformed('smallstep/rsa.certs.pem', 'card-missing'),
    because: 'incomplete',
  },
  {
    title: 'the statement alone',
    files: ['smallstep/rsa.dat'],
    requestKey: 'smallstep/rsa.dat',
    facts: null,
    expected: malformed('smallstep/rsa.dat', 'certificates-missing'),
    expectedBefore: malformed('smallstep/rsa.dat', 'certificates-missing'),
    because: 'incomplete',
  },
  {
    title: 'the certificates alone',
    files: ['smallstep/rsa.certs.pem'],
    requestKey: 'smallstep/rsa.dat',
    facts: null,
    expected: malformed('smallstep/rsa.certs.pem', 'statement-missing'),
    expectedBefore: malformed('smallstep/rsa.certs.pem', 'statement-missing'),
    because: 'incomplete',
  },
  {
    title: 'peculiar: an imported RSA-4096 without certificates',
    files: ['peculiar/parser.spec-1.dat'],
    requestKey: 'peculiar/parser.spec-1.dat',
    facts: null,
    expected: malformed('peculiar/parser.spec-1.dat', 'certificates-missing'),
    expectedBefore: malformed('peculiar/parser.spec-1.dat', 'certificates-missing'),
    because: 'incomplete: no certificates of that HSM are public',
  },
  {
    title: 'peculiar: the same with the certificates of another HSM',
    files: ['peculiar/parser.spec-1.dat', 'smallstep/rsa.certs.pem'],
    requestKey: 'peculiar/parser.spec-1.dat',
    facts: { ...facts, spkiSha256: KEY_DIGESTS['peculiar/parser.spec-1.dat'] },
    expected: untrusted('statement-signature.bad'),
    expectedBefore: untrusted('statement-signature.bad'),
    because: 'that partition did not sign it; LOCAL, NEVER_EXTRACTABLE and ALWAYS_SENSITIVE are 0 besides',
  },
  {
    title: 'two statements at once',
    files: ['smallstep/rsa.dat', 'peculiar/parser.spec-1.dat', 'smallstep/rsa.certs.pem'],
    requestKey: 'smallstep/rsa.dat',
    facts: null,
    expected: malformed('peculiar/parser.spec-1.dat', 'several-statements'),
    expectedBefore: malformed('peculiar/parser.spec-1.dat', 'several-statements'),
    because: 'it is not clear which is meant',
  },
]
