import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyAuditChain } from '../../src/audit/audit-log.ts'
import { publishStatements, readOrder, type RepositoryOrder } from '../../src/commands/publish-statement.ts'
import { listStatements } from '../../src/database/ceremony-store.ts'
import { readConfig } from '../../src/config.ts'
import { openServices, type Services } from '../../src/services.ts'
import { writeCms } from '../support/cms-writer.ts'
import { openFresh } from '../support/database.ts'
import { signatory, SIGNED_AT } from '../support/witness.ts'

const folder = mkdtempSync(join(tmpdir(), 'statement-'))
const CEREMONY = '11111111-2222-4333-8444-555555555555'
const REPORT = Buffer.from('Report of the Qualified Auditor\n\nThe key ceremony followed its script.\n')
const auditor = signatory('Midori Ueda')
const second = signatory('Ken Mori')
const besides = { certificate: second.certificate, key: second.keys.privateKey, signingTime: SIGNED_AT }
const file = (name: string, octets: Buffer): string => {
  writeFileSync(join(folder, name), octets)
  return join(folder, name)
}
const signed = (change: Partial<Parameters<typeof writeCms>[1]> = {}): Buffer => writeCms(REPORT, { certificate: auditor.certificate, key: auditor.keys.privateKey, signingTime: SIGNED_AT, attached: true, ...change })

