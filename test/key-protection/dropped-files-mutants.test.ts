import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { sortDroppedFiles } from '../../src/key-protection/dropped-files.ts'
import { integer, nullValue, octetString, oid, sequence } from '../../src/pki/der.ts'

/** What a run of mutants left alive: where the reading of a private key ends. */
const answer = (bytes: Buffer): string => {
  try {
    return sortDroppedFiles([{ name: 'x', bytes }]).evidence.length > 0 ? 'evidence' : 'taken'
  } catch (error) {
    return (error as { reason: { key: string } }).reason.key
  }
}
const PRIVATE = 'attestation.malformed.private-key'
const algorithm = sequence(oid('1.2.840.113549.1.1.1'), nullValue())
const octets = octetString(Buffer.alloc(4, 1))

describe('files that were dropped', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  it.each([
    ['PKCS #8', privateKey.export({ type: 'pkcs8', format: 'der' })],
    ['PKCS #1', privateKey.export({ type: 'pkcs1', format: 'der' })],
    ['SEC 1', curve.export({ type: 'sec1', format: 'der' })],
    ['PKCS #8 of version 2', sequence(integer(1), algorithm, octets)],
    ['PKCS #12', sequence(integer(3), sequence(oid('1.2.840.113549.1.7.1')))],
    ['encrypted PKCS #8', sequence(algorithm, octets)],
  ])('KEY-5: %s is a private key', (_, bytes) => {
    expect(answer(bytes)).toBe(PRIVATE)
  })

  it.each([
    ['an algorithm with nothing after it', sequence(integer(0), algorithm)],
    ['an algorithm and no octets', sequence(integer(0), algorithm, integer(5))],
    ['octets under version 0', sequence(integer(0), octets)],
    ['octets under version 2', sequence(integer(2), octets)],
    ['an algorithm and octets under version 2', sequence(integer(2), algorithm, octets)],
    ['two integers', sequence(integer(0), integer(7))],
    ['three integers from 2 on', sequence(integer(2), integer(7), integer(7))],
    ['octets under version 3', sequence(integer(3), octets)],
    ['an algorithm and an integer', sequence(algorithm, integer(1))],
  ])('KEY-5: %s is none', (_, bytes) => {
    expect(answer(bytes)).not.toBe(PRIVATE)
  })
})
