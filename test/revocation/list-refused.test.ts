import { expect, test } from 'vitest'
import { assembleCertificateList, buildTbsCertList } from '../../src/revocation/crl.ts'
import { walkCertificateList } from '../../src/revocation/crl-walk.ts'
import { isListOf } from '../../src/revocation/list-refused.ts'

const [OLD, NEW] = ['http://old.test/crl/issuing/3.crl', 'http://new.test/crl/issuing/3.crl']
const AT = new Date('2026-11-22T00:00:00Z')

function listFor(addresses: readonly string[] | null) {
  const tbs = buildTbsCertList({
    issuerNameDer: Buffer.from('3000', 'hex'), authorityKeyIdentifier: Buffer.alloc(20, 1), number: 1n, thisUpdate: AT, nextUpdate: new Date(AT.getTime() + 86_400_000), entries: [], expiredCertsOnCrl: AT, hash: 'sha256', ...(addresses ? { addresses } : {}),
  })
  return walkCertificateList(assembleCertificateList(tbs, 'sha256', Buffer.alloc(384, 1)))
}

test('CRL-3: a list for some addresses is the list of each of these alone (RFC 5280 6.3.3)', () => {
  for (const url of [OLD, NEW]) expect(isListOf(url, 3, listFor([OLD, NEW]))).toBe(true)
  for (const url of [OLD.replace('3.crl', '4.crl'), OLD.slice(0, -1), `${OLD}x`]) expect(isListOf(url, 4, listFor([OLD, NEW])), url).toBe(false)
})

test("CRL-3: a list without an issuing distribution point is the authority's own, and no shard's", () => {
  expect(isListOf('http://old.test/crl/issuing.crl', 0, listFor(null))).toBe(true)
  expect(isListOf(OLD, 3, listFor(null))).toBe(false)
})
