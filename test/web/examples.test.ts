import { expect, test } from 'vitest'
import { beginExample, noteExampleKey, recordExample, revokeExample, stampExample, storeExample } from '../../src/database/example-store.ts'
import { insertFoundations } from '../database/rows.ts'
import { startPortal } from '../support/portal.ts'

const ID = '11111111-2222-4333-8444-555555555555'
const DER = Buffer.from([0x30, 0x03, 0x02, 0x01, 0x05])

test('REP-2: anybody gets an example, its chain and what its key signed, and programs a list of them with what each shows', async () => {
  const portal = await startPortal()
  const { database } = portal.services
  await insertFoundations(database)
  const now = portal.services.clock()
  const list = async () => (await (await fetch(`${portal.url}/repository/examples.json`)).json()) as { demo: boolean; kinds: string[]; missing: unknown[]; examples: Record<string, unknown>[] }
  // An authority that issues no more makes none.
  expect(await list()).toEqual({ demo: true, kinds: ['valid', 'revoked', 'expired', 'revoked-then-expired'], missing: [], examples: [] })
  await database('authorities').update({ not_after: new Date(now.getTime() + 30 * 366 * 86_400_000).toISOString(), not_before: now.toISOString() })
  const missing = (beingMade: boolean, kinds = ['valid', 'revoked', 'expired', 'revoked-then-expired']) => kinds.map((kind) => ({ authority: 'issuing', kind, beingMade }))
  expect((await list()).missing).toEqual(missing(true))
  const longAgo = new Date(now.getTime() - 3_600_000).toISOString()
  await database('authorities').update({ not_before: longAgo })
  expect((await list()).missing).toEqual(missing(false))
  await database.transaction(async (trx) => {
    const key = { tokenLabel: 'issuing', label: 'example', id: 'aa', spkiSha256: null }
    await beginExample(trx, { id: ID, authorityId: 'issuing', kind: 'revoked', key, startedAt: now })
    await noteExampleKey(trx, ID, { spkiSha256: 'f'.repeat(64), spki: DER })
    await recordExample(trx, ID, { certificateId: ID, authorityId: 'issuing', serial: '1234', spkiSha256: 'f'.repeat(64), crlShard: 0, crlUrl: 'http://status.test/crl/issuing.crl', tbs: DER, notBefore: now, notAfter: new Date(now.getTime() + 3_600_000), recordedAt: now })
  })
  const file = (name: string) => fetch(`${portal.url}/repository/examples/${name}`)
  // One was begun a moment ago: others will follow.
  expect((await list()).missing).toEqual(missing(true))
  // On record and not signed: not there.
  expect((await file(`${ID}.cer`)).status).toBe(404)
  await database.transaction(async (trx) => {
    await storeExample(trx, ID, { certificateId: ID, der: DER, sha256: '0'.repeat(64), at: now, specimens: { jar: Buffer.from('jar'), executable: null } })
    await revokeExample(trx, ID, now, 5)
    await stampExample(trx, ID, { jar: Buffer.from('stamped'), executable: null }, now)
  })
  expect((await list()).missing).toEqual(missing(true, ['valid', 'expired', 'revoked-then-expired']))
  await database('example_certificates').update({ issued_at: longAgo })
  expect((await list()).missing).toEqual(missing(false, ['valid', 'expired', 'revoked-then-expired']))
  const { examples } = await list()
  expect(examples).toMatchObject([{ kind: 'revoked', state: 'revoked', pending: false, serial: '1234', timeStamped: true, certificate: `${portal.url}/repository/examples/${ID}.cer` }])
  const certificate = await file(`${ID}.cer`)
  expect(certificate.headers.get('content-type')).toBe('application/pkix-cert')
  expect(certificate.headers.get('content-disposition')).toContain('example-revoked-1234.cer')
  expect(Buffer.from(await certificate.arrayBuffer())).toEqual(DER)
  expect((await (await file(`${ID}.pem`)).text()).match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
  expect(await (await file(`${ID}.jar`)).text()).toBe('stamped')
  for (const name of [`${ID}.exe`, `${ID}.key`, `${ID}`, `${ID.replace('1', '9')}.cer`, 'x'.repeat(300)]) expect((await file(name)).status, name).toBe(404)
  expect(portal.faults).toEqual([])
}, 30_000)
