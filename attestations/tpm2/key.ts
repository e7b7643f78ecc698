/** What the statement says of the key itself, by the attributes in its public area (TPMA_OBJECT, TPM 2.0 Library, Part 2, 8.3). */
import type { Check } from '../../src/attestation/verifier.ts'
import { check } from './chain.ts'
import type { TpmPublic } from './structures.ts'

/** Bits. */
export const ATTRIBUTE = {
  fixedTpm: 1,
  stClear: 2,
  fixedParent: 4,
  sensitiveDataOrigin: 5,
  userWithAuth: 6,
  adminWithPolicy: 7,
  firmwareLimited: 8,
  svnLimited: 9,
  noDictionaryAttack: 10,
  encryptedDuplication: 11,
  restricted: 16,
  decrypt: 17,
  sign: 18,
  x509Sign: 19,
} as const

export const has = (attributes: number, bit: number): boolean => ((attributes >>> bit) & 1) === 1
export const hex = (attributes: number): string => `0x${attributes.toString(16).padStart(8, '0')}`

const KNOWN: readonly number[] = Object.values(ATTRIBUTE)
/** Bits that the Library reserves. */
const reserved = (attributes: number): number[] => Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => has(attributes, bit) && !KNOWN.includes(bit))

/** The TPM made all of the sensitive part itself: an imported key can never have the attribute together with fixedTPM (Part 1, 23.2). */
export function originCheck({ attributes }: TpmPublic): Check {
  const seen = !has(attributes, ATTRIBUTE.sensitiveDataOrigin) ? 'outside' : !has(attributes, ATTRIBUTE.fixedTpm) ? 'elsewhere' : 'inside'
  return check(seen === 'inside', `origin.${seen}`, 'origin.expected', { attributes: hex(attributes) }, { remedy: 'remedy.generate' })
}

/** Each attribute by which a key could leave the TPM, or that nobody knows the meaning of yet. */
export function exportChecks({ attributes }: TpmPublic): Check[] {
  const unknown = reserved(attributes)
  const words = { attributes: hex(attributes), bits: unknown.join(', ') }
  const one = (passes: boolean, name: string, remedy = 'remedy.not-exportable') => check(passes, `${name}.${passes ? 'good' : 'bad'}`, `${name}.expected`, words, { remedy })
  return [
    one(unknown.length === 0, 'attributes', 'remedy.tell-us'),
    one(has(attributes, ATTRIBUTE.fixedParent), 'fixed-parent'),
    one(!has(attributes, ATTRIBUTE.encryptedDuplication), 'duplication'),
    one(has(attributes, ATTRIBUTE.fixedTpm), 'fixed-tpm'),
  ]
}

/** An unrestricted signing key: a restricted one signs nothing but what the TPM hashed itself, and is there to attest. */
export function signingCheck({ attributes }: TpmPublic): Check {
  const seen = !has(attributes, ATTRIBUTE.sign) ? 'may-not' : has(attributes, ATTRIBUTE.restricted) ? 'restricted' : 'may'
  return check(seen === 'may', `signing.${seen}`, 'signing.expected', { attributes: hex(attributes) }, { remedy: 'remedy.signing' })
}
