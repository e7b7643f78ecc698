/** Known weaknesses of RSA moduli that the number itself shows (CSBR 6.1.1.3 (5), 6.1.6). Pure arithmetic, bounded work. */

/** Primes below 65536. */
const PRIMES: readonly number[] = (() => {
  const composite = new Uint8Array(65536)
  const primes: number[] = []
  for (let candidate = 2; candidate < 65536; candidate++) {
    if (composite[candidate]) continue
    primes.push(candidate)
    for (let multiple = candidate * candidate; multiple < 65536; multiple += candidate) composite[multiple] = 1
  }
  return primes
})()

/** The smallest prime factor p with from <= p < below (below at most 65536), or null. */
export function smallFactor(modulus: bigint, from: number, below: number): number | null {
  for (const prime of PRIMES) {
    if (prime >= below) return null
    if (prime >= from && modulus % BigInt(prime) === 0n) return prime
  }
  return null
}

/** Whole part of the k-th root. */
export function integerRoot(value: bigint, k: number): bigint {
  if (value < 2n) return value
  const degree = BigInt(k)
  // Starts above the root, from where Newton's steps fall strictly until the whole part is reached.
  let guess = 1n << BigInt(Math.ceil(value.toString(16).length * 4 / k))
  for (;;) {
    const next = ((degree - 1n) * guess + value / guess ** (degree - 1n)) / degree
    if (next >= guess) return guess
    guess = next
  }
}

/**
 * True when the number is b^k for some k >= 2; every power of a prime is one (CSBR 6.1.6, NIST SP 800-89 5.3.3).
 * The number has no prime factor below `smallestFactor`, which bounds k.
 */
export function isPerfectPower(value: bigint, smallestFactor: number): boolean {
  const bits = value.toString(2).length
  const largestExponent = Math.floor(bits / Math.log2(Math.max(2, smallestFactor)))
  return PRIMES.filter((k) => k <= largestExponent).some((k) => integerRoot(value, k) ** BigInt(k) === value)
}

/** Fermat's method: true when it factors the modulus within the rounds, because its two primes lie close together. */
export function hasClosePrimes(modulus: bigint, rounds: number): boolean {
  let a = integerRoot(modulus, 2)
  if (a * a < modulus) a += 1n
  for (let round = 0; round < rounds; round++, a += 1n) {
    const rest = a * a - modulus
    // A square ends in 0, 1, 4 or 9 in base 16: three quarters are sorted out without a root.
    const last = rest & 15n
    if (last !== 0n && last !== 1n && last !== 4n && last !== 9n) continue
    const b = integerRoot(rest, 2)
    if (b * b === rest) return true
  }
  return false
}

/**
 * The fingerprint of the ROCA flaw (CVE-2017-15361): the flawed library's primes are 65537^a modulo a product of small primes, so the
 * modulus is a power of 65537 modulo each of them. A sound key passes for flawed with a chance below one in a hundred million.
 */
export function hasRocaFingerprint(modulus: bigint): boolean {
  return ROCA_GROUPS.every(({ prime, powers }) => powers.has(Number(modulus % BigInt(prime))))
}

const ROCA_GROUPS: readonly { prime: number; powers: ReadonlySet<number> }[] = PRIMES.filter((prime) => prime >= 3 && prime <= 167).map((prime) => {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power)
  return { prime, powers }
})
