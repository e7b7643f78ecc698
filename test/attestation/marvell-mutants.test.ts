import { describe, expect, it } from 'vitest'
import { readBlob } from '../../attestations/marvell/blob.ts'
import { attestedKey } from '../../attestations/marvell/key.ts'
import { readKeyVersion } from '../../attestations/google-cloud-hsm/key-version.ts'
import { attributesOf, changed, unsignedBlob } from '../support/fake-hsm.ts'
import { rsa, spkiOf } from '../support/fake-yubikey.ts'

/** What a run of mutants left alive: rules of the readers that no other test holds. */
const reason = (read: () => unknown): { key: string; values?: Record<string, string> } => {
  try {
    read()
    return { key: 'read' }
  } catch (error) {
    return (error as { reason: { key: string; values?: Record<string, string> } }).reason
  }
}
const spki = spkiOf(rsa(2048))
const PUBLIC_EXPONENT = 0x122

describe('statements of LiquidSecurity HSMs', () => {
  const blob = (changes = {}): Buffer => Buffer.concat([unsignedBlob([changed(attributesOf(spki, 'public'), changes), changed(attributesOf(spki, 'private'), changes)]), Buffer.alloc(256, 1)])

  it('ATT-2: an offset of the second object that is not its place is told by the octet where it stands', () => {
    const good = blob()
    expect(reason(() => readBlob(good, 'x'))).toEqual({ key: 'read' })
    // Header of 16 octets, two handles of 8, then version, flags, and the two offsets.
    const bytes = Buffer.from(good)
    bytes.writeUInt16BE(bytes.readUInt16BE(38) + 1, 38)
    expect(reason(() => readBlob(bytes, 'x'))).toEqual({ key: 'attestation-marvell.malformed.layout', values: { octet: '38' } })
  })

  it('ATT-2: a public exponent may have 32 octets and no more', () => {
    const read = (octets: number) => reason(() => attestedKey([readBlob(blob({ [PUBLIC_EXPONENT]: Buffer.alloc(octets, 1) }), 'x')])).key
    expect([read(32), read(33), read(0)]).toEqual(['read', 'attestation-marvell.malformed.key-attribute', 'attestation-marvell.malformed.key-attribute'])
  })
})

describe('a CryptoKeyVersion', () => {
  it('ATT-2: whose content is an archive of nothing is malformed, not a crash', () => {
    const empty = Buffer.concat([Buffer.from('504b0506', 'hex'), Buffer.alloc(18)])
    const version = { name: 'projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1', protectionLevel: 'HSM', attestation: { format: 'CAVIUM_V2_COMPRESSED', content: empty.toString('base64') } }
    expect(reason(() => readKeyVersion({ name: 'x', kind: 'json', label: null, bytes: Buffer.from(JSON.stringify(version)) }))).toEqual({ key: 'attestation-marvell.malformed.kms-member', values: { name: 'content' } })
  })
})
