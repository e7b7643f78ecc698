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

/** Squares leave few remainders modulo these; together they let one number in 428 through. */
const SIEVES = [64, 63, 65, 11, 17, 19].map((modulus) => {
  const squares = new Uint8Array(modulus)
  for (let root = 0; root < modulus; root++) squares[(root * root) % modulus] = 1
  return { modulus, squares }
})
const SIEVE_PRODUCT = SIEVES.reduce((product, { modulus }) => product * modulus, 1)

/**
 * Fermat's method: true when it factors the modulus within the rounds, because its two primes lie close together. A round costs some ten nanoseconds:
 * whether a² − n may be a square is followed in its remainders, and only what passes them is computed.
 */
export function hasClosePrimes(modulus: bigint, rounds: number): boolean {
  let start = integerRoot(modulus, 2)
  if (start * start < modulus) start += 1n
  const product = BigInt(SIEVE_PRODUCT)
  let a = Number(start % product)
  let rest = Number((start * start - modulus) % product)
  for (let round = 0; round < rounds; round++) {
    if (SIEVES.every(({ modulus: sieve, squares }) => squares[rest % sieve] === 1)) {
      const candidate = start + BigInt(round)
      const square = candidate * candidate - modulus
      const root = integerRoot(square, 2)
      if (root * root === square) return true
    }
    // (a + 1)² − n = (a² − n) + 2a + 1
    rest = (rest + 2 * a + 1) % SIEVE_PRODUCT
    a = (a + 1) % SIEVE_PRODUCT
  }
  return false
}

function greatestCommonDivisor(left: bigint, right: bigint): bigint {
  let [a, b] = [left, right]
  while (b !== 0n) [a, b] = [b, a % b]
  return a
}

/**
 * True when the modulus has a factor in common with one of the others, or equals one of them: then both private keys can be computed (CSBR 6.1.1.3 (5)).
 * The others' product is kept modulo this modulus, so that each costs one multiplication and one division (some twenty microseconds at 4096 bits) and all of
 * them together one greatest common divisor (some milliseconds); memory does not grow with their number.
 */
export function sharesFactor(modulus: bigint, others: Iterable<bigint>): boolean {
  let product = 1n
  for (const other of others) product = (product * other) % modulus
  return greatestCommonDivisor(modulus, product) !== 1n
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
