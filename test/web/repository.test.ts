import { createHash, X509Certificate } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ExampleKind, isToExpire } from '../../src/application/example.ts'
import { insertOfflineList } from '../../src/ceremony/offline-list.ts'
import { listAuthorities } from '../../src/database/authority-store.ts'
import { openList, publishCrl, recordCrl } from '../../src/database/crl-store.ts'
import { beginExample, noteExampleKey, recordExample, revokeExample, storeExample } from '../../src/database/example-store.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import { assembleCertificateList, buildTbsCertList, crlSeal } from '../../src/revocation/crl.ts'
import { formatInstant, LANGUAGES } from '../../src/web/locales.ts'
import { readCsv } from '../support/csv.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { portalUnder } from '../support/hierarchy-portal.ts'
import { startPortal, words, type Portal } from '../support/portal.ts'

const OTHER_CA = loadPolicy(fileURLToPath(new URL('../policy/other-ca/policy.json', import.meta.url)))

let made: DemoHierarchy
let portal: Portal
let authorities: Awaited<ReturnType<typeof listAuthorities>>
beforeAll(async () => {
  made = await demoHierarchy()
  portal = await portalUnder(made)
  authorities = await listAuthorities(portal.services.database)
})
afterAll(async () => {
  expect(portal.faults).toEqual([])
  await made.remove()
})

