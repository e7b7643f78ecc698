import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { examineKey, FERMAT_ROUNDS, type KeyPolicy } from '../../src/certificate/key-rules.ts'
import type { RuleVerdict } from '../../src/certificate/rule-verdict.ts'
import { greatestCommonDivisor, hasClosePrimes, hasRocaFingerprint, integerRoot, isPerfectPower, sharesFactor, smallFactor } from '../../src/certificate/weak-rsa.ts'
import { readCertificateRequest } from '../../src/pki/certificate-request.ts'
import { bitString, oid, sequence } from '../../src/pki/der.ts'
import { readPublicKey } from '../../src/pki/public-key.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import { DEBIAN_3072, DEBIAN_4096, ROCA_2048 } from './weak-moduli.ts'
import { ecKeyPair, ed25519KeyPair, makeRequest, rsaKeyPair, rsaSpki, seededBytes, soundModulus } from '../pki/keys.ts'

const policy = loadPolicy()
const withCurves: KeyPolicy = { keys: { ...policy.keys, subscriber: { ...policy.keys.subscriber, curves: ['P-256', 'Ed25519'] } } }
const keys = rsaKeyPair(3072)
const MODULUS = soundModulus(3072)

const verdicts = (spki: Buffer, rules: KeyPolicy = policy): RuleVerdict[] => examineKey(readPublicKey(spki), rules)
const failures = (found: readonly RuleVerdict[]) => found.filter(({ outcome }) => outcome === 'fail').map(({ observed }) => observed.key)
function request(der: Buffer) {
  const intake = readCertificateRequest(der)
  if ('refused' in intake) throw new Error(intake.refused.code)
  return intake.request
}

describe('a key that the policy takes', () => {
  it('KEY-1 KEY-2 KEY-3 KEY-5 APP-3: passes every rule, each with what was seen and expected', () => {
    const found = examineKey(request(makeRequest(keys)), policy)
    expect(found.map(({ row, outcome }) => `${row} ${outcome}`)).toEqual(['KEY-1 pass', 'KEY-2 pass', 'KEY-3 pass', 'KEY-5 pass', 'APP-3 pass'])
    expect(found[0]).toEqual({
      row: 'KEY-1',
      outcome: 'pass',
      observed: { key: 'key-rules.KEY-1.observed.rsa', values: { bits: '3072' } },
      expected: { key: 'key-rules.KEY-1.expected.rsa', values: { sizes: '3072 / 4096' } },
      clause: 'CP 6.1.5; CSBR 6.1.5.2',
    })
  })
  it.each([
    ['KEY-1: takes RSA of 4096 bits', rsaSpki(soundModulus(4096))],
    ['KEY-2: takes the largest exponent', rsaSpki(MODULUS, (1n << 256n) - 1n)],
    ['KEY-2: takes the smallest exponent', rsaSpki(MODULUS, 65537n)],
  ])('%s', (_, spki) => {
    expect(failures(verdicts(spki))).toEqual([])
  })
  it.each(['sha256', 'sha384', 'sha512'])('KEY-5: takes a request signed with %s', (hash) => {
    expect(failures(examineKey(request(makeRequest(keys, { hash })), policy))).toEqual([])
  })
  it('KEY-1: takes a curve where the policy lists it, and no other', () => {
    expect(failures(verdicts(ecKeyPair('prime256v1').spki, withCurves))).toEqual([])
    expect(failures(verdicts(ed25519KeyPair().spki, withCurves))).toEqual([])
    expect(failures(verdicts(ecKeyPair('secp384r1').spki, withCurves))).toEqual(['key-rules.KEY-1.observed.curve'])
  })
})

