import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listAuthorities } from '../../src/database/authority-store.ts'
import { insertStatement, listCeremonies } from '../../src/database/ceremony-store.ts'
import { CEREMONY_KINDS, readCeremony } from '../../src/repository/key-generation.ts'
import { formatInstant, LANGUAGES, WORDS } from '../../src/web/locales.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { type CmsOptions, writeCms } from '../support/cms-writer.ts'
import { portalUnder } from '../support/hierarchy-portal.ts'
import { startPortal, words, type Portal } from '../support/portal.ts'
import { start } from '../support/program.ts'
import { signatory, SIGNED_AT } from '../support/witness.ts'

const key = (label: string, spkiSha256: string) => ({ tokenLabel: 'status', label, id: '01', spkiSha256, attributes: { local: true, alwaysSensitive: true, neverExtractable: true, sensitive: true, extractable: false } })
const LATER = { id: 'later-ceremony', kind: 'change-timestamp-key', demo: 0, persons: JSON.stringify(['Aoki Hanako', 'Beppu <Taro>']), report: JSON.stringify({ policy: 'x', keys: [key('timestamp-2', 'cd'.repeat(32))], plan: { lines: ['New key'], code: '0a1b2c3d' } }), held_at: '2027-01-01T00:00:00.000Z' }

let made: DemoHierarchy
let portal: Portal
let authorities: Awaited<ReturnType<typeof listAuthorities>>
beforeAll(async () => {
  made = await demoHierarchy()
  portal = await portalUnder(made)
  await portal.services.database('ceremonies').insert(LATER)
  authorities = await listAuthorities(portal.services.database)
})
afterAll(async () => {
  expect(portal.faults).toEqual([])
  await made.remove()
})

