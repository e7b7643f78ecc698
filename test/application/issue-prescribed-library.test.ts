/** Method 3 to the end: a key of a real module, its report, and what `ca` says of it and of what is not as it should be (ATT-3, ISS-1). */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { issueNext } from '../../src/application/issue.ts'
import { keepProtection } from '../../src/application/verify-key.ts'
import type { Database } from '../../src/database/database.ts'
import { issuingParts } from '../../src/jobs/issuing.ts'
import { generate } from '../../src/keygen/generate.ts'
import { readCertificateRequest } from '../../src/pki/certificate-request.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import type { Services } from '../../src/services.ts'
import type { Signer } from '../../src/signer/signer.ts'
import { initialiseToken } from '../../src/signer/token.ts'
import { LANGUAGES, translate } from '../../src/web/locales.ts'
import { rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import { heldFor, insertApprovedApplication, insertPeople, type ApprovedOptions, type People } from '../support/approved-application.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { reportFile } from '../support/key-reports.ts'
import { softHsmModule } from '../support/softhsm.ts'

const HOUR = 3_600_000
let hierarchy: DemoHierarchy
let token: Signer
let keys: KeyPair
let other: KeyPair
let folder: string
/** What the program made in a token of its own, answering REAL_CHALLENGE. */
let real: { readonly requestDer: Buffer; readonly spki: Buffer; readonly report: Buffer }
const REAL_CHALLENGE = '5a'.repeat(32)

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  token = await hierarchy.token('ca')
  keys = rsaKeyPair(3072)
  other = rsaKeyPair(3072)
  folder = mkdtempSync(join(tmpdir(), 'keygen-'))
  const module = softHsmModule()
  await initialiseToken({ module, label: 'subscriber', soPin: 'so-pin-1', userPin: 'pin-1', lockFile: join(folder, 'token.lock') })
  const made = await generate(
    { do: 'generate', module, token: { label: 'subscriber' }, source: { challenge: REAL_CHALLENGE }, label: 'code-signing', bits: 3072, subject: null, out: join(folder, 'out'), pinFile: null },
    { now: () => new Date(), pin: async () => 'pin-1', tell: () => undefined },
  )
  const intake = readCertificateRequest(readFileSync(made.request))
  if ('refused' in intake) throw new Error(intake.refused.code)
  real = { requestDer: intake.request.der, spki: intake.request.publicKey.spki, report: readFileSync(made.report) }
}, 120_000)
afterAll(async () => {
  await hierarchy.remove()
  rmSync(folder, { recursive: true, force: true })
})

