import { expect, test } from 'vitest'
import { commonName, writeCertificate } from '../../attestations/demo/certificate.ts'
import { type Authority, insertAuthority } from '../../src/database/authority-store.ts'
import { insertCeremony } from '../../src/database/ceremony-store.ts'
import { AuthorityRefused, authoritiesOn, signingAuthority } from '../../src/jobs/issuing-authority.ts'
import { spkiSha256 } from '../../src/signer/signer.ts'
import { rsaKeyPair } from '../pki/keys.ts'
import { openFresh } from '../support/database.ts'

const { privateKey, publicKey } = rsaKeyPair(2048)
const spki = publicKey.export({ type: 'spki', format: 'der' })
const place = { status: { url: 'http://status.test' }, portal: { url: 'https://portal.test' } }
const signer = { sign: () => Promise.reject(new Error('signed')) }
const notBefore = new Date('2026-01-01T00:00:00Z')
const notAfter = new Date('2041-01-01T00:00:00Z')

function row(name: string, demo: boolean): Authority {
  const subjectDer = commonName(name)
  const certificateDer = writeCertificate({ serial: Buffer.from([1]), issuer: subjectDer, subject: subjectDer, notBefore, notAfter, spki, extensions: [] }, privateKey)
  return { id: 'issuing-g1', kind: 'issuing', parentId: null, demo, key: { tokenLabel: 'issuing', label: 'k', id: '01', spkiSha256: spkiSha256(spki) }, subjectDer, certificateDer, notBefore, notAfter }
}

test('ATT-2: takes an authority for a demo one only when its row and the name in its certificate both say so', () => {
  const demo = (name: string, said: boolean) => signingAuthority(row(name, said), signer, place).demo
  expect(demo('DEMO Example CA G1', true)).toBe(true)
  expect(demo('DEMO Example CA G1', false)).toBe(false)
  expect(demo('Example CA G1', true)).toBe(false)
  expect(demo('DEMOCRATIC Example CA G1', true)).toBe(false)
})

test('CAK-5, ISS-7: takes name, key and end of life from the certificate, and refuses a row that tells otherwise', () => {
  const genuine = row('DEMO Example CA G1', true)
  expect(signingAuthority(genuine, signer, place)).toMatchObject({ spki, issuer: { nameDer: genuine.subjectDer, notAfter } })
  // A row that lives longer than its certificate changes nothing.
  expect(signingAuthority({ ...genuine, notAfter: new Date('2099-01-01T00:00:00Z') }, signer, place).issuer.notAfter).toEqual(notAfter)
  for (const altered of [{ key: { ...genuine.key, spkiSha256: '00'.repeat(32) } }, { subjectDer: commonName('Other') }, { notBefore: notAfter }])
    expect(() => signingAuthority({ ...genuine, ...altered }, signer, place)).toThrow('differ')
})

test('CAK-1: an altered row is refused as what it is, not as a fault', () => {
  const genuine = row('DEMO Example CA G1', true)
  for (const altered of [{ subjectDer: commonName('Other') }, { certificateDer: Buffer.alloc(0) }, { certificateDer: genuine.certificateDer.subarray(1) }, { certificateDer: Buffer.from([0x30, 0]) }]) {
    let thrown: unknown
    try {
      signingAuthority({ ...genuine, ...altered }, signer, place)
    } catch (error) {
      thrown = error
    }
    expect(AuthorityRefused.is(thrown)).toBe(true)
  }
})

test('CRL-1, CAK-1: in the name of an altered row nothing is signed, and the other authorities go on', async () => {
  const database = await openFresh()
  const genuine = row('DEMO Example CA G1', true)
  const altered = { ...genuine, id: 'issuing-g2', key: { ...genuine.key, spkiSha256: '00'.repeat(32) } }
  await database.transaction(async (trx) => {
    await insertCeremony(trx, { id: 'ceremony', kind: 'first-hierarchy', demo: true, persons: [], report: {}, heldAt: notBefore })
    for (const each of [genuine, altered]) await insertAuthority(trx, each, 'ceremony', notBefore)
  })
  const token = { ...signer, tokenLabel: 'issuing' }
  const refused: string[] = []
  expect((await authoritiesOn(token, database, place, ({ message }) => void refused.push(message))).map(({ id }) => id)).toEqual(['issuing-g1'])
  expect(refused).toEqual(['authority issuing-g2: its row and its certificate differ'])
  // At the start `ca` would rather not begin.
  await expect(authoritiesOn(token, database, place)).rejects.toThrow('issuing-g2')
})
