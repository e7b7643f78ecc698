import { describe, expect, it } from 'vitest'
import type { EvidenceFile } from '../../src/attestation/evidence.ts'
import { sortDroppedFiles } from '../../src/key-protection/dropped-files.ts'
import { ecKeyPair, ed25519KeyPair, makeRequest, rsaSpki, soundModulus } from '../pki/keys.ts'

const file = (bytes: Buffer | string, name = 'x'): EvidenceFile => ({ name, bytes: Buffer.from(bytes as string) })
const p256 = ecKeyPair('P-256')

describe('files that were dropped', () => {
  it.each<[string, Buffer]>([
    ['of P-256, in 91 octets', p256.spki],
    ['of Ed25519, in 44 octets', ed25519KeyPair().spki],
    ['of RSA', rsaSpki(soundModulus(2048))],
  ])('KEY-1: a public key in DER is the key asked about: %s', (_, spki) => {
    for (const given of [file(spki), file(spki.toString('base64'))]) {
      const { publicKey, request, evidence } = sortDroppedFiles([given])
      expect(publicKey?.spki).toEqual(spki)
      expect([request, evidence]).toEqual([null, []])
    }
  })

  it('KEY-1: a short public key beside a request is not the one asked about, and no evidence', () => {
    const { publicKey, request, evidence } = sortDroppedFiles([file(ecKeyPair('P-256').spki), file(makeRequest(p256), 'request')])
    expect(publicKey?.spki).toEqual(p256.spki)
    expect(request).not.toBeNull()
    expect(evidence).toEqual([])
  })

  it('KEY-1: a text that begins as a short SEQUENCE does is evidence, octet for octet', () => {
    const text = file(`0Y${'x y '.repeat(22)}z`)
    expect(text.bytes).toHaveLength(91)
    expect(sortDroppedFiles([text])).toEqual({ publicKey: null, request: null, evidence: [text] })
  })

  it('KEY-1: a short public key of no sense is refused by its name', () => {
    const broken = Buffer.from(p256.spki)
    broken[broken.indexOf(Buffer.from([0x03, 0x42])) + 2] = 9
    expect(() => sortDroppedFiles([file(broken, 'key.der')])).toThrow('certificate-request.refused.key-malformed')
  })
})