describeOnBothDatabases('issuing on a report of the prescribed library', (open) => {
  let database: Database
  let services: Services
  let people: People

  beforeAll(async () => {
    database = await open()
    services = await hierarchy.services(database)
    people = await insertPeople(services)
  })

  interface Case {
    readonly report: (challenge: string) => Buffer
    readonly challenge?: string
    /** Columns of the challenge's row, as they are when `ca` looks. */
    readonly row?: Readonly<Record<string, string | null>>
    /** Whether the log holds that it was given out. */
    readonly logged?: boolean
    readonly options?: ApprovedOptions
  }

  /** An application with this report handed in, approved as an attacker with the portal's rights would: whatever the judgement. */
  async function approved({ report, challenge = randomUUID().replaceAll('-', '').repeat(2), row, logged = true, options }: Case) {
    return insertApprovedApplication(services, hierarchy.maker, {
      keys,
      people,
      key: { method: 3 },
      evidence: [],
      async beforeApproval(trx, { id, applicant }, work) {
        const at = work.now.toISOString()
        await work.protection.giveChallenge(id, { method: 3, value: challenge, issuedAt: at, expiresAt: new Date(work.now.getTime() + HOUR).toISOString() })
        const bytes = report(challenge)
        await work.applications.addEvidence(id, { id: randomUUID(), name: 'key-report.json', bytes, sha256: 'f'.repeat(64), uploadedBy: applicant, uploadedAt: at })
        await keepProtection(work, (await work.applications.find(id))!, [{ name: 'key-report.json', bytes, sha256: 'f'.repeat(64) }], services.policy)
        if (row) await trx('key_challenges').where({ value: challenge }).update(row)
        // As the portal would have logged the row as it stands.
        const { issued_at: issuedAt, expires_at: expiresAt } = await trx('key_challenges').where({ value: challenge }).first()
        if (logged) await work.audit({ event: 'application.challenge-given', subject: `application:${id}`, details: { method: 3, value: challenge, issuedAt, expiresAt } })
      },
      ...options,
    })
  }
  const turn = (signer: Pick<Signer, 'sign'> = token) => issueNext(issuingParts(services, signer))
  const never: Pick<Signer, 'sign'> = { sign: () => Promise.reject(new Error('nothing may be signed here')) }

  async function heldBy(given: Case) {
    const { id } = await approved(given)
    expect(await turn(never)).toBe('held')
    const findings = (await heldFor(services, id))!
    for (const { message } of findings) for (const language of LANGUAGES) expect(translate(language, message.key, message.values)).not.toMatch(/\{\w+\}/)
    return findings.map(({ row, message }) => `${row} ${message.key.replace('key-protection-prescribed-library.', '')}`)
  }

  test('ATT-3: certifies a key that our program generated in a module, and keeps the answer with the challenge', async () => {
    const application = await approved({ report: () => real.report, challenge: REAL_CHALLENGE, options: { keys: { ...keys, spki: real.spki }, requestDer: real.requestDer } })
    expect(await database('key_challenges').where({ value: REAL_CHALLENGE }).first()).toMatchObject({ answered_spki_sha256: application.spkiSha256 })
    expect(await turn()).toBe('issued')
    const row = await database('certificates').where({ application_id: application.id }).first()
    expect(readCertificate(row.der).tbs.spki.equals(real.spki)).toBe(true)
  })

  test('ATT-3: takes an answer in time when it looks later than the challenge’s end', async () => {
    await approved({ report: (challenge) => reportFile(keys, { challenge }), row: { expires_at: new Date(Date.now() + 60).toISOString() } })
    await new Promise((done) => setTimeout(done, 100))
    expect(await turn()).toBe('issued')
  })

  test('ATT-3: holds a report that was tampered with', async () => {
    const held = await heldBy({ report: (challenge) => Buffer.from(reportFile(keys, { challenge, attributes: { extractable: true } }).toString().replace('"extractable": true', '"extractable": false')) })
    expect(held).toEqual(['ATT-3 signature.bad', ...Array<string>(6).fill('ATT-3 claim.untrusted')])
  })

  test('ATT-3: holds a report about another key', async () => expect(await heldBy({ report: (challenge) => reportFile(other, { challenge }) })).toContain('ATT-3 same-key.differs'))

  test('ATT-3: holds a report whose challenge another key answered', async () => {
    expect(await heldBy({ report: (challenge) => reportFile(keys, { challenge }), row: { answered_spki_sha256: 'e'.repeat(64) } })).toEqual(['ATT-3 challenge.used'])
  })

  test('ATT-3: holds a report whose challenge expired before it was answered', async () => {
    expect(await heldBy({ report: (challenge) => reportFile(keys, { challenge }), row: { expires_at: '2026-01-01T00:00:00.000Z' } })).toEqual(['ATT-3 challenge.expired'])
  })

  test('ATT-3, LOG-1: holds a report with a challenge that stands in a row and was never given out', async () => {
    expect(await heldBy({ report: (challenge) => reportFile(keys, { challenge }), logged: false })).toEqual(['ATT-3 challenge.unknown'])
  })

  test('ATT-3: holds a report with a challenge of another application', async () => {
    const value = '7b'.repeat(32)
    await approved({ report: (challenge) => reportFile(keys, { challenge }), challenge: value })
    expect(await turn()).toBe('issued')
    expect(await heldBy({ report: () => reportFile(keys, { challenge: value }) })).toEqual(['ATT-3 challenge.unknown'])
  })
})
