import { expect, test } from 'vitest'
import { buildTbsCertList } from '../../src/revocation/crl.ts'
import { digestOfEntries, digestOfRevoked } from '../../src/revocation/crl-entries.ts'
import { readTbsCertList } from '../../src/revocation/crl-reader.ts'
import { PUBLISHED_REASONS } from '../../src/revocation/reason.ts'

const at = (second: number) => new Date(1_790_000_000_000 + second * 1000)
const REVOKED: { serial: string; revokedAt: Date; reason?: number }[] = [
  { serial: '7f01', revokedAt: at(0), reason: 1 },
  { serial: 'ff02', revokedAt: new Date(at(7).getTime() + 999) },
  { serial: '00a3', revokedAt: at(8), reason: 0 },
  ...Object.values(PUBLISHED_REASONS).map((reason, n) => ({ serial: `1${n}`, revokedAt: at(n), reason })),
]

function listed(entries: typeof REVOKED) {
  const tbs = buildTbsCertList({ issuerNameDer: Buffer.from([0x30, 0]), authorityKeyIdentifier: Buffer.alloc(20), number: 1n, thisUpdate: at(100), nextUpdate: at(200), entries, expiredCertsOnCrl: at(0), hash: 'sha256' })
  return digestOfEntries(readTbsCertList(tbs).entries ?? [])
}

test('REV-3: a list and the revocations that it is made of have one digest, in any order and spelling', () => {
  expect(listed(REVOKED)).toBe(digestOfRevoked(REVOKED))
  expect(listed(REVOKED)).toBe(digestOfRevoked([...REVOKED].reverse()))
  expect(digestOfRevoked(REVOKED)).toBe(digestOfRevoked(REVOKED.map((each) => ({ ...each, serial: `00${each.serial.toUpperCase()}` }))))
  expect(listed([])).toBe(digestOfRevoked([]))
})

test('REV-3: another serial number, date or reason, one more and one less give another digest', () => {
  const [first, ...rest] = REVOKED
  const digests = [REVOKED, rest, [...REVOKED, { serial: '99', revokedAt: at(1) }], ...[{ serial: '7f09' }, { revokedAt: at(1) }, { reason: 4 }, { reason: 0 }].map((change) => [{ ...first!, ...change }, ...rest])].map(digestOfRevoked)
  expect(new Set(digests).size).toBe(digests.length)
})

test('REV-5: a reason that is never published has none', () => {
  for (const reason of [6, 8, 99]) expect(() => digestOfRevoked([{ serial: '01', revokedAt: at(0), reason }])).toThrow('REV-5')
})
