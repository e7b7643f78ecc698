import { expect, test } from 'vitest'
import { integer, nullValue, octetString, oid, sequence, tlv } from '../../src/pki/der.ts'
import { FAILURE, type ImprintHash, MAX_REQUEST_BYTES, parseTimestampRequest } from '../../src/timestamp/request.ts'
import { mutate, seededNumbers } from '../pki/keys.ts'
import { timestampQuery, type Wanted } from './timestamp-parts.ts'

const HASHES: readonly ImprintHash[] = ['sha256', 'sha384', 'sha512']
const failure = (bytes: Buffer, hashes = HASHES): string | null => {
  const parsed = parseTimestampRequest(bytes, hashes)
  return 'refused' in parsed ? parsed.refused.failure : null
}

test.each(HASHES)('TSA-1: reads a request of %s with policy, nonce and certReq', (hash) => {
  const nonce = integer(Buffer.from('8123456789abcdef', 'hex'))
  const parsed = parseTimestampRequest(timestampQuery({ hash, policy: '2.23.140.1.4.2', nonce, certReq: true }), HASHES)
  if ('refused' in parsed) throw new Error(parsed.refused.detail)
  expect(parsed.request).toMatchObject({ hash, policy: '2.23.140.1.4.2', certReq: true })
  expect(parsed.request.nonce!.equals(nonce)).toBe(true)
})

test.each<[string, Wanted]>([
  ['the least that there is', {}],
  ['certReq FALSE written out', { certReq: false }],
  ['a digest without its NULL', { parameters: Buffer.alloc(0) }],
  ['a negative nonce', { nonce: tlv(0x02, Buffer.alloc(8, 0x91)) }],
  ['a nonce of 64 octets', { nonce: tlv(0x02, Buffer.alloc(64, 0x41)) }],
])('TSA-1: takes %s', (_, wanted) => {
  expect(failure(timestampQuery(wanted))).toBe(null)
})

test.each<[string, string, Buffer]>([
  ['badAlg', 'a SHA-1 imprint', timestampQuery({ hash: 'sha1' })],
  ['badAlg', 'a digest that nobody knows', sequence(integer(1), sequence(sequence(oid('1.2.3.4'), nullValue()), octetString(Buffer.alloc(32))))],
  ['badAlg', 'a digest with parameters', timestampQuery({ parameters: sequence() })],
  ['badRequest', 'version 2', timestampQuery({ version: 2 })],
  ['badRequest', 'a nonce of 65 octets', timestampQuery({ nonce: tlv(0x02, Buffer.alloc(65, 0x41)) })],
  ['badDataFormat', 'an imprint of 20 octets called SHA-256', timestampQuery({ imprint: Buffer.alloc(20) })],
  ['badDataFormat', 'no imprint', sequence(integer(1))],
  ['badDataFormat', 'an octet after the request', Buffer.concat([timestampQuery(), Buffer.from([0])])],
  ['badDataFormat', 'a request cut short', timestampQuery().subarray(0, -1)],
  ['badDataFormat', 'a nonce that is padded', timestampQuery({ nonce: tlv(0x02, Buffer.from([0, 1])) })],
  ['badDataFormat', 'nonce and policy the wrong way round', sequence(...parts(timestampQuery()), integer(7), oid('2.23.140.1.4.2'))],
  ['badDataFormat', 'certReq twice', sequence(...parts(timestampQuery({ certReq: true })), Buffer.from('0101ff', 'hex'))],
  ['badDataFormat', 'nothing', Buffer.alloc(0)],
  ['badDataFormat', 'more than the limit', tlv(0x30, Buffer.alloc(MAX_REQUEST_BYTES))],
  ['unacceptedExtension', 'an extension', timestampQuery({ extensions: sequence(oid('1.2.3.4'), octetString(nullValue())) })],
  ['unacceptedExtension', 'a critical extension', timestampQuery({ extensions: sequence(oid('1.2.3.4'), Buffer.from('0101ff', 'hex'), octetString(nullValue())) })],
])('TSA-1: %s: %s', (expected, _, bytes) => {
  expect(failure(bytes)).toBe(expected)
})

test('TSA-1: a digest that the policy leaves out is badAlg', () => {
  expect(failure(timestampQuery({ hash: 'sha512' }), ['sha256'])).toBe('badAlg')
})

test('TSA-1: any octets are answered, never an exception (fixed seed)', () => {
  const random = seededNumbers(3161)
  const seeds = [timestampQuery(), timestampQuery({ hash: 'sha512', policy: '2.23.140.1.4.2', nonce: integer(12345678901234567890n), certReq: true }), timestampQuery({ extensions: sequence(oid('1.2.3.4'), octetString(nullValue())) })]
  const seen = new Set<string | null>()
  for (let round = 0; round < 20_000; round++) seen.add(failure(mutate(seeds[round % seeds.length]!, random)))
  for (const each of seen) expect(each === null || Object.hasOwn(FAILURE, each)).toBe(true)
  expect(seen.size).toBeGreaterThan(4)
})

function parts(request: Buffer): Buffer[] {
  return [request.subarray(2)]
}
