/** The seven methods of CP 6.2.7 (CSBR 6.2.7.4.2) that show where a subscriber's key is kept, and which of them this CA takes. */

export interface ProtectionMethod {
  /** As CP 6.2.7 numbers it. */
  readonly number: 1 | 2 | 3 | 4 | 5 | 6 | 7
  /** Its words: `key-protection.method.<id>.title` and `.hint`. */
  readonly id: string
  /** Whether applications may choose it. */
  readonly open: boolean
}

export const KEY_ATTESTATION = 2

export const PROTECTION_METHODS: readonly ProtectionMethod[] = [
  { number: 1, id: 'shipped-module', open: false },
  { number: KEY_ATTESTATION, id: 'key-attestation', open: true },
  { number: 3, id: 'prescribed-library', open: false },
  { number: 4, id: 'it-audit', open: false },
  { number: 5, id: 'cloud-report', open: false },
  { number: 6, id: 'witnessed-generation', open: false },
  { number: 7, id: 'signing-service', open: false },
]

/** The method of that number when applications may choose it; null otherwise. */
export const openMethod = (number: string | number): ProtectionMethod | null =>
  PROTECTION_METHODS.find((method) => method.open && String(method.number) === String(number)) ?? null
