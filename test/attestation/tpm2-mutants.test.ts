import { expect, it } from 'vitest'
import { readPublic } from '../../attestations/tpm2/structures.ts'

/** What a run of mutants left alive: rules of the reader that no other test holds. */
it('ATT-2: a curve that is not taken is named by its number in the registry', () => {
  // TPMT_PUBLIC: ECC, SHA-256, attributes, no policy, no symmetric algorithm, no scheme, the curve.
  const area = Buffer.from(['0023', '000b', '00000000', '0000', '0010', '0010', '0001', '0010', '0000', '0000'].join(''), 'hex')
  const reason = () => {
    try {
      readPublic(area, 'key.pub')
    } catch (error) {
      return (error as { reason: unknown }).reason
    }
    return null
  }
  expect(reason()).toEqual({ key: 'attestation-tpm2.malformed.curve', values: { curve: '0x0001' } })
})