describe('REP-2 CAK-1: key generation reports', () => {
  test.each(LANGUAGES)('REP-2: one for each CA key, linked from the CA, with key, module, attributes, fingerprints and script; a demo says so (%s)', async (language) => {
    const client = portal.client({ language })
    const repository = await client.get('/repository')
    for (const authority of authorities) {
      const path = `/repository/key-generation/${authority.id}`
      expect(repository.html).toContain(`href="${path}"`)
      const page = await client.get(path)
      const certificate = new X509Certificate(authority.certificateDer)
      const spki = createHash('sha256').update(certificate.publicKey.export({ type: 'spki', format: 'der' })).digest('hex').toUpperCase().replace(/..(?!$)/g, '$&:')
      const facts = [certificate.fingerprint256, certificate.fingerprint, certificate.serialNumber, spki, 'RSA 4096', 'SoftHSM', authority.key.label, authority.key.id, words('key-generation.protection.bound', {}, language), words('key-generation.demo.text', {}, language), words('key-generation.present.nobody', {}, language)]
      const report = await (await fetch(`${portal.url}${path}/report`, { headers: { 'accept-language': language } })).text()
      for (const fact of facts) {
        expect(page.text).toContain(fact)
        expect(report).toContain(fact)
      }
      expect(page.html).toContain('Root              C=JP, O=DEMO SECOM')
      expect(report).toContain('Issuing CA        C=JP, O=DEMO SECOM')
    }
    expect((await client.get('/repository/key-generation/other')).status).toBe(404)
    expect((await fetch(`${portal.url}/repository/key-generation/other/report`)).status).toBe(404)
  })

  test('REP-2: every ceremony that made keys stands there, of old and new generations, and one that made none does not', async () => {
    await portal.services.database('ceremonies').insert({ ...LATER, id: 'lists', kind: 'renew-lists', report: JSON.stringify({ policy: 'x', keys: [] }) })
    await portal.services.database('ceremonies').insert({ ...LATER, id: 'strange', report: 'no json' })
    const { text, html } = await portal.client().get('/repository/key-generation')
    for (const fact of [words('key-generation.ceremony.first-hierarchy'), words('key-generation.ceremony.change-timestamp-key'), 'cd'.repeat(32)]) expect(text).toContain(fact)
    expect(html.match(/id="ceremony-/g)).toHaveLength(2)
    expect(html.indexOf('ceremony-later-ceremony')).toBeLessThan(html.indexOf('id="ceremony-', html.indexOf('id="ceremony-') + 1))
  })

  test.each(LANGUAGES)('REP-2: the page stands whatever kind of ceremony was held, each with its words, and one of a later program by its name (%s)', async (language) => {
    const other = await startPortal()
    for (const kind of [...CEREMONY_KINDS, 'unheard-of']) await other.services.database('ceremonies').insert({ ...LATER, id: kind, kind })
    const { status, text } = await other.client({ language }).get('/repository/key-generation')
    expect(status).toBe(200)
    expect(CEREMONY_KINDS.filter((kind) => !WORDS[language].has(`key-generation.ceremony.${kind}`))).toEqual([])
    for (const kind of CEREMONY_KINDS) expect(text).toContain(words(`key-generation.ceremony.${kind}`, {}, language))
    expect(text).toContain('unheard-of')
  })

  test('REP-2: who was present is told by number alone, and by name only where the policy publishes names', async () => {
    const ours = await portal.client().get('/repository/key-generation')
    expect(ours.text).toContain(words('key-generation.present.count', { count: '2' }))
    for (const name of ['Aoki Hanako', 'Beppu']) expect(ours.text).not.toContain(name)
    const other = await startPortal({ policy: { ...shippedPolicy, publication: { ceremonyNames: 'published' } } })
    await other.services.database('ceremonies').insert(LATER)
    const theirs = await other.client().get('/repository/key-generation')
    expect(theirs.text).toContain(words('key-generation.present.names', { names: 'Aoki Hanako; Beppu <Taro>' }))
    expect(theirs.html).not.toContain('<Taro>')
  })

  test('REP-2: roles that persons stated are told without their names', async () => {
    const other = await startPortal()
    await other.services.database('ceremonies').insert({ ...LATER, persons: JSON.stringify(['Aoki Hanako, CA administrator', 'Beppu Taro、内部監査人', 'Chiba Jiro']) })
    const { text } = await other.client().get('/repository/key-generation')
    expect(text).toContain(words('key-generation.present.roles', { count: '3', roles: 'CA administrator; 内部監査人' }))
    expect(text).not.toMatch(/Aoki|Beppu|Chiba/)
  })

  test('REP-2: statements of witnesses and auditors stand with their ceremony and are given out octet for octet', async () => {
    const { id } = (await listCeremonies(portal.services.database)).find(({ kind }) => kind === 'first-hierarchy')!
    const octets = Buffer.from('The ceremony followed its script.\n')
    const sha256 = createHash('sha256').update(octets).digest('hex')
    const signature = Buffer.from([0x30, 0])
    const client = portal.client()
    expect((await client.get('/repository/key-generation/root-g1')).text).toContain(words('key-generation.statements.none'))
    await portal.services.database.transaction((trx) =>
      insertStatement(trx, { sha256, ceremonyId: id, part: 'auditor', fileName: 'opinion.txt', mediaType: 'text/plain; charset=utf-8', octets, signatureName: 'opinion.p7s', signatureOctets: signature, signer: 'Ueda <Midori>', signerCertificates: Buffer.from([0x30, 0]), signedAt: null, publishedAt: new Date('2026-11-22T00:00:00Z') }, ['A', 'B']),
    )
    for (const path of ['/repository/key-generation', '/repository/key-generation/root-g1', '/repository/key-generation/issuing-g1']) {
      const page = await client.get(path)
      for (const fact of ['Ueda <Midori>', sha256, words('key-generation.statement.auditor'), words('key-generation.statement.not-stated')]) expect(page.text).toContain(fact)
    }
    const answer = await fetch(`${portal.url}/repository/key-generation/statements/${sha256}`)
    expect(Buffer.from(await answer.arrayBuffer()).equals(octets)).toBe(true)
    expect(answer.headers.get('content-disposition')).toContain('opinion.txt')
    expect(Buffer.from(await (await fetch(`${portal.url}/repository/key-generation/statements/${sha256}/signature`)).arrayBuffer()).equals(signature)).toBe(true)
    for (const path of ['00', '00/signature']) expect((await fetch(`${portal.url}/repository/key-generation/statements/${path}`)).status).toBe(404)
  })
})

describe('REP-2 CAK-1: a statement that several signed', () => {
  test('REP-2: the command shows two persons all who signed, and the repository shows them to everybody', async () => {
    const { database, config } = portal.services
    const { id } = (await listCeremonies(database)).find(({ kind }) => kind === 'first-hierarchy')!
    const signers = [signatory('Midori Ueda'), signatory('Ken Mori')]
    const later = new Date(SIGNED_AT.getTime() + 3_600_000)
    const text = Buffer.from('Both of us were present.\n')
    const [one, other] = signers.map(({ certificate, keys }) => ({ certificate, key: keys.privateKey })) as [Pick<CmsOptions, 'certificate' | 'key'>, Pick<CmsOptions, 'certificate' | 'key'>]
    const folder = mkdtempSync(join(tmpdir(), 'signed-'))
    const files = { 'both.txt': text, 'both.p7s': writeCms(text, { ...one, signingTime: later, beside: [{ ...other, signingTime: SIGNED_AT }] }) }
    for (const [name, octets] of Object.entries(files)) writeFileSync(join(folder, name), octets)
    const program = start('commands/repository', { DATA_DIR: config.dataDir, DATABASE_URL: config.databaseUrl, PORTAL_URL: config.portal.url }, ['publish-statement', id, ...Object.keys(files).map((name) => join(folder, name)), '--as', 'witness'])
    await program.said('Name of the first person')
    program.type('Aoki Hanako')
    program.type('Beppu Taro')
    await program.said(/Code of this plan +[0-9a-f]{8}/)
    const code = /Code of this plan +([0-9a-f]{8})/.exec(program.output())![1]!
    program.type(code)
    program.type(code)
    expect(await program.ended).toMatchObject({ code: 0, err: '' })
    rmSync(folder, { recursive: true })
    const fingerprints = signers.map(({ certificate }) => createHash('sha256').update(certificate).digest('hex'))
    const sha256 = createHash('sha256').update(text).digest('hex')
    for (const shown of ['Signed by         CN=Midori Ueda', 'Signed by         CN=Ken Mori', ...fingerprints, later.toISOString(), SIGNED_AT.toISOString()]) expect(program.output()).toContain(shown)
    const entry = await database('audit_events').where({ event: 'ceremony.statement-published' }).orderBy('seq', 'desc').first()
    const details = JSON.parse(entry.details) as { sha256: string; signerCertificates: string[]; persons: string[] }
    expect([details.sha256, [...details.signerCertificates].sort(), details.persons]).toEqual([sha256, [...fingerprints].sort(), ['Aoki Hanako', 'Beppu Taro']])
    for (const language of LANGUAGES) {
      const { text: page } = await portal.client({ language }).get('/repository/key-generation/root-g1')
      // The last of them completed it.
      for (const fact of ['Midori Ueda', 'Ken Mori', ...fingerprints, sha256, formatInstant(language, later)]) expect(page, fact).toContain(fact)
    }
    expect(Buffer.from(await (await fetch(`${portal.url}/repository/key-generation/statements/${sha256}/signature`)).arrayBuffer()).equals(files['both.p7s'])).toBe(true)
  })
})

test.each([['{}', '[]'], ['[]', '[]'], ['null', '["A"]'], ['{"policy":"x","keys":[{}]}', '["A"]'], ['{"policy":"x","keys":[]}', '["A"]'], ['"', '[]']])('REP-2: a record %s of %s is no report, and no fault', (report, persons) => {
  expect(readCeremony({ id: 'x', kind: 'first-hierarchy', demo: false, persons, report, heldAt: new Date(0) }, 'published')).toBeNull()
})
