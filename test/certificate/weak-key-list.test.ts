import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { KNOWN_WEAK_KEYS } from '../../src/certificate/known-weak-keys.ts'
import { modulusOctets, weakKeyDigests } from '../../src/certificate/weak-key-digests.ts'
import { readWeakKeyList, surveyWeakKeyList, WeakKeyListRefused } from '../../src/certificate/weak-key-list.ts'
import { mutate, seededBytes, seededNumbers, soundModulus } from '../pki/keys.ts'
import { badkeysFile, chunksOf, opensslFile } from '../support/weak-key-lists.ts'
import { DEBIAN_2048, DEBIAN_2048_LINE, DEBIAN_3072, DEBIAN_4096 } from './weak-moduli.ts'

const digestOf = (modulus: bigint, kind: string) => weakKeyDigests(modulus).find((each) => each.kind === kind)!.digest

async function read(bytes: Buffer, size?: number) {
  const [digests, skipped]: [string[], number[]] = [[], []]
  for await (const part of readWeakKeyList(chunksOf(bytes, size))) {
    digests.push(...part.digests.map(({ kind, digest }) => `${kind} ${digest}`))
    skipped.push(...part.skipped)
  }
  return { digests, skipped }
}
const refusalOf = (bytes: Buffer, size?: number) =>
  surveyWeakKeyList(chunksOf(bytes, size)).then(
    () => null,
    (error: unknown) => (WeakKeyListRefused.is(error) ? error.message : error),
  )

describe('digests of a modulus', () => {
  it('KEY-3: the openssl-blacklist digest is the line that Debian published for a weak key', () => {
    expect(digestOf(DEBIAN_2048, 'sha1-80')).toBe(DEBIAN_2048_LINE)
  })
  it('KEY-3: the SHA-256 is over the big-endian octets without leading zeros, and badkeys keeps its first 120 bits', () => {
    expect(modulusOctets(0x0102n)).toEqual(Buffer.from([1, 2]))
    expect(modulusOctets(0xff00n)).toEqual(Buffer.from([0xff, 0]))
    const octets = Buffer.from(DEBIAN_3072.toString(16), 'hex')
    expect(octets).toHaveLength(384)
    const sha256 = createHash('sha256').update(octets).digest('hex')
    expect(digestOf(DEBIAN_3072, 'sha256')).toBe(sha256)
    expect(digestOf(DEBIAN_3072, 'sha256-120')).toBe(sha256.slice(0, 30))
  })
  it('KEY-3: the keys that ship as known are the published ones', () => {
    expect(KNOWN_WEAK_KEYS.map(({ bits, sha256 }) => [bits, sha256])).toEqual([[3072, digestOf(DEBIAN_3072, 'sha256')], [4096, digestOf(DEBIAN_4096, 'sha256')]])
  })
})

