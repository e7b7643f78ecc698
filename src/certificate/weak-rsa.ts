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

interface TrialGroup {
  readonly product: bigint
  /** Primes whose product has 53 bits, all that a number holds exactly: one division of a large number serves them all, and the processor's own tells them apart. */
  readonly parts: readonly { readonly product: bigint; readonly primes: readonly number[] }[]
}

/** Parts in one product: the large number is brought down to its size first. */
const PARTS = 24

const TRIAL: readonly TrialGroup[] = (() => {
  const parts: { product: bigint; primes: number[] }[] = []
  for (const prime of PRIMES) {
    const last = parts.at(-1)
    if (last && last.product * BigInt(prime) < 1n << 53n) {
      last.product *= BigInt(prime)
      last.primes.push(prime)
    } else parts.push({ product: BigInt(prime), primes: [prime] })
  }
  return Array.from({ length: Math.ceil(parts.length / PARTS) }, (_, group) => {
    const own = parts.slice(group * PARTS, (group + 1) * PARTS)
    return { product: own.reduce((product, part) => product * part.product, 1n), parts: own }
  })
})()

/** The smallest prime factor p with from <= p < below (below at most 65536), or null. */
export function smallFactor(modulus: bigint, from: number, below: number): number | null {
  for (const { product, parts } of TRIAL) {
    if (parts[0]!.primes[0]! >= below) return null
    if (parts.at(-1)!.primes.at(-1)! < from) continue
    const rest = modulus % product
    for (const part of parts) {
      const small = Number(rest % part.product)
      // A whole quotient gives the number back exactly where the prime divides it; % of numbers above 32 bits is a slow function.
      for (const prime of part.primes) if (Math.floor(small / prime) * prime === small && prime >= from) return prime < below ? prime : null
    }
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

/** For each prime k some primes q that leave 1 when divided by it: a k-th power that q doesn't divide becomes 1 modulo q when raised to (q − 1) / k (Fermat). */
const POWER_WITNESSES = 8
const witnesses = new Map<number, readonly number[]>()
function powerWitnesses(k: number): readonly number[] {
  const known = witnesses.get(k)
  if (known) return known
  const found = PRIMES.filter((prime) => prime % k === 1).slice(0, POWER_WITNESSES)
  witnesses.set(k, found)
  return found
}

/** base ** exponent modulo a prime below 65536; every product stays exact. */
function powerModulo(base: number, exponent: number, prime: number): number {
  let result = 1
  for (let [square, left] = [base % prime, exponent]; left > 0; square = (square * square) % prime, left = Math.floor(left / 2)) if (left % 2 === 1) result = (result * square) % prime
  return result
}

/** Whether no witness shows that the number is no k-th power. */
const mayBePower = (value: bigint, k: number): boolean =>
  powerWitnesses(k).every((prime) => {
    const rest = Number(value % BigInt(prime))
    return rest === 0 || powerModulo(rest, (prime - 1) / k, prime) === 1
  })

/**
 * True when the number is b^k for some k >= 2; every power of a prime is one (CSBR 6.1.6, NIST SP 800-89 5.3.3).
 * The number has no prime factor below `smallestFactor`, which bounds k. A root is taken only where no small prime shows that there is none.
 */
export function isPerfectPower(value: bigint, smallestFactor: number): boolean {
  const bits = value.toString(2).length
  const largestExponent = Math.floor(bits / Math.log2(Math.max(2, smallestFactor)))
  return PRIMES.filter((k) => k <= largestExponent).some((k) => mayBePower(value, k) && integerRoot(value, k) ** BigInt(k) === value)
}

/** Squares leave few remainders modulo these: of the candidates one in a hundred thousand is left to be computed. The first two share no factor, and most fail them. */
const SIEVES = [64, 63, 65, 11, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53].map((modulus) => {
  const squares = new Uint8Array(modulus)
  for (let root = 0; root < modulus; root++) squares[(root * root) % modulus] = 1
  return { modulus, squares }
})

/**
 * Fermat's method: true when it factors the modulus within the rounds, because its two primes lie close together. Whether a² − n may be a square
 * shows in remainders, which come again with a's own: each sieve is laid out once, and only what passes all of them is computed.
 */
export function hasClosePrimes(modulus: bigint, rounds: number): boolean {
  let start = integerRoot(modulus, 2)
  if (start * start < modulus) start += 1n
  /** Of each sieve: whether a round passes it, by the round's remainder. */
  const passes = SIEVES.map(({ modulus: sieve, squares }) => {
    const first = Number(start % BigInt(sieve))
    const rest = Number(modulus % BigInt(sieve))
    return Uint8Array.from({ length: sieve }, (_, round) => squares[(((first + round) % sieve) ** 2 + sieve - rest) % sieve]!)
  })
  const [one, two, ...others] = passes as [Uint8Array, Uint8Array, ...Uint8Array[]]
  const period = one.length * two.length
  const left: number[] = []
  for (let round = 0; round < period; round++) if (one[round % one.length] === 1 && two[round % two.length] === 1) left.push(round)
  for (let base = 0; base < rounds; base += period)
    for (const offset of left) {
      const round = base + offset
      if (round >= rounds) return false
      if (!others.every((sieve) => sieve[round % sieve.length] === 1)) continue
      const candidate = start + BigInt(round)
      const square = candidate * candidate - modulus
      const root = integerRoot(square, 2)
      if (root * root === square) return true
    }
  return false
}

/** Leading bits that stand for the whole numbers: so few that every sum below stays exact. */
const LEADING_BITS = 50

/**
 * Lehmer's method: Euclid's quotients are taken from the leading bits of both numbers for as long as the rest can't change them, and some twenty
 * of them are then carried out on the whole numbers at once.
 */
export function greatestCommonDivisor(left: bigint, right: bigint): bigint {
  let [a, b] = left >= right ? [left, right] : [right, left]
  while (b >= 1n << BigInt(LEADING_BITS)) {
    const below = BigInt(Math.max(0, a.toString(16).length * 4 - LEADING_BITS))
    let [x, y] = [Number(a >> below), Number(b >> below)]
    // What a and b have become: the first is p a + q b, the second r a + s b.
    let [p, q, r, s] = [1, 0, 0, 1]
    while (y + r !== 0 && y + s !== 0) {
      const quotient = Math.floor((x + p) / (y + r))
      if (quotient !== Math.floor((x + q) / (y + s))) break
      ;[p, r] = [r, p - quotient * r]
      ;[q, s] = [s, q - quotient * s]
      ;[x, y] = [y, x - quotient * y]
    }
    // Too unlike in size for a quotient to show in the leading bits.
    if (q === 0) [a, b] = [b, a % b]
    else [a, b] = [BigInt(p) * a + BigInt(q) * b, BigInt(r) * a + BigInt(s) * b]
  }
  while (b !== 0n) [a, b] = [b, a % b]
  return a
}

/**
 * True when the modulus has a factor in common with one of the others, or equals one of them: then both private keys can be computed (CSBR 6.1.1.3 (5)).
 * The others' product is kept modulo this modulus, so that each costs one multiplication and one division (some twenty microseconds at 4096 bits) and all of
 * them together one greatest common divisor (half a millisecond); memory does not grow with their number.
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
