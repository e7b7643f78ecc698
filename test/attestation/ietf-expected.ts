/**
 * What the IETF forms must come to, worked out by hand from the drafts (formats.md 8) and `openssl asn1parse` before the readers were written.
 *
 * The one published piece of PKIX evidence (draft-ietf-rats-pkix-key-attestation) has a transaction (nonce, time, the signer's key) and a
 * platform (Acme Corp, HSM-9000, 2.1.0, FIPS boot, level 3), and no key: it attests none. Its object identifiers, 1.3.6.1.5.5.999, stand
 * for ones that are not assigned yet.
 */
export const EVIDENCE_SAMPLE = 'ietf/rats-evidence1.pem'
/** As `openssl asn1parse` shows them. */
export const EVIDENCE_FACTS = { arc: '1.3.6.1.5.5.999', vendor: 'Acme Corp', model: 'HSM-9000', firmware: '2.1.0', fipsBoot: true, fipsLevel: 3, signerKeyId: '1d0a7417fa5f0437a7334c932ce135b7f73419fe' } as const
export const EVIDENCE_EXPECTED = {
  /** Under the shipped policy, which does not list this maker. */
  off: { malformed: { file: 'evidence.pem', reason: 'off.rats-pkix' } },
  /** Listed all the same: no key in it. */
  listed: { malformed: { file: 'evidence.pem', reason: 'malformed.key-missing' } },
} as const

/** What each request with an id-aa-attestation attribute comes to before any maker is asked; `null`: handed on. */
export const ENVELOPES: readonly { name: string; reason: string | null }[] = [
  { name: 'one statement', reason: null },
  { name: 'one statement with a certificate', reason: null },
  { name: 'as many statements as are taken', reason: null },
  { name: 'two attributes', reason: 'csr-attestation.twice' },
  { name: 'two values', reason: 'csr-attestation.values' },
  { name: 'no value', reason: 'csr-attestation.values' },
  { name: 'one statement more than are taken', reason: 'csr-attestation.too-many' },
  { name: 'no statement', reason: 'csr-attestation.form' },
  { name: 'an empty list of certificates', reason: 'csr-attestation.form' },
  { name: 'a third member', reason: 'csr-attestation.form' },
  { name: 'a statement without content', reason: 'csr-attestation.form' },
  { name: 'a statement with a member after its content', reason: 'csr-attestation.form' },
  { name: 'a statement of an older draft, with a hint', reason: 'csr-attestation.older-draft' },
  { name: 'bundles of an older draft', reason: 'csr-attestation.older-draft' },
  { name: 'a certificate of another format', reason: 'csr-attestation.other-certificate' },
  { name: 'a statement nested too deep', reason: 'csr-attestation.too-deep' },
  { name: 'octets inside a statement that are not DER', reason: 'der' },
  { name: 'octets after the bundle', reason: 'csr-attestation.values' },
  { name: 'an extension request instead of an attribute', reason: 'csr-attestation.as-extension' },
  { name: 'seventeen certificates', reason: 'too-many-certificates' },
]
