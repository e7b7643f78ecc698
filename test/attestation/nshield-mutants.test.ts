import { describe, expect, it } from 'vitest'
import { readDdds } from '../../attestations/entrust-nshield/ddds.ts'
import { readWarrant } from '../../attestations/entrust-nshield/warrant.ts'
import { list, map, octets, string, symbol } from '../support/fake-nshield.ts'

/** What a run of mutants left alive: rules of the reader that no other test holds. */
const malformed = (read: () => unknown): string => {
  try {
    read()
    return 'read'
  } catch (error) {
    return (error as { reason: { key: string } }).reason.key
  }
}

describe('characters of a warrant\'s texts', () => {
  it.each([
    [0x1f, false],
    [0x20, true],
    [0x7e, true],
    [0x7f, false],
  ])('ATT-2: octet %i', (octet, good) => {
    const text = `a${String.fromCharCode(octet)}`
    if (good) expect(readDdds(string(text), 'x')).toBe(text)
    else expect(malformed(() => readDdds(string(text), 'x'))).toBe('attestation-nshield.malformed.field')
  })
})

describe('the envelope of a warrant\'s certificate', () => {
  const coordinates = list(...[1, 2].map(() => octets(Buffer.alloc(66, 1))))
  // A coordinate is a number, which the fake writes by itself; here the key need not be read.
  const payload = map(['WarrantCertificateType', symbol('Delegation')], ['DelegateKey', list(symbol('ECDSA'), symbol('Public'), symbol('NISTP521'), coordinates)])
  const signature = octets(Buffer.alloc(132, 1))
  const warrant = (...members: [string, Buffer][]) => list(symbol('KWARN-1'), map(...members))
  it.each([
    ['one member alone', warrant(['Payload', octets(payload)])],
    ['a third member', warrant(['Payload', octets(payload)], ['Signature', signature], ['More', signature])],
    ['a payload that is no octets', warrant(['Payload', symbol('x')], ['Signature', signature])],
    ['a signature that is no octets', warrant(['Payload', octets(payload)], ['Signature', symbol('x')])],
    ['a signature of 131 octets', warrant(['Payload', octets(payload)], ['Signature', octets(Buffer.alloc(131, 1))])],
    ['no certificate at all', list(symbol('KWARN-1'))],
  ])('ATT-2: %s is malformed', (_, bytes) => {
    expect(malformed(() => readWarrant(bytes, 'x'))).toBe('attestation-nshield.malformed.warrant')
  })
})
