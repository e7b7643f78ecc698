/**
 * What the published TPM statement must come to, worked out by hand before the verifier was written: the WebAuthn object taken apart octet by
 * octet (formats.md 9), `openssl x509 -text` for its two certificates, `openssl dgst -sha1 -verify` for the signature, `openssl dgst -sha256`
 * for the name.
 *
 * An ST33HTPxAHA6 (id:53544D20, version id:00470004) states an RSA-2048 key with the attributes 0x00060472: fixedTPM, fixedParent,
 * sensitiveDataOrigin, userWithAuth, noDA, decrypt, sign. The statement itself is good but for its signature, which is over SHA-1. The AK's
 * certificate ran from 2020-08-27 to 2025-03-21 under an authority that Microsoft's root of 2014 issued. Judged with this maker listed and
 * RSA-2048 allowed; without it listed the answer is the maker's name.
 */
import type { Expected } from '../support/judge-evidence.ts'

const claims = { 'generated-inside': 'claim.untrusted', 'not-exportable': 'claim.untrusted', 'certified-module': 'claim.untrusted' } as const
const untrusted = (reason: string, more: Partial<Record<string, string>> = {}): Expected => ({ refused: { 'genuine-device': reason, ...claims, ...more } })
const malformed = (file: string | null, reason: string): Expected => ({ malformed: { file, reason: `malformed.${reason}` } })

export const SAMPLE = 'tpm-webauthn/simplewebauthn-3.json'
/** As openssl prints them. */
export const FACTS = {
  akSha256: '28d3dc1a6e5187dfe374261934ef3d7871d6e37bb56a692af9be43360ffb4682',
  keyType: 'RSA-2048',
  attributes: '0x00060472',
  manufacturer: 'STM',
  model: 'ST33HTPxAHA6',
  firmware: '71.4',
} as const

export interface TpmCase {
  title: string
  /** The parts of the object that are uploaded: the object itself, or what is in it, each as a file. */
  files: readonly ('object' | 'certInfo' | 'sig' | 'pubArea' | 'ak' | 'authority')[]
  /** The key applied for: the attested one, or another. */
  key: 'attested' | 'other'
  at: string
  expected: Expected
  because: string
}

export const SAMPLES: readonly TpmCase[] = [
  { title: 'the object, while its certificates were valid', files: ['object'], key: 'attested', at: '2021-06-01T00:00:00Z', expected: untrusted('statement-signature.weak'), because: 'the AK signed over SHA-1' },
  { title: 'the object, today', files: ['object'], key: 'attested', at: '2026-11-21T00:00:00Z', expected: untrusted('validity.outside'), because: 'AK and authority expired on 2025-03-21, and the signature is over SHA-1 besides' },
  { title: 'the same in five files', files: ['certInfo', 'sig', 'pubArea', 'ak', 'authority'], key: 'attested', at: '2021-06-01T00:00:00Z', expected: untrusted('statement-signature.weak'), because: 'the form changes nothing' },
  { title: 'the same in another order', files: ['authority', 'pubArea', 'ak', 'sig', 'certInfo'], key: 'attested', at: '2021-06-01T00:00:00Z', expected: untrusted('statement-signature.weak'), because: 'nor does the order' },
  { title: 'for another key', files: ['object'], key: 'other', at: '2021-06-01T00:00:00Z', expected: untrusted('statement-signature.weak', { 'same-key': 'same-key.differs' }), because: 'the request is for another key' },
  { title: 'the object with its statement again', files: ['object', 'certInfo'], key: 'attested', at: '2021-06-01T00:00:00Z', expected: untrusted('statement-signature.weak'), because: 'the same octets twice are one statement' },
  { title: 'without the statement', files: ['sig', 'pubArea', 'ak', 'authority'], key: 'attested', at: '2021-06-01T00:00:00Z', expected: malformed('pubArea', 'statement-missing'), because: 'incomplete' },
  { title: 'without the signature', files: ['certInfo', 'pubArea', 'ak', 'authority'], key: 'attested', at: '2021-06-01T00:00:00Z', expected: malformed('certInfo', 'signature-missing'), because: 'incomplete' },
  { title: 'without the public area', files: ['certInfo', 'sig', 'ak', 'authority'], key: 'attested', at: '2021-06-01T00:00:00Z', expected: malformed('certInfo', 'public-missing'), because: 'incomplete' },
  { title: 'without the AK\'s certificate', files: ['certInfo', 'sig', 'pubArea', 'authority'], key: 'attested', at: '2021-06-01T00:00:00Z', expected: malformed('certInfo', 'ak-missing'), because: 'incomplete' },
  { title: 'without the authority', files: ['certInfo', 'sig', 'pubArea', 'ak'], key: 'attested', at: '2021-06-01T00:00:00Z', expected: malformed('ak', 'authority-missing'), because: 'incomplete: the root does not issue AKs itself' },
]