describe('lists of weak keys', () => {
  const moduli = Array.from({ length: 40 }, (_, index) => soundModulus(256, `listed ${index}`))

  it.each([1, 7, 16, 64, 100, 1 << 16])('KEY-3: reads the openssl-blacklist form in chunks of %i octets', async (size) => {
    expect(await read(opensslFile(moduli), size)).toEqual({ digests: moduli.map((modulus) => `sha1-80 ${digestOf(modulus, 'sha1-80')}`), skipped: [] })
  })
  it.each([1, 7, 16, 64, 100, 1 << 16])('KEY-3: reads the badkeys form in chunks of %i octets', async (size) => {
    const expected = moduli.map((modulus) => `sha256-120 ${digestOf(modulus, 'sha256-120')}`).sort()
    expect(await read(badkeysFile(moduli), size)).toEqual({ digests: expected, skipped: [] })
  })
  it('KEY-3: reads whole SHA-256 digests, in capitals and with CRLF, and no line end at the end', async () => {
    const text = moduli.slice(0, 2).map((modulus) => digestOf(modulus, 'sha256').toUpperCase()).join('\r\n')
    expect(await read(Buffer.from(text))).toEqual({ digests: moduli.slice(0, 2).map((modulus) => `sha256 ${digestOf(modulus, 'sha256')}`), skipped: [] })
  })
  it('KEY-3: counts each line that is no digest and names it, and takes the others', async () => {
    const line = digestOf(moduli[0]!, 'sha1-80')
    const bytes = Buffer.from([`# ${'comment '.repeat(1000)}`, line, '', `${line}0`, line.slice(1), `  ${line} `, 'a'.repeat(5000), `${'0'.repeat(16)};rsa2048/ssl/le32/1-rnd.key`, `${line} # remark`, line].join('\n'))
    for (const size of [1, 50, 3000, 1 << 16]) expect(await read(bytes, size), String(size)).toEqual({ digests: Array(3).fill(`sha1-80 ${line}`), skipped: [4, 5, 7, 8, 9] })
    expect(await surveyWeakKeyList(chunksOf(bytes))).toMatchObject({ form: 'openssl-blacklist', entries: 3, skipped: 5, skippedLines: [4, 5, 7, 8, 9], bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
  })
  it('KEY-3: names the first skipped lines only', async () => {
    const survey = await surveyWeakKeyList(chunksOf(Buffer.from(`${digestOf(moduli[0]!, 'sha1-80')}\n${'no digest\n'.repeat(100)}`)))
    expect(survey).toMatchObject({ skipped: 100, skippedLines: [2, 3, 4, 5, 6] })
  })
  it.each<[string, Buffer, string]>([
    ['an empty file', Buffer.alloc(0), 'no-list'],
    ['a text without a digest', Buffer.from('# nothing here\n\nhello\n'), 'no-list'],
    ['an xz file', Buffer.concat([Buffer.from('fd377a585a00', 'hex'), seededBytes('xz', 90)]), 'compressed'],
    ['a gzip file', Buffer.concat([Buffer.from('1f8b0800', 'hex'), seededBytes('gz', 92)]), 'compressed'],
    ['a zip file', Buffer.concat([Buffer.from('504b0304', 'hex'), seededBytes('zip', 92)]), 'compressed'],
    ['a bzip2 file', Buffer.concat([Buffer.from('BZh9'), seededBytes('bz', 92)]), 'compressed'],
    ['octets out of order', swapped(), 'unsorted at 11'],
    ['a badkeys file cut within a block', badkeysFile(Array.from({ length: 9 }, (_, index) => soundModulus(256, `cut ${index}`))).subarray(0, -5), 'cut-short at 9'],
  ])('KEY-3: refuses %s', async (_, bytes, reason) => {
    for (const size of [1, 16, 1 << 16]) expect(await refusalOf(bytes, size)).toBe(reason)
  })
  it('KEY-3: any mutated list is read or refused, the same in every chunking, and never more held than a chunk and a line', async () => {
    const random = seededNumbers(3)
    for (const original of [opensslFile(moduli), badkeysFile(moduli), Buffer.from(`${'f'.repeat(64)}\n`)])
      for (let round = 0; round < 150; round++) {
        const bytes = mutate(original, random)
        const outcomes = await Promise.all([1 + random(40), 1 << 16].map((size) => read(bytes, size).catch((error: unknown) => (WeakKeyListRefused.is(error) ? error.message : Promise.reject(error)))))
        expect(outcomes[0]).toEqual(outcomes[1])
      }
  })
  it('KEY-3: reads a large file in bounded memory', async () => {
    const before = process.memoryUsage().rss
    let entries = 0
    for await (const { digests } of readWeakKeyList(large())) entries += digests.length
    expect(entries).toBe(2_000_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20)
  })

  function swapped(): Buffer {
    const bytes = badkeysFile(Array.from({ length: 20 }, (_, index) => soundModulus(256, `swap ${index}`)))
    const [tenth, eleventh] = [Buffer.from(bytes.subarray(144, 160)), Buffer.from(bytes.subarray(160, 176))]
    eleventh.copy(bytes, 144)
    tenth.copy(bytes, 160)
    return bytes
  }
  async function* large() {
    for (let chunk = 0; chunk < 500; chunk++) {
      const bytes = Buffer.alloc(4000 * 16)
      for (let block = 0; block < 4000; block++) bytes.writeUIntBE(chunk * 4000 + block, block * 16, 6)
      yield bytes
    }
  }
})