let services: Services
let lines: string[]
beforeAll(async () => {
  const database = await openFresh()
  services = openServices(readConfig('command', { DATA_DIR: folder }), { database })
  const attributes = { local: true, alwaysSensitive: true, neverExtractable: true, sensitive: true, extractable: false }
  const report = { policy: 'x', keys: [{ tokenLabel: 'root', label: 'root-g1', id: '01', spkiSha256: 'ab'.repeat(32), attributes }] }
  await database('ceremonies').insert({ id: CEREMONY, kind: 'first-hierarchy', demo: 0, persons: '["A","B"]', report: JSON.stringify(report), held_at: '2026-11-22T00:00:00.000Z' })
  await database('ceremonies').insert({ id: 'without-keys', kind: 'renew-lists', demo: 0, persons: '["A","B"]', report: JSON.stringify({ policy: 'x', keys: [] }), held_at: '2026-11-22T00:00:00.000Z' })
})
afterAll(async () => {
  await services.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Two persons at a terminal; null stands for the code. */
async function publish(order: RepositoryOrder, answers: readonly (string | null)[] = ['Aoki Hanako', 'Beppu Taro', null, null]): Promise<void> {
  lines = []
  const left = [...answers]
  await publishStatements(services, order, { say: (line) => void lines.push(line), ask: async () => left.shift() ?? /^Code of this plan {2}([0-9a-f]{8})$/m.exec(lines.join('\n'))![1]! })
}
const refusal = async (order: RepositoryOrder, answers?: readonly (string | null)[]): Promise<string> => {
  const error = await publish(order, answers).then(() => null, (thrown: unknown) => thrown as Error)
  expect(error, 'it was published').not.toBeNull()
  expect(error).toBeInstanceOf(Error)
  return error!.message
}
const orderOf = (ceremonyId: string, ...paths: readonly string[]): RepositoryOrder => ({ ceremonyId, paths, part: 'auditor' })
const order = (...paths: readonly string[]) => orderOf(CEREMONY, ...paths)

describe('REP-2 CAK-1: statements about a ceremony', () => {
  test.each<[string, () => RepositoryOrder, RegExp]>([
    ['a text without a signature', () => order(file('bare.txt', REPORT)), /^bare\.txt carries no signature/],
    ['a signature that is broken', () => order(file('broken.p7m', signed({ breakSignature: true }))), /^A signature of broken\.p7m does not hold: /],
    ['a signature over another text', () => order(file('other.txt', Buffer.from('Something else\n')), file('other.p7s', signed({ attached: false }))), /^A signature of other\.txt does not hold: /],
    ['a signature without its signer’s certificate', () => order(file('nobody.p7m', signed({ embed: false }))), /^A signature of nobody\.p7m came without its signer's certificate$/],
    ['a signature from before its certificate', () => order(file('early.p7m', signed({ signingTime: new Date('2025-12-31T00:00:00Z') }))), /^early\.p7m was signed at 2025-12-31T00:00:00\.000Z, outside/],
    ['a second signature that is broken', () => order(file('second.p7m', signed({ beside: [{ ...besides, breakSignature: true }] }))), /^A signature of second\.p7m does not hold: .*Ken Mori/],
    ['a first signature that is broken beside a good one', () => order(file('first.p7m', signed({ breakSignature: true, beside: [besides] }))), /^A signature of first\.p7m does not hold: .*Midori Ueda/],
    ['a second signature without its signer’s certificate', () => order(file('unknown.p7m', signed({ beside: [{ ...besides, embed: false }] }))), /^A signature of unknown\.p7m came without its signer's certificate$/],
    ['a second signature from before its certificate', () => order(file('soon.p7m', signed({ beside: [{ ...besides, signingTime: new Date('2025-12-31T00:00:00Z') }] }))), /^soon\.p7m was signed at 2025-12-31T00:00:00\.000Z, outside/],
    ['octets that are no document', () => order(file('noise.bin', Buffer.from([0, 1, 2, 3]))), /^noise\.bin can't be read: /],
    ['a file that is not there', () => order(join(folder, 'gone.p7m')), /^There is no file /],
    ['an unknown ceremony', () => orderOf('other', file('a.p7m', signed())), /^No ceremony other made keys/],
    ['a ceremony that made no keys', () => orderOf('without-keys', file('a.p7m', signed())), /^No ceremony without-keys made keys/],
  ])('REP-2: %s is refused before anybody is asked', async (_, args, reason) => {
    expect(await refusal(args(), [])).toMatch(reason)
    expect(lines).toEqual([])
    expect(await listStatements(services.database)).toEqual([])
  })

  test.each<[string, readonly (string | null)[], RegExp]>([
    ['one person alone', ['Aoki Hanako', ' aoki hanako'], /at least two different persons/],
    ['a first person who does not confirm', ['Aoki Hanako', 'Beppu Taro', 'no'], /^Aoki Hanako did not confirm: nothing was published$/],
    ['a second person who does not confirm', ['Aoki Hanako', 'Beppu Taro', null, 'no'], /^Beppu Taro did not confirm: nothing was published$/],
  ])('CAK-1: %s publishes nothing', async (_, answers, reason) => {
    expect(await refusal(order(file('a.p7m', signed())), answers)).toMatch(reason)
    expect(await listStatements(services.database)).toEqual([])
    expect(await services.database('audit_events')).toEqual([])
  })

  test('REP-2: two persons read who signed, confirm, and it is published with its audit event; never twice', async () => {
    const octets = signed({ attached: false })
    await publish(order(file('report 2026.txt', REPORT), file('report.p7s', octets)))
    const sha256 = createHash('sha256').update(REPORT).digest('hex')
    const certificate = createHash('sha256').update(auditor.certificate).digest('hex')
    for (const line of [`SHA-256 ${sha256}`, 'CN=Midori Ueda', `SHA-256 ${certificate}`, 'issued by CN=Example CA', SIGNED_AT.toISOString(), 'Present           Aoki Hanako and Beppu Taro']) expect(lines.join('\n')).toContain(line)
    const [statement] = await listStatements(services.database)
    expect(statement).toMatchObject({ sha256, ceremonyId: CEREMONY, part: 'auditor', fileName: 'report-2026.txt', mediaType: 'text/plain; charset=utf-8', signatureName: 'report.p7s', signer: 'Midori Ueda', signedAt: SIGNED_AT })
    const [event] = await services.database('audit_events')
    expect(event).toMatchObject({ event: 'ceremony.statement-published', subject: `ceremony:${CEREMONY}`, actor: 'process:repository' })
    expect(JSON.parse(event.details)).toEqual({ part: 'auditor', sha256, signerCertificates: [certificate], persons: ['Aoki Hanako', 'Beppu Taro'] })
    expect((await verifyAuditChain(services.database)).intact).toBe(true)
    expect(await refusal(order(join(folder, 'report 2026.txt'), join(folder, 'report.p7s')))).toBe('This document is published already')
    expect(await services.database('audit_events')).toHaveLength(1)
    await publish({ ceremonies: true }, [])
    expect(lines.join('\n')).toContain(`auditor: Midori Ueda, SHA-256 ${sha256}`)
  })

  test.each<[readonly string[], string | undefined, RegExp | RepositoryOrder]>([
    [['ceremonies'], undefined, { ceremonies: true }],
    [['ceremonies', 'all'], undefined, /^Unexpected argument 'all': ceremonies takes none$/],
    [['ceremonies'], 'auditor', /^Unexpected argument '--as'/],
    [[], undefined, /^Say what to do: ceremonies or publish-statement$/],
    [['publish'], undefined, /^Unknown command 'publish': there are ceremonies and publish-statement$/],
    [['publish-statement', 'nope', '/nofile'], 'boss', /^--as is witness or auditor, not 'boss'$/],
    [['publish-statement', 'nope', '/nofile'], undefined, /^Say whose statement it is: --as witness or --as auditor$/],
    [['publish-statement'], 'auditor', /^publish-statement wants a ceremony and a file$/],
    [['publish-statement', CEREMONY], 'auditor', /^publish-statement wants a file$/],
    [['publish-statement', CEREMONY, 'a', 'b', 'c'], 'auditor', /^Unexpected argument 'c': a document and its signature at most$/],
    [['publish-statement', CEREMONY, 'a', 'b'], 'witness', { ceremonyId: CEREMONY, paths: ['a', 'b'], part: 'witness' }],
  ])('the words %j with --as %s are understood, or what is wrong with them is said', (positionals, as, wanted) => {
    const read = readOrder({ positionals, values: as === undefined ? {} : { as } })
    if (wanted instanceof RegExp) expect('wrong' in read && read.wrong).toMatch(wanted)
    else expect(read).toEqual(wanted)
  })
})
