/**
 * The report of method 3: what the CA's library found of a key that it had a module generate, and the signature of that key over it.
 *
 * Form (version 1): one JSON object (RFC 8259, UTF-8, at most 16 KiB) with exactly these members, no other and none twice:
 *   format       "code-signing-key-report"
 *   version      1
 *   challenge    32 octets in lower-case hexadecimal, as the portal gave them out
 *   library      { name, version } of what wrote the report
 *   generatedAt  YYYY-MM-DDTHH:MM:SSZ by the clock of the computer, which nobody vouches for
 *   module       { manufacturer, description, version, cryptokiVersion } of the PKCS #11 library (CK_INFO)
 *   token        { label, manufacturer, model, serialNumber, hardwareVersion, firmwareVersion } (CK_TOKEN_INFO)
 *   key          { label, id, mechanism, attributes, publicKey }: CKA_ID in hexadecimal; CKA_KEY_GEN_MECHANISM as a number; the attributes
 *                below, each true or false; SubjectPublicKeyInfo (DER) in base64. What the module did not tell is null.
 *   signature    base64
 * Versions are `major.minor` in decimal. The signature is RSASSA-PKCS1-v1_5 with SHA-256 by the reported key over `reportOctets`: the members in the
 * order above, so that neither white space nor the order of a copied file matters, behind a line that no other signature of ours begins with.
 */

/** The library of this source tree; which versions are taken is the policy's word. */
export const LIBRARY = { name: 'code-signing-keygen', version: '1.0.0' } as const

export const REPORT_FORMAT = 'code-signing-key-report'
export const REPORT_VERSION = 1

/** Attributes of the private key, read back from the module (PKCS #11 4.9, 4.10). */
export const REPORTED_ATTRIBUTES = ['token', 'private', 'sensitive', 'extractable', 'alwaysSensitive', 'neverExtractable', 'local', 'sign', 'signRecover', 'decrypt', 'unwrap', 'derive'] as const
export type ReportedAttribute = (typeof REPORTED_ATTRIBUTES)[number]
export type ReportedAttributes = { readonly [name in ReportedAttribute]: boolean | null }

/** What is asked of an attribute; `untold` where a module that doesn't know the attribute can't do it either. */
export interface WantedAttribute {
  readonly name: ReportedAttribute
  readonly cka: string
  readonly value: boolean
  readonly untold?: 'passes'
}

/** The key can't leave the module in the clear (PKCS #11 4.9). In the order in which a fault is told. */
export const NOT_EXPORTABLE: readonly WantedAttribute[] = [
  { name: 'extractable', cka: 'CKA_EXTRACTABLE', value: false },
  { name: 'neverExtractable', cka: 'CKA_NEVER_EXTRACTABLE', value: true },
  { name: 'sensitive', cka: 'CKA_SENSITIVE', value: true },
  { name: 'alwaysSensitive', cka: 'CKA_ALWAYS_SENSITIVE', value: true },
  // Nobody uses the key without the PIN, and it stays in the module rather than in one session.
  { name: 'private', cka: 'CKA_PRIVATE', value: true },
  { name: 'token', cka: 'CKA_TOKEN', value: true },
]
/** The key signs, and does nothing else (CP 6.1.7). */
export const SIGNS_ALONE: readonly WantedAttribute[] = [
  { name: 'sign', cka: 'CKA_SIGN', value: true },
  { name: 'decrypt', cka: 'CKA_DECRYPT', value: false },
  { name: 'unwrap', cka: 'CKA_UNWRAP', value: false },
  { name: 'derive', cka: 'CKA_DERIVE', value: false, untold: 'passes' },
  { name: 'signRecover', cka: 'CKA_SIGN_RECOVER', value: false, untold: 'passes' },
]
/** The module made the key itself: it was neither imported nor copied in. */
export const GENERATED_INSIDE: readonly WantedAttribute[] = [{ name: 'local', cka: 'CKA_LOCAL', value: true }]

export const hasWanted = (attributes: ReportedAttributes, { name, value, untold }: WantedAttribute): boolean =>
  attributes[name] === value || (attributes[name] === null && untold === 'passes')

/** CKM_RSA_PKCS_KEY_PAIR_GEN and CKM_RSA_X9_31_KEY_PAIR_GEN: what makes an RSA key pair inside a module (PKCS #11 mechanisms 2.1). */
const RSA_GENERATION: readonly number[] = [0x0, 0xa]
export const generates = (mechanism: number | null): boolean => mechanism !== null && RSA_GENERATION.includes(mechanism)

export interface KeyReport {
  readonly challenge: string
  readonly library: { readonly name: string; readonly version: string }
  readonly generatedAt: string
  readonly module: { readonly manufacturer: string; readonly description: string; readonly version: string; readonly cryptokiVersion: string }
  readonly token: {
    readonly label: string
    readonly manufacturer: string
    readonly model: string
    readonly serialNumber: string
    readonly hardwareVersion: string
    readonly firmwareVersion: string
  }
  readonly key: {
    readonly label: string
    readonly id: string
    readonly mechanism: number | null
    readonly attributes: ReportedAttributes
    /** SubjectPublicKeyInfo, DER. */
    readonly publicKey: Buffer
  }
}

/** The members in their one order. */
function members({ challenge, library, generatedAt, module, token, key }: KeyReport): object {
  return {
    format: REPORT_FORMAT,
    version: REPORT_VERSION,
    challenge,
    library: { name: library.name, version: library.version },
    generatedAt,
    module: { manufacturer: module.manufacturer, description: module.description, version: module.version, cryptokiVersion: module.cryptokiVersion },
    token: {
      label: token.label,
      manufacturer: token.manufacturer,
      model: token.model,
      serialNumber: token.serialNumber,
      hardwareVersion: token.hardwareVersion,
      firmwareVersion: token.firmwareVersion,
    },
    key: {
      label: key.label,
      id: key.id,
      mechanism: key.mechanism,
      attributes: Object.fromEntries(REPORTED_ATTRIBUTES.map((name) => [name, key.attributes[name]])),
      publicKey: key.publicKey.toString('base64'),
    },
  }
}

/** What stands against a key: the names of the attributes, or of the mechanism, that are not as they must be. Empty for a key as it must be. */
export const keyFaults = ({ attributes, mechanism }: Pick<KeyReport['key'], 'attributes' | 'mechanism'>): readonly string[] => [
  ...[...GENERATED_INSIDE, ...NOT_EXPORTABLE, ...SIGNS_ALONE].filter((wanted) => !hasWanted(attributes, wanted)).map(({ cka }) => cka),
  ...(generates(mechanism) ? [] : ['CKA_KEY_GEN_MECHANISM']),
]

/** What the key signs. A certificate request's octets begin with 0x30, this with a letter: neither signature can be taken for the other. */
export const reportOctets = (report: KeyReport): Buffer => Buffer.from(`${REPORT_FORMAT} ${REPORT_VERSION}\n${JSON.stringify(members(report))}`, 'utf8')

/** The file, for people to read too. */
export const writeKeyReport = (report: KeyReport, signature: Buffer): string => `${JSON.stringify({ ...members(report), signature: signature.toString('base64') }, null, 2)}\n`

/** A version of PKCS #11 (CK_VERSION). */
export const versionText = ({ major, minor }: { readonly major: number; readonly minor: number }): string => `${major}.${minor}`

/** Text as a module tells it: padding and what cannot be seen taken away, at most 64 characters. */
export const toldText = (text: string): string =>
  [...text.replace(/[\p{C}\u2028\u2029\ufffd]/gu, '').trim()].slice(0, 64).join('')