const P = prime(1536, 'p')
const TINY = 65521n
describe('a key that the policy refuses', () => {
  it.each<[string, Buffer, string]>([
    ['KEY-1: refuses an RSA key of 2048 bits', rsaSpki(soundModulus(2048)), 'KEY-1.observed.rsa'],
    ['KEY-1: refuses an RSA key of 3071 bits', rsaSpki(soundModulus(3071)), 'KEY-1.observed.rsa'],
    ['KEY-1: refuses an RSA key of 3073 bits', rsaSpki(soundModulus(3073)), 'KEY-1.observed.rsa'],
    ['KEY-1: refuses an RSA key of 8192 bits', rsaSpki(soundModulus(8192)), 'KEY-1.observed.rsa'],
    ['KEY-1: refuses an elliptic-curve key', ecKeyPair('prime256v1').spki, 'KEY-1.observed.curve'],
    ['KEY-2: refuses exponent 0', rsaSpki(MODULUS, 0n), 'KEY-2.observed.exponentEven'],
    ['KEY-2: refuses exponent 1', rsaSpki(MODULUS, 1n), 'KEY-2.observed.exponentSmall'],
    ['KEY-2: refuses exponent 3', rsaSpki(MODULUS, 3n), 'KEY-2.observed.exponentSmall'],
    ['KEY-2: refuses exponent 65535', rsaSpki(MODULUS, 65535n), 'KEY-2.observed.exponentSmall'],
    ['KEY-2: refuses exponent 65536', rsaSpki(MODULUS, 65536n), 'KEY-2.observed.exponentEven'],
    ['KEY-2: refuses an exponent of 257 bits', rsaSpki(MODULUS, (1n << 256n) + 1n), 'KEY-2.observed.exponentLarge'],
    ['KEY-2: refuses an even modulus', rsaSpki(MODULUS + 1n), 'KEY-2.observed.modulusEven'],
    ['KEY-2: refuses a modulus divisible by 3', rsaSpki(multipleOf(3n)), 'KEY-2.observed.smallFactor'],
    ['KEY-2: refuses a modulus divisible by 751', rsaSpki(multipleOf(751n)), 'KEY-2.observed.smallFactor'],
    ['KEY-2: refuses the cube of a prime', rsaSpki(prime(1024, 'cube') ** 3n), 'KEY-2.observed.primePower'],
    ['KEY-3: refuses a modulus divisible by 757', rsaSpki(multipleOf(757n)), 'KEY-3.observed.tinyFactor'],
    ['KEY-3: refuses a modulus divisible by 65521', rsaSpki(multipleOf(TINY)), 'KEY-3.observed.tinyFactor'],
    ['KEY-3: refuses the ROCA fingerprint', rsaSpki(rocaModulus()), 'KEY-3.observed.roca'],
    ['KEY-3: refuses neighbouring primes', rsaSpki(P * nextPrime(P)), 'KEY-3.observed.closePrimes'],
    ['KEY-3: refuses primes that 100 rounds of Fermat tell apart', rsaSpki(fermatAfter(100)), 'KEY-3.observed.closePrimes'],
    ['KEY-3: refuses primes that the last round of Fermat tells apart', rsaSpki(fermatAfter(FERMAT_ROUNDS)), 'KEY-3.observed.closePrimes'],
    ['KEY-3: refuses a Debian weak key of 3072 bits that ships as known', rsaSpki(DEBIAN_3072), 'KEY-3.observed.debian'],
    ['KEY-3: refuses a Debian weak key of 4096 bits that ships as known', rsaSpki(DEBIAN_4096), 'KEY-3.observed.debian'],
  ])('%s', (_, spki, observed) => {
    const found = verdicts(spki)
    expect(failures(found)).toEqual([`key-rules.${observed}`])
    const failed = found.find(({ outcome }) => outcome === 'fail')!
    expect(failed.remedy?.key).toBe(`key-rules.${failed.row}.remedy`)
  })
  it('KEY-3: takes primes that lie one round of Fermat farther apart than is looked', () => {
    expect(failures(verdicts(rsaSpki(fermatAfter(FERMAT_ROUNDS + 1))))).toEqual([])
  })
  it('KEY-3: says of a key in which nothing was found how few Debian weak keys it was compared with', () => {
    expect(verdicts(rsaSpki(MODULUS))[2]).toMatchObject({ row: 'KEY-3', outcome: 'pass', observed: { key: 'key-rules.KEY-3.observed.noneFound', values: { count: '2' } } })
  })
  it('KEY-2 KEY-3: refuses the square of a prime, which both rules see', () => {
    expect(failures(verdicts(rsaSpki(P * P)))).toEqual(['key-rules.KEY-2.observed.primePower', 'key-rules.KEY-3.observed.closePrimes'])
  })
  it('KEY-1 KEY-2: refuses a point off its curve', () => {
    const off = sequence(sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')), bitString(Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)])))
    expect(failures(verdicts(off, withCurves))).toEqual(['key-rules.KEY-2.observed.pointOffCurve'])
  })
  it('KEY-1 KEY-2: refuses a kind of key that nobody knows', () => {
    expect(failures(verdicts(sequence(sequence(oid('1.2.3')), bitString(Buffer.from([1])))))).toEqual(['key-rules.KEY-1.observed.other', 'key-rules.KEY-2.observed.other'])
  })
  it('KEY-1 KEY-2 KEY-3: refuses an enormous modulus without examining it', () => {
    const started = performance.now()
    expect(failures(verdicts(rsaSpki((1n << 200_000n) + 1n)))).toEqual(['key-rules.KEY-1.observed.rsa', 'key-rules.KEY-2.observed.notExamined', 'key-rules.KEY-3.observed.notExamined'])
    expect(performance.now() - started).toBeLessThan(1000)
  })
  it.each(['sha1', 'md5'])('KEY-5: refuses a request signed with %s', (hash) => {
    expect(failures(examineKey(request(makeRequest(keys, { hash })), policy))).toEqual(['key-rules.KEY-5.observed.hash'])
  })
  it('KEY-5 APP-3: refuses a signature algorithm that nobody knows', () => {
    expect(failures(examineKey(request(makeRequest(keys, { signatureAlgorithm: sequence(oid('1.2.3')) })), policy))).toEqual(['key-rules.KEY-5.observed.unknown', 'key-rules.APP-3.observed.unsupported'])
  })
  it('APP-3: refuses a request that another key signed', () => {
    expect(failures(examineKey(request(makeRequest(rsaKeyPair(2048), { spki: keys.spki })), policy))).toEqual(['key-rules.APP-3.observed.invalid'])
  })
  it('APP-3: refuses an exponent with which no tool could verify', () => {
    expect(failures(examineKey(request(makeRequest(rsaKeyPair(2048), { spki: rsaSpki(soundModulus(4096), (1n << 64n) + 1n) })), policy))).toEqual(['key-rules.APP-3.observed.unsupported'])
  })
})

describe('words', () => {
  it('stand in both languages for every message, with the same placeholders', () => {
    const words = (language: string): Record<string, string> => flatten('key-rules', JSON.parse(readFileSync(new URL(`../../src/web/locales/${language}/key-rules.json`, import.meta.url), 'utf8')))
    const en = words('en')
    const ja = words('ja')
    expect(Object.keys(ja)).toEqual(Object.keys(en))
    const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort()
    for (const [key, text] of Object.entries(en)) expect(placeholders(ja[key]!), key).toEqual(placeholders(text))
    for (const row of ['KEY-1', 'KEY-2', 'KEY-3', 'KEY-4', 'KEY-5', 'APP-3', 'APP-4']) for (const part of ['title', 'remedy']) expect(en[`key-rules.${row}.${part}`]).toBeTruthy()
    const source = readFileSync(new URL('../../src/certificate/key-rules.ts', import.meta.url), 'utf8')
    for (const [, name] of source.matchAll(/observed: '(\w+)'|(?:passed|failed)\(rule, '(\w+)'/g)) if (name) expect(Object.keys(en).some((key) => key.endsWith(`.observed.${name}`)), name).toBe(true)
  })
  it('every verdict of these tests has its words and all their values', () => {
    const en = flatten('key-rules', JSON.parse(readFileSync(new URL('../../src/web/locales/en/key-rules.json', import.meta.url), 'utf8')))
    const all = [rsaSpki(MODULUS), rsaSpki(MODULUS, 3n), rsaSpki(MODULUS, 4n), rsaSpki(MODULUS, (1n << 256n) + 1n), rsaSpki(multipleOf(3n)), rsaSpki(multipleOf(TINY)), ecKeyPair('prime256v1').spki, rsaSpki((1n << 9000n) + 1n)].flatMap((spki) => [...verdicts(spki), ...verdicts(spki, withCurves)])
    for (const message of [...all, ...examineKey(request(makeRequest(keys)), policy)].flatMap(({ observed, expected, remedy }) => [observed, expected, ...(remedy ? [remedy] : [])])) {
      const sentence = en[message.key]
      expect(sentence, message.key).toBeTruthy()
      expect((sentence!.match(/\{\w+\}/g) ?? []).map((name) => name.slice(1, -1)).sort(), message.key).toEqual(Object.keys(message.values ?? {}).sort())
    }
  })
})

describe('arithmetic of weak keys', () => {
  it.each([2, 3, 5, 17])('KEY-2: finds the %ith root exactly, and just below and above a power', (k) => {
    const root = soundModulus(200)
    const power = root ** BigInt(k)
    expect([integerRoot(power - 1n, k), integerRoot(power, k), integerRoot(power + 1n, k)]).toEqual([root - 1n, root, root])
    expect([isPerfectPower(power, 752), isPerfectPower(power + 2n, 752)]).toEqual([true, false])
  })
  it('KEY-2: finds roots of small numbers', () => {
    for (let value = 0n; value < 200n; value++) expect(integerRoot(value, 2)).toBe(BigInt(Math.floor(Math.sqrt(Number(value)))))
  })
  it('KEY-3: finds the smallest factor within bounds', () => {
    expect([smallFactor(757n * 3n, 3, 752), smallFactor(757n * 3n, 752, 65536), smallFactor(MODULUS, 3, 65536)]).toEqual([3, 757, null])
    for (let factor = 3; factor < 65536; factor += 2) if (factor % 101 === 0 || factor > 65000) expect(smallFactor(BigInt(factor) * MODULUS, 3, 65536), String(factor)).toBe(plainFactor(factor))
  })
  it.each([1, 2, 3, 17, 99, 1000])('KEY-3: Fermat finds primes in round %i and not one round earlier', (round) => {
    const modulus = fermatAfter(round)
    expect([hasClosePrimes(modulus, round), hasClosePrimes(modulus, round - 1)]).toEqual([true, false])
  })
  it('KEY-3: Fermat, as written, finds the same as trying each square in turn', () => {
    for (let modulus = 9n; modulus < 4000n; modulus += 2n) expect(hasClosePrimes(modulus, 5), String(modulus)).toBe(plainFermat(modulus, 5))
  })
  it('KEY-3: sees ROCA in a key of the flawed library that was published with a detector of it', () => {
    expect(hasRocaFingerprint(ROCA_2048)).toBe(true)
  })
  it('KEY-3: sees ROCA in the product of two primes of the flawed form', () => {
    expect(hasRocaFingerprint(flawedPrime(512, 'p') * flawedPrime(512, 'q'))).toBe(true)
    expect(hasRocaFingerprint(flawedPrime(512, 'p') * prime(512, 'sound'))).toBe(false)
  })
  it('KEY-3: sees a factor in common with any of the others, and the same modulus again', () => {
    const [p, q, r, s] = ['p', 'q', 'r', 's'].map((seed) => prime(512, `shared ${seed}`)) as [bigint, bigint, bigint, bigint]
    const sound = Array.from({ length: 50 }, (_, index) => soundModulus(1024, `other ${index}`))
    expect(sharesFactor(p * q, [...sound, r * s])).toBe(false)
    expect(sharesFactor(p * q, [])).toBe(false)
    expect(sharesFactor(p * q, [...sound, p * r, r * s])).toBe(true)
    expect(sharesFactor(p * q, [r * q, ...sound])).toBe(true)
    expect(sharesFactor(p * q, [r * p, s * q])).toBe(true)
    expect(sharesFactor(p * q, [r * s, p * q, ...sound])).toBe(true)
  })
  it('KEY-3: the greatest common divisor by leading bits is that of Euclid, for numbers of any size', () => {
    for (let round = 0; round < 1000; round++) {
      const common = drawn(`common ${round}`, (round * 3) % 60)
      const [one, other] = [drawn(`one ${round}`, (round * 7) % 140) * common, drawn(`other ${round}`, (round * 13) % 140) * common]
      expect(greatestCommonDivisor(one, other), `${one} ${other}`).toBe(euclid(one, other))
    }
    // About the length from which on the leading bits are not the whole number.
    for (let bits = 44n; bits < 60n; bits++) for (let less = 0n; less < 8n; less++) expect(greatestCommonDivisor((1n << bits) - less, (1n << (bits + less)) + 1n)).toBe(euclid((1n << bits) - less, (1n << (bits + less)) + 1n))
  })
  it('KEY-3: does not see close primes or ROCA in a key that OpenSSL made', () => {
    const { facts } = readPublicKey(keys.spki)
    if (facts.type !== 'rsa') throw new Error('RSA')
    expect([hasClosePrimes(facts.modulus, 100), hasRocaFingerprint(facts.modulus)]).toEqual([false, false])
  })
})

function flatten(prefix: string, node: unknown): Record<string, string> {
  if (typeof node === 'string') return { [prefix]: node }
  return Object.assign({}, ...Object.entries(node as Record<string, unknown>).map(([name, child]) => flatten(`${prefix}.${name}`, child))) as Record<string, string>
}

/** A 3072-bit odd modulus whose only factor below 65536 is this prime. */
function multipleOf(factor: bigint): bigint {
  let cofactor = soundModulus(3072 - factor.toString(2).length + 1, `cofactor ${factor}`)
  while ((cofactor * factor).toString(2).length !== 3072) cofactor = soundModulus(cofactor.toString(2).length - 1, `cofactor ${factor}`)
  return cofactor * factor
}

/** A number above 0 of at most so many octets. */
const drawn = (seed: string, octets: number): bigint => BigInt(`0x00${seededBytes(seed, octets).toString('hex')}`) + 1n
const euclid = (one: bigint, other: bigint): bigint => (other === 0n ? one : euclid(other, one % other))

function plainFactor(value: number): number {
  for (let factor = 3; ; factor += 2) if (value % factor === 0) return factor
}

function isPrime(value: bigint): boolean {
  if (smallFactor(value, 2, 65536) !== null) return false
  let [result, base, exponent] = [1n, 2n, value - 1n]
  for (; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % value
    base = (base * base) % value
  }
  return result === 1n
}
function nextPrime(value: bigint): bigint {
  let candidate = value + 2n
  while (!isPrime(candidate)) candidate += 2n
  return candidate
}
function prime(bits: number, seed: string): bigint {
  return nextPrime(soundModulus(bits, seed))
}

/** A sound-looking product p·q = a² − b² that Fermat's method finds in exactly that round: a lies `round` above the root's ceiling. */
function fermatAfter(round: number): bigint {
  // With p = a − b and q = a + b, the method starts at ceil(sqrt(n)) ≈ a − b²/2a; so b ≈ sqrt(2a·(round − 1/2)).
  for (let a = soundModulus(1536, `fermat ${round}`); ; a += 1n) {
    const b = integerRoot(2n * a * BigInt(round - 1) + a, 2) | 1n
    const even = (a & 1n) === 1n ? b + 1n : b
    const modulus = (a - even) * (a + even)
    let start = integerRoot(modulus, 2)
    if (start * start < modulus) start += 1n
    if (a - start === BigInt(round - 1) && smallFactor(modulus, 2, 65536) === null) return modulus
  }
}

function plainFermat(modulus: bigint, rounds: number): boolean {
  let a = integerRoot(modulus, 2)
  if (a * a < modulus) a += 1n
  for (let round = 0; round < rounds; round++, a += 1n) if (integerRoot(a * a - modulus, 2) ** 2n === a * a - modulus) return true
  return false
}

/** A prime as the flawed library made them: k·M + (65537^a mod M), M the product of the first primes. */
function flawedPrime(bits: number, seed: string): bigint {
  let product = 1n
  for (let candidate = 2n; candidate <= 167n; candidate++) if (smallFactor(candidate, 2, Number(candidate)) === null) product *= candidate
  let power = 1n
  for (let step = Number(BigInt(`0x${seededBytes(`exponent ${seed}`, 2).toString('hex')}`)); step > 0; step--) power = (power * 65537n) % product
  const start = soundModulus(bits, `flawed ${seed}`) / product
  for (let k = start; ; k += 1n) if (isPrime(k * product + power)) return k * product + power
}

/** A 3072-bit number that is a power of 65537 modulo every prime through 167, as the flawed library's moduli are. */
function rocaModulus(): bigint {
  let product = 1n
  let power = 1n
  for (let candidate = 2n; candidate <= 167n; candidate++) if (smallFactor(candidate, 2, Number(candidate)) === null) product *= candidate
  for (let step = 0; step < 1234; step++) power = (power * 65537n) % product
  const base = (1n << 3071n) | (BigInt(`0x${seededBytes('roca', 380).toString('hex')}`))
  for (let modulus = base - (base % product) + product + power; ; modulus += product) if (smallFactor(modulus, 2, 65536) === null) return modulus
}
