/**
 * Debian weak keys of permitted sizes that are known without a list (KEY-3, CVE-2008-0166): few, and no full list. They are blocked wherever the key rules
 * run, and a list that says it is complete must hold them: a list without them is not.
 */
import { weakKeyDigests } from './weak-key-digests.ts'

export interface KnownWeakKey {
  readonly bits: number
  /** SHA-256 over the modulus, as `weak-key-digests.ts` defines it. */
  readonly sha256: string
  readonly source: string
}

export const KNOWN_WEAK_KEYS: readonly KnownWeakKey[] = [
  { bits: 3072, sha256: 'f72da7c363f7a0175177c6debd33fdb18884923d4062f0318f6e9e0d82991f35', source: 'ssh-keygen, 32-bit big endian, process 1: badkeys/debianopenssl, rsa3072/ssh/be32/1.key' },
  { bits: 4096, sha256: '15cf8cd09be3324f8781245a618933cadb9d9d8d06ee37b678d9598808ed8da5', source: 'ssh-keygen, 32-bit big endian, process 1: badkeys/debianopenssl, rsa4096/ssh/be32/1.key' },
]

const SHIPPED: ReadonlySet<string> = new Set(KNOWN_WEAK_KEYS.map(({ sha256 }) => sha256))

export const isKnownWeakKey = (modulus: bigint): boolean => weakKeyDigests(modulus).some(({ kind, digest }) => kind === 'sha256' && SHIPPED.has(digest))