describe('REP-1: the hierarchy', () => {
  test.each(LANGUAGES)('REP-1: is drawn, told as a list, and each CA stands with its facts, its list and its addresses (%s)', async (language) => {
    const { html, text } = await portal.client({ language }).get('/repository')
    expect(html.match(/<svg class="tree/g)).toHaveLength(2)
    for (const size of ['wide', 'narrow']) expect(html).toMatch(new RegExp(`<svg class="tree tree-${size}" role="img" aria-labelledby="tree-0-${size}-title tree-0-${size}-text"`))
    const list = /<details[\s\S]*?<\/details>/.exec(html)![0]
    for (const { certificateDer, id } of authorities) {
      const certificate = new X509Certificate(certificateDer)
      const name = /CN=(.*)/.exec(certificate.subject)![1]!
      expect(list).toContain(name)
      for (const fact of [certificate.fingerprint256, certificate.fingerprint, name]) expect(text).toContain(fact)
      expect(html).toContain(`href="/repository/authorities/${id}/pem"`)
    }
    expect(html).toContain(`data-copy="${words('repository.fact.sha256', {}, language)}"`)
    const { number, next_update: until } = await portal.services.database('crls').where({ authority_id: 'root-g1' }).first()
    expect(text).toMatch(language === 'en' ? new RegExp(`No\\. ${number}, issued .* next by ${until.slice(0, 10)}`) : new RegExp(`第${number}号`))
    // The issuing CA has published nothing yet: its list is the work of `ca`.
    expect(text).toContain(words('repository.list.none', {}, language))
  })

  test('REP-1: each root has a picture of its own', async () => {
    const other = await portalUnder(made)
    const { database } = other.services
    const root = await database('authorities').where({ id: 'root-g1' }).first()
    await database('authorities').insert({ ...root, id: 'root-g2', spki_sha256: '0'.repeat(64) })
    // The client itself refuses an id that is there twice.
    const { html } = await other.client().get('/repository')
    expect(html.match(/<svg class="tree tree-wide"/g)).toHaveLength(2)
  })

  test('REP-1: shows the responders that may answer now, those expired or retired not', async () => {
    const other = await portalUnder(made)
    const { database } = other.services
    const [one, two] = await database('responder_keys').orderBy('id').pluck('id')
    const [past, soon] = [new Date(Date.now() - 86_400_000).toISOString(), new Date(Date.now() + 86_400_000).toISOString()]
    const row = (id: string, key: string, to: string) => ({ id, responder_key_id: key, authority_id: 'issuing-g1', serial: id, tbs: Buffer.from('x'), der: Buffer.from('x'), not_before: past, not_after: to, recorded_at: past })
    await database('responder_certificates').insert([row('a', one, soon), row('b', two, soon), row('c', one, past)])
    const shown = async () => (await other.client().get('/repository')).html.match(/<li>OCSP responder \d/g)
    expect(await shown()).toHaveLength(2)
    await database('responder_keys').where({ id: two }).update({ retired_at: past })
    expect(await shown()).toHaveLength(1)
  })

  test('REP-1: gives each CA certificate as PEM, the same octets; nothing for an unknown one', async () => {
    for (const { id, certificateDer } of authorities) {
      const { bytes, header } = await download(`/repository/authorities/${id}/pem`)
      expect(new X509Certificate(bytes).raw.equals(certificateDer)).toBe(true)
      expect(header('content-disposition')).toContain(`${id}.pem`)
    }
    expect((await portal.client().get('/repository/authorities/other/pem')).status).toBe(404)
  })

  test('REP-1: a list whose next one is overdue is marked, and a CA past its end', async () => {
    const late = await portalUnder(made, { clock: () => new Date('2058-01-01T00:00:00Z') })
    const { text } = await late.client().get('/repository')
    expect(text).toContain(words('repository.list.late'))
    expect(text).toContain(words('repository.standing.expired'))
    expect((await portal.client().get('/repository')).text).not.toContain(words('repository.list.late'))
  })
})

describe('REP-2: example certificates', () => {
  const NOW = new Date('2027-03-01T12:00:00Z')
  let other: Portal
  beforeAll(async () => {
    other = await portalUnder(made, { clock: () => NOW })
  })

  /** An example whose life is an hour, or ninety days. */
  async function insert(id: string, kind: ExampleKind, notBefore: Date): Promise<void> {
    const notAfter = new Date(notBefore.getTime() + (isToExpire(kind) ? 3_600_000 : 90 * 86_400_000))
    const serial = id.slice(0, 2).repeat(8)
    const spkiSha256 = serial.repeat(4)
    const certificateId = `certificate-${id.slice(0, 8)}`
    await other.services.database.transaction(async (trx) => {
      await beginExample(trx, { id, authorityId: 'issuing-g1', kind, key: { tokenLabel: 'issuing', label: id, id: serial, spkiSha256: null }, startedAt: notBefore })
      await noteExampleKey(trx, id, { spkiSha256, spki: Buffer.from('spki') })
      await recordExample(trx, id, { certificateId, authorityId: 'issuing-g1', serial, spkiSha256, crlShard: 0, crlUrl: 'http://status.test/crl/issuing-g1.crl', tbs: Buffer.from('tbs'), notBefore, notAfter, recordedAt: notBefore })
      await storeExample(trx, id, { certificateId, der: Buffer.from('der'), sha256: spkiSha256, at: notBefore, specimens: { jar: null, executable: null } })
    })
  }

  test.each(LANGUAGES)('REP-2: before there are any the page says so, then each stands with what a checker must see, its dates and its files (%s)', async (language) => {
    const client = other.client({ language })
    if (language === 'en') {
      expect((await client.get('/repository')).text).toContain(words('examples.none'))
      await insert('a1000000-0000-4000-8000-000000000000', 'valid', new Date('2027-02-01T00:00:00Z'))
      await insert('b2000000-0000-4000-8000-000000000000', 'expired', new Date('2027-02-01T00:00:00Z'))
      await insert('c3000000-0000-4000-8000-000000000000', 'revoked', new Date('2027-02-01T00:00:00Z'))
    }
    const { html, text } = await client.get('/repository')
    for (const fact of [words('examples.expect.valid', {}, language), words('examples.expect.expired', { years: '10' }, language), 'A1A1A1A1A1A1A1A1', words('examples.fact.again', {}, language)]) expect(text).toContain(fact)
    // Not revoked: what it is to show is not there yet.
    expect(text).toContain(words('examples.pending.revoked.valid.text', {}, language))
    expect(text).not.toContain(words('examples.expect.revoked', {}, language))
    expect(text).not.toContain(words('examples.pending.expired.valid.tag', {}, language))
    for (const ending of ['cer', 'pem', 'jar', 'exe']) expect(html).toContain(`href="/repository/examples/a1000000-0000-4000-8000-000000000000.${ending}"`)
    expect(html).toContain('href="#examples"')
  })

  test.each(LANGUAGES)('REP-2: while one does not show yet what it is for, its words say what it shows now, and until when (%s)', async (language) => {
    // The database takes no revocation that is dated ahead.
    const begun = new Date()
    let now = begun
    other = await portalUnder(made, { clock: () => now })
    const revoke = (id: string) => other.services.database.transaction((trx) => revokeExample(trx, id, now, 5))
    const [expired, both] = ['d4000000-0000-4000-8000-000000000000', 'e5000000-0000-4000-8000-000000000000']
    await insert(expired, 'expired', now)
    await insert(both, 'revoked-then-expired', now)
    const values = { to: formatInstant(language, new Date(begun.getTime() + 3_600_000)), years: '10' }
    const sentences = ['pending.expired.valid.text', 'expect.expired', 'pending.revoked-then-expired.valid.text', 'pending.revoked-then-expired.revoked.text', 'expect.revoked-then-expired']
    const said = async () => {
      const { text } = await other.client({ language }).get('/repository')
      return sentences.filter((sentence) => text.includes(words(`examples.${sentence}`, values, language)))
    }
    expect(await said()).toEqual(['pending.expired.valid.text', 'pending.revoked-then-expired.valid.text'])
    await revoke(both)
    expect(await said()).toEqual(['pending.expired.valid.text', 'pending.revoked-then-expired.revoked.text'])
    now = new Date(begun.getTime() + 3_700_000)
    expect(await said()).toEqual(['expect.expired', 'expect.revoked-then-expired'])
  })

  test('REP-2: a policy without examples has no such part', async () => {
    const { html } = await (await startPortal({ policy: OTHER_CA })).client().get('/repository')
    expect(html).not.toContain('id="examples"')
  })
})

test.each(LANGUAGES)('REP-1 REV-8: a CA certificate on its issuer’s list is shown as revoked, on the page, in the picture and in the records (%s)', async (language) => {
  const revoked = await portalUnder(made)
  const { database } = revoked.services
  const [root, issuing] = [authorities.find(({ kind }) => kind === 'root')!, authorities.find(({ kind }) => kind === 'issuing')!]
  const at = new Date('2026-11-01T10:00:00Z')
  const [thisUpdate, nextUpdate] = [new Date(), new Date(Date.now() + 86_400_000)]
  const tbs = buildTbsCertList({ issuerNameDer: root.subjectDer, authorityKeyIdentifier: Buffer.alloc(20), number: 2n, thisUpdate, nextUpdate, entries: [{ serial: new X509Certificate(issuing.certificateDer).serialNumber, revokedAt: at, reason: 2 }], expiredCertsOnCrl: at, hash: 'sha384' })
  const signature = Buffer.alloc(512, 1)
  await database.transaction((trx) => insertOfflineList(trx, root.id, { number: 2n, thisUpdate, nextUpdate, entries: 1, dropped: 0, previous: 1n, tbs, seal: crlSeal('sha384', signature), der: assembleCertificateList(tbs, 'sha384', signature) }, 'http://status.test/crl/root-g1.crl'))
  const { html, text } = await revoked.client({ language }).get('/repository')
  expect(text).toContain(words('repository.revoked-at', { at: formatInstant(language, at) }, language))
  expect(text.split(words('repository.revoked-at', { at: formatInstant(language, at) }, language))).toHaveLength(2)
  expect(html.match(/<rect class="tree-box tree-authority tree-ended"/g)).toHaveLength(2)
  const rows = readCsv((await download('/repository/ccadb.csv', revoked)).bytes.toString('utf8'))
  const cells = (name: string) => rows.slice(1).map((row) => row[rows[0]!.indexOf(name)])
  expect([cells('Revocation Status'), cells('Date of Revocation'), cells('RFC 5280 Revocation Reason Code')]).toEqual([['Not Revoked', 'Revoked', 'Not Revoked'], ['', '2026.11.01', ''], ['', 'cACompromise', '']])
})

describe('CRL-3 REP-2: lists in shards', () => {
  test('REP-2: stand folded below the authority’s own, and the CA records name them all as partitioned', async () => {
    const sharded = await portalUnder(made)
    const database = sharded.services.database
    for (const shard of [0, 1, 2]) {
      await openList(database, { authorityId: 'issuing-g1', shard }, `http://status.test/crl/${shard}`, new Date())
      const crl = { authorityId: 'issuing-g1', shard, number: BigInt(shard + 1), thisUpdate: new Date(), nextUpdate: new Date(Date.now() + 86_400_000), entries: shard, tbsSha256: '', octets: 0 }
      await database.transaction(async (trx) => {
        await recordCrl(trx, crl, { tbsHead: Buffer.from([0x30, 0]), chunks: [], tbsTail: Buffer.alloc(0), seal: null })
        expect(await publishCrl(trx, crl, null, Buffer.from([0]))).toBe(true)
      })
    }
    const { html, text } = await sharded.client().get('/repository')
    const base = `${sharded.services.config.status.url}/crl/issuing-g1`
    for (const address of [`${base}.crl`, `${base}/1.crl`, `${base}/2.crl`]) expect(html).toContain(`href="${address}"`)
    expect(text).toContain(words('repository.list.shards', { count: '2' }))
    const rows = readCsv((await download('/repository/ccadb.csv', sharded)).bytes.toString('utf8'))
    const cell = (name: string, id: number) => rows[id]![rows[0]!.indexOf(name)]
    expect([cell('Full CRL Issued By This CA', 2), JSON.parse(cell('JSON Array of Partitioned CRLs', 2)!)]).toEqual(['', [`${base}.crl`, `${base}/1.crl`, `${base}/2.crl`]])
    expect([cell('Full CRL Issued By This CA', 1)!.endsWith('/crl/root-g1.crl'), cell('JSON Array of Partitioned CRLs', 1)]).toEqual([true, ''])
  })
})

describe('REP-2: the CA records', () => {
  test('REP-2: are read by a strict reader, with what the certificates say', async () => {
    const { bytes, header } = await download('/repository/ccadb.csv')
    expect(header('content-type')).toContain('text/csv')
    const [head, ...rows] = readCsv(bytes.toString('utf8'))
    expect(rows).toHaveLength(authorities.length)
    const records = rows.map((row) => Object.fromEntries(row.map((value, index) => [head![index]!, value])))
    for (const [index, record] of records.entries()) {
      const certificate = new X509Certificate(authorities[index]!.certificateDer)
      const { kind } = authorities[index]!
      expect(record).toMatchObject({
        'CA Owner': portal.services.policy.operator.name.en,
        'Certificate Record Type': kind === 'root' ? 'Root Certificate' : 'Intermediate Certificate',
        'SHA-256 Fingerprint': certificate.fingerprint256.replaceAll(':', ''),
        'Parent SHA-256 Fingerprint': kind === 'root' ? '' : records[0]!['SHA-256 Fingerprint'],
        'Subject Key Identifier': createHash('sha1').update(certificate.publicKey.export({ type: 'pkcs1', format: 'der' })).digest('base64').replace(/^(?=[+=@-])/, "'"),
        'Valid From (GMT)': new Date(certificate.validFrom).toISOString().slice(0, 10).replaceAll('-', '.'),
        'Revocation Status': 'Not Revoked',
        'Full CRL Issued By This CA': `${portal.services.config.status.url}/crl/${authorities[index]!.id}.crl`,
        'Technically Constrained': kind === 'root' ? 'False' : 'True',
        'Extended Key Usage': { root: '', issuing: 'Code Signing', 'timestamp-ca': 'Time Stamping' }[kind],
        'CP Effective Date': '2022.12.08',
        'CPS Effective Date': '',
      })
      expect(new X509Certificate(record['PEM Info']!.replace(/^'/, '')).fingerprint256).toBe(certificate.fingerprint256)
      expect(record['Authority Key Identifier']).toBe(kind === 'root' ? '' : records[0]!['Subject Key Identifier'])
    }
    for (const cell of rows.flat()) expect(cell).not.toMatch(/^[=+\-@\t\r]/)
  })
})

describe('REP-1: documents and agencies', () => {
  let other: Portal
  beforeAll(async () => {
    other = await startPortal({ policy: OTHER_CA })
  })

  test.each(LANGUAGES)('REP-1: every version that was in force stands with its days and SHA-256, and can be read (%s)', async (language) => {
    const client = other.client({ language })
    const { text, html } = await client.get('/repository/documents')
    expect(text).toContain(words('repository.history.from-until', { from: '2025-09-01', until: '2026-02-01' }, language))
    expect(text).toContain(words('repository.since', { since: '2026-02-01' }, language))
    for (const { document, version, language: written, sha256, inForceFrom, inForceUntil, text: source } of OTHER_CA.earlierTexts) {
      const path = `/repository/documents/${document}/${version}/${written}`
      expect(html).toContain(`href="${path}"`)
      expect(text).toContain(sha256)
      const page = await client.get(path)
      expect(page.text).toContain(words('repository.document.earlier-text', { from: inForceFrom, until: inForceUntil }, language))
      expect(createHash('sha256').update((await download(`${path}/source`, other)).bytes).digest('hex')).toBe(createHash('sha256').update(source).digest('hex'))
    }
    expect((await client.get('/repository/documents/cp/1.1/ja')).status).toBe(404)
    expect((await client.get('/repository/documents/cp/2/en')).text).not.toContain(words('repository.document.earlier-title', {}, language))
  })

  test('REP-1: each agency stands with the values of its jurisdiction, the form of its numbers, and the list’s history (CSBR 3.2.10)', async () => {
    const theirs = await other.client().get('/repository/agencies')
    for (const fact of ['Example Chamber of Commerce', 'https://register.chamber.example/', 'NL', 'Utrecht', words('agencies.any-number'), words('agencies.version', { version: '2', date: '2026-02-01' }), 'Belgian register removed']) expect(theirs.text).toContain(fact)
    const ours = await portal.client({ language: 'ja' }).get('/repository/agencies')
    for (const { name, website, registrationNumber } of portal.services.policy.agencies.entries) for (const fact of [name.ja, website, registrationNumber!.ja]) expect(ours.text).toContain(fact)
  })

  test.each(LANGUAGES)('REP-1: tells how to report a problem, at any hour and without an account, and what follows (CSBR 4.9.2, 4.9.3, 4.9.5) (%s)', async (language) => {
    const { html, text } = await other.client({ language }).get('/repository')
    expect(html).toContain('href="mailto:problems@ca.example"')
    for (const key of ['text', 'which', 'what', 'evidence', 'key', 'then', 'own']) expect(text).toContain(words(`repository.report.${key}`, {}, language))
  })
})

test.each(LANGUAGES)('REP-2: the profiles tell each kind of certificate with the addresses of this CA (%s)', async (language) => {
  const { text } = await portal.client({ language }).get('/repository/profiles')
  for (const kind of ['root', 'issuing', 'subscriber', 'responder', 'timestamp-ca', 'timestamp']) expect(text).toContain(words(`profiles.kind.${kind}`, {}, language))
  for (const fact of [`${portal.services.config.status.url}/ca/issuing-g1.cer`, portal.services.policy.policyOids.ocspResponder, 'id-kp-codeSigning (1.3.6.1.5.5.7.3.3)', words('profiles.value.days', { count: '460' }, language)]) expect(text).toContain(fact)
})

async function download(path: string, from: Portal = portal): Promise<{ bytes: Buffer; header: (name: string) => string | null }> {
  const answer = await fetch(`${from.url}${path}`)
  expect(answer.status).toBe(200)
  return { bytes: Buffer.from(await answer.arrayBuffer()), header: (name) => answer.headers.get(name) }
}
