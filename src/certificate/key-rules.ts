/** What the policy asks of a subscriber's key, as far as the key and the request show it: KEY-1, KEY-2, KEY-3, KEY-5, APP-3. */
import { createPublicKey } from 'node:crypto'
import type { Policy } from '../policy/policy.ts'
import type { CertificateRequest } from '../pki/certificate-request.ts'
import { bitLength, type KeyFacts, type PublicKey, type RsaKey } from '../pki/public-key.ts'
import type { Message, RuleVerdict } from './rule-verdict.ts'
import { isKnownWeakKey, KNOWN_WEAK_KEYS } from './known-weak-keys.ts'
import { hasClosePrimes, hasRocaFingerprint, isPerfectPower, smallFactor } from './weak-rsa.ts'

/** The facts of the policy that these rules need. */
export type KeyPolicy = Pick<Policy, 'keys'>

/**
 * Rounds of Fermat's method after which primes count as far enough apart. CSBR 6.1.1.3 (5) names no number and the TLS requirements name 100; a thousand
 * times as many cost some milliseconds.
 */
export const FERMAT_ROUNDS = 100_000
/** Trial division goes this far; beyond KEY-2's bound a factor is a finding of KEY-3. */
const TRIAL_DIVISION_LIMIT = 65536
/** Moduli larger than this are not examined: no policy takes them, and the arithmetic would cost seconds. */
const LARGEST_EXAMINED_BITS = 8192

/**
 * The verdicts on a request (KEY-1, KEY-2, KEY-3, KEY-5, APP-3) or on a public key alone (KEY-1, KEY-2, KEY-3), in this order, one a row.
 * The database's rules, KEY-4, APP-4 and the lists and other keys of KEY-3, answer with the same type elsewhere: of Debian weak keys,
 * only those shipped with this software are looked for here, and the verdict says so.
 */
export function examineKey(subject: CertificateRequest | PublicKey, policy: KeyPolicy): RuleVerdict[] {
  if (!('publicKey' in subject)) return examinePublicKey(subject, policy)
  return [...examinePublicKey(subject.publicKey, policy), examineHash(subject, policy), examinePossession(subject)]
}

const examinePublicKey = (key: PublicKey, policy: KeyPolicy): RuleVerdict[] => [examineSize(key.facts, policy), examineParameters(key, policy), examineWeakness(key.facts, policy)]

const say = (path: string, values?: Message['values']): Message => ({ key: `key-rules.${path}`, ...(values ? { values } : {}) })

interface Rule {
  readonly row: 'KEY-1' | 'KEY-2' | 'KEY-3' | 'KEY-5' | 'APP-3'
  readonly clause: string
  readonly expected: Message
}
const passed = ({ row, clause, expected }: Rule, observed: string, values?: Message['values']): RuleVerdict => ({ row, outcome: 'pass', observed: say(`${row}.observed.${observed}`, values), expected, clause })
const failed = ({ row, clause, expected }: Rule, observed: string, values?: Message['values']): RuleVerdict => ({
  row,
  outcome: 'fail',
  observed: say(`${row}.observed.${observed}`, values),
  expected,
  remedy: say(`${row}.remedy`),
  clause,
})

function examineSize(facts: KeyFacts, policy: KeyPolicy): RuleVerdict {
  const { rsaBits, curves = [] } = policy.keys.subscriber
  const expected = curves.length > 0 ? say('KEY-1.expected.rsaOrCurve', { sizes: rsaBits.join(' / '), curves: curves.join(' / ') }) : say('KEY-1.expected.rsa', { sizes: rsaBits.join(' / ') })
  const rule: Rule = { row: 'KEY-1', clause: 'CP 6.1.5; CSBR 6.1.5.2', expected }
  switch (facts.type) {
    case 'rsa':
      return (rsaBits.includes(facts.bits) ? passed : failed)(rule, 'rsa', { bits: String(facts.bits) })
    case 'ec':
    case 'ed25519':
      return (curves.some((curve) => curve === facts.curve) ? passed : failed)(rule, 'curve', { curve: facts.curve })
    case 'other':
      return failed(rule, 'other', { algorithm: facts.algorithm })
  }
}

