/** Method 5 to the end: `ca` reads the cloud's report again before it signs, and counts its months to that moment (ATT-5, VET-5, ISS-1). */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { issueNext } from '../../src/application/issue.ts'
import type { Database } from '../../src/database/database.ts'
import { issuingParts } from '../../src/jobs/issuing.ts'
import type { Details } from '../../src/key-protection/protection.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import type { Services } from '../../src/services.ts'
import type { Signer } from '../../src/signer/signer.ts'
import { LANGUAGES, translate } from '../../src/web/locales.ts'
import { rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import { heldFor, insertApprovedApplication, insertPeople, type People } from '../support/approved-application.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { AZURE_LOCATION, azureOutputs, printed, type AzureOutputs } from '../support/fake-cloud.ts'

const DAY = 86_400_000
let hierarchy: DemoHierarchy
let token: Signer
let keys: KeyPair

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  token = await hierarchy.token('ca')
  keys = rsaKeyPair(3072)
}, 120_000)
afterAll(() => hierarchy.remove())

describeOnBothDatabases('issuing on a report of a cloud subscription', (open) => {
  let database: Database
  let services: Services
  let people: People

  beforeAll(async () => {
    database = await open()
    services = await hierarchy.services(database)
    people = await insertPeople(services)
  })

  const day = (ago: number) => new Date(Date.now() - ago * DAY).toISOString().slice(0, 10)

  /** An application with this report, approved as an attacker with the portal's rights would: whatever the judgement. `made` and `taken` are days ago. */
  async function approved({ change = () => {}, made = 2, taken = 1, option = 'cloud-key-protection' as const, described = keys.spki }: { change?: (outputs: AzureOutputs) => void; made?: number; taken?: number; option?: 'cloud-key-protection' | 'own-module'; described?: Buffer } = {}) {
    const outputs = azureOutputs(described)
    const created = `${day(made)}T08:00:00+00:00`
    Object.assign(outputs['key.json'].attributes, { created, updated: created })
    outputs['key-log.json'][0]!['TimeGenerated'] = created
    change(outputs)
    const details: Details = { cloud: 'azure', region: AZURE_LOCATION, 'taken-on': day(taken), 'taken-by': 'Sato Hanako' }
    return insertApprovedApplication(services, hierarchy.maker, { keys, people, key: { method: 5, option, details }, evidence: printed(outputs) })
  }
  const turn = (signer: Pick<Signer, 'sign'> = token) => issueNext(issuingParts(services, signer))
  const never: Pick<Signer, 'sign'> = { sign: () => Promise.reject(new Error('nothing may be signed here')) }

  async function held(given: Parameters<typeof approved>[0]) {
    const { id } = await approved(given)
    expect(await turn(never)).toBe('held')
    const findings = (await heldFor(services, id))!
    for (const { message } of findings) for (const language of LANGUAGES) expect(translate(language, message.key, message.values)).not.toMatch(/\{\w+\}/)
    return findings.map(({ row, message }) => `${row} ${message.key.replace('key-protection-cloud-report.', '')}`)
  }

  test('ATT-5: certifies a key whose report and whose officer say yes', async () => {
    const { id } = await approved()
    expect(await turn()).toBe('issued')
    expect(readCertificate((await database('certificates').where({ application_id: id }).first()).der).tbs.spki.equals(keys.spki)).toBe(true)
  })

  test('VET-5: holds a report that is older than 13 months when it looks', async () => expect(await held({ made: 500, taken: 450 })).toEqual(['ATT-5 recent.old']))

  test('ATT-5: holds a report about another key', async () => expect(await held({ described: rsaKeyPair(3072).spki })).toEqual(['ATT-5 same-key.differs']))

  test('ATT-5: holds a key that was imported', async () => expect(await held({ change: (outputs) => void (outputs['key-log.json'][0]!['OperationName'] = 'KeyImport') })).toEqual(['ATT-5 origin.imported']))

  test('ATT-5: holds a vault whose events go nowhere', async () => expect(await held({ change: (outputs) => void (outputs['diagnostics.json'] = []) })).toEqual(['ATT-5 diagnostics.none']))

  test('APP-2: holds a cloud’s report for a module of the applicant’s own', async () => expect((await held({ option: 'own-module' })).length).toBeGreaterThan(0))
})