function examineParameters(key: PublicKey, policy: KeyPolicy): RuleVerdict {
  const { exponentMinimum, exponentMaximumBits, smallestFactorAllowed } = policy.keys.subscriber
  const { facts } = key
  const clause = 'CSBR 6.1.6'
  if (facts.type !== 'rsa') {
    const rule: Rule = { row: 'KEY-2', clause, expected: say('KEY-2.expected.curve') }
    if (facts.type === 'other') return failed(rule, 'other', { algorithm: facts.algorithm })
    // OpenSSL refuses to load a point that is not on its curve (NIST SP 800-56A 5.6.2.3.3, partial validation).
    return (loads(key.spki) ? passed : failed)(rule, loads(key.spki) ? 'pointOnCurve' : 'pointOffCurve')
  }
  const rule: Rule = { row: 'KEY-2', clause, expected: say('KEY-2.expected.rsa', { minimum: exponentMinimum, maximumBits: String(exponentMaximumBits), smallestFactor: String(smallestFactorAllowed) }) }
  const { exponent, modulus } = facts
  const exponentShown = exponent < 1n << 64n ? exponent.toString() : `0x${exponent.toString(16).slice(0, 16)}…`
  if (exponent % 2n === 0n) return failed(rule, 'exponentEven', { exponent: exponentShown })
  if (exponent < BigInt(exponentMinimum)) return failed(rule, 'exponentSmall', { exponent: exponentShown })
  if (bitLength(exponent) > exponentMaximumBits) return failed(rule, 'exponentLarge', { bits: String(bitLength(exponent)) })
  if (modulus % 2n === 0n) return failed(rule, 'modulusEven')
  if (facts.bits > LARGEST_EXAMINED_BITS) return failed(rule, 'notExamined', { bits: String(facts.bits) })
  const factor = smallFactor(modulus, 3, smallestFactorAllowed)
  if (factor !== null) return failed(rule, 'smallFactor', { factor: String(factor) })
  if (isPerfectPower(modulus, smallestFactorAllowed)) return failed(rule, 'primePower')
  return passed(rule, 'rsa', { exponent: exponentShown })
}

const WEAKNESS: Rule = { row: 'KEY-3', clause: 'CSBR 6.1.1.3 (2) (5)', expected: say('KEY-3.expected') }

function examineWeakness(facts: KeyFacts, policy: KeyPolicy): RuleVerdict {
  const rule = WEAKNESS
  if (facts.type !== 'rsa') return passed(rule, 'noKnownMethod')
  if (facts.bits > LARGEST_EXAMINED_BITS) return failed(rule, 'notExamined', { bits: String(facts.bits) })
  const weakness = knownWeakness(facts, policy.keys.subscriber.smallestFactorAllowed)
  return weakness ? failed(rule, weakness.observed, weakness.values) : passed(rule, 'noneFound', { count: String(KNOWN_WEAK_KEYS.length) })
}

/** What the register adds to a key in which nothing was found: `debian`, `listed` and `sharedFactor` fail it. */
export type RegisteredWeakness = 'debian' | 'listed' | 'sharedFactor'

/** KEY-3's verdict once the lists and the other keys known here were asked. `listComplete` is of the key's size. */
export function weaknessByRegister(found: RegisteredWeakness | null, { bits }: RsaKey, listComplete: boolean): RuleVerdict {
  if (found !== null) return failed(WEAKNESS, found)
  return listComplete ? passed(WEAKNESS, 'noneFoundComplete') : passed(WEAKNESS, 'noneFoundIncomplete', { bits: String(bits) })
}

function knownWeakness({ modulus }: RsaKey, smallestFactorAllowed: number): { observed: string; values?: Message['values'] } | null {
  const factor = smallFactor(modulus, smallestFactorAllowed, TRIAL_DIVISION_LIMIT)
  if (factor !== null) return { observed: 'tinyFactor', values: { factor: String(factor) } }
  if (hasRocaFingerprint(modulus)) return { observed: 'roca' }
  if (isKnownWeakKey(modulus)) return { observed: 'debian' }
  return hasClosePrimes(modulus, FERMAT_ROUNDS) ? { observed: 'closePrimes' } : null
}

function examineHash({ signature }: CertificateRequest, policy: KeyPolicy): RuleVerdict {
  const { requestHashes } = policy.keys.subscriber
  const rule: Rule = { row: 'KEY-5', clause: 'CSBR 7.1.3.2', expected: say('KEY-5.expected', { hashes: requestHashes.map(hashLabel).join(' / ') }) }
  if (signature.hash === null) return failed(rule, 'unknown', { algorithm: signature.algorithm.oid })
  const accepted = requestHashes.some((hash) => hash === signature.hash)
  return (accepted ? passed : failed)(rule, 'hash', { hash: hashLabel(signature.hash) })
}

function examinePossession({ signature }: CertificateRequest): RuleVerdict {
  const rule: Rule = { row: 'APP-3', clause: 'CP 3.2.1', expected: say('APP-3.expected') }
  return signature.check === 'valid' ? passed(rule, 'valid') : failed(rule, signature.check)
}

const hashLabel = (hash: string): string => hash.toUpperCase().replace(/^SHA/, 'SHA-')

function loads(spki: Buffer): boolean {
  try {
    createPublicKey({ key: spki, format: 'der', type: 'spki' })
    return true
  } catch {
    return false
  }
}
