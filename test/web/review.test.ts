import { createHash } from 'node:crypto'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { approvalDigest } from '../../src/application/approve-digest.ts'
import { requiredItems } from '../../src/application/checklist.ts'
import { verifyAuditChain } from '../../src/audit/audit-log.ts'
import { rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import type { Client } from '../support/client.ts'
import { isUniqueViolation } from '../../src/database/database.ts'
import { words, type Person } from '../support/portal.ts'
import { applicantOf, fillDraft, ORGANISATION, startApplication, startScene, submit, type Scene } from './applicant.ts'
import { act, checkOf, officerOf, referenceOf, today, vet, type Officer } from './officers.ts'

let scene: Scene
let keys: KeyPair
let applicant: { person: Person; client: Client }
let vetting: Officer
let approving: Officer

beforeAll(async () => {
  keys = rsaKeyPair(3072)
  scene = await startScene()
  applicant = await applicantOf(scene)
  vetting = await officerOf(scene, 'vetting-officer')
  approving = await officerOf(scene, 'approving-officer')
})
afterEach(() => expect(scene.portal.faults).toEqual([]))

const database = () => scene.portal.services.database
const find = async (reference: string) => (await scene.portal.services.applications.findByReference(reference))!
const stateOf = async (reference: string) => (await find(reference)).state
const dossierOf = async (reference: string) => (await scene.portal.services.applications.dossier((await find(reference)).id))!
const events = async (reference: string): Promise<string[]> => (await database()('audit_events').where({ subject: `application:${(await find(reference)).id}` }).orderBy('seq').select('event')).map((row: { event: string }) => row.event)

async function submitted(): Promise<string> {
  const path = await fillDraft(scene, applicant.client, keys)
  await submit(applicant.client, path)
  return referenceOf(path)
}
async function vetted(): Promise<string> {
  const reference = await submitted()
  await vet(scene, vetting, reference)
  return reference
}
async function approved(): Promise<string> {
  const reference = await vetted()
  await approving.client.get(`/review/${reference}`)
  await act(scene, approving.client, reference, 'approve', { correlated: 'yes' })
  return reference
}

describe('an application under review', () => {
  test('VET-1, VET-6: one officer checks every item, another approves; each step is on record, and the approval’s digest is stored', async () => {
    const reference = await submitted()
    const base = `/review/${reference}`
    expect((await vetting.client.get('/review')).html.includes(`href="${base}"`)).toBe(true)
    const page = await vetting.client.get(base)
    for (const fact of [ORGANISATION.legalName, ORGANISATION.registrationNumber, 'RSA 3072', createHash('sha256').update(keys.spki).digest('hex'), applicant.person.name, words('review.dossier.demo-evidence')]) expect(page.text).toContain(fact)
    expect(page.html.includes(`${base}/checks/`)).toBe(false)

    expect((await act(scene, vetting.client, reference, 'start-vetting')).text).toContain(words('review.notice.vetting-started'))
    const items = requiredItems(await find(reference), scene.portal.services.policy)
    for (const item of items) {
      const form = await vetting.client.get(`${base}/checks/${item.id}`)
      expect(form.title).toBe(words(`review.item.${item.id}.title`))
      const open = await vetting.client.get(base)
      expect(open.html.includes(`${base}/finish-vetting`)).toBe(false)
      expect((await act(scene, vetting.client, reference, `checks/${item.id}`, checkOf(item.sources[0]!))).text).toContain(words('review.notice.check-recorded'))
    }
    const done = await act(scene, vetting.client, reference, 'finish-vetting')
    expect(done.text).toContain(words('review.notice.vetted'))
    expect(done.html.includes(`${base}/approve`)).toBe(false)

    const standing = await approving.client.get(base)
    expect(standing.text).toContain('Certificate of registered matters 12-345')
    expect(standing.text).toContain(vetting.person.name)
    const unticked = await act(scene, approving.client, reference, 'approve')
    expect(unticked.errors.get('correlated')).toBe(words('forms.tick'))
    expect(await stateOf(reference)).toBe('vetted')
    const decided = await act(scene, approving.client, reference, 'approve', { correlated: 'yes' })
    expect(decided.text).toContain(words('review.notice.approved'))

    const dossier = await dossierOf(reference)
    expect(dossier.application.state).toBe('approved')
    expect(dossier.approval).toMatchObject({ approverId: approving.person.id, digest: expect.stringMatching(/^[0-9a-f]{64}$/) })
    // Taken anew from the rows as they stand now it is the same: it covers exactly them.
    expect(approvalDigest(dossier, dossier.approval!)).toBe(dossier.approval!.digest)
    expect(decided.text).toContain(dossier.approval!.digest)
    expect(dossier.duties.map(({ accountId, duty }) => [accountId, duty]).sort()).toEqual([[applicant.person.id, 'applied'], [approving.person.id, 'decided'], [vetting.person.id, 'vetted']].sort())
    expect((await events(reference)).slice(-(items.length + 4))).toEqual(['application.submitted', 'application.vetting-started', ...items.map(() => 'application.check-recorded'), 'application.vetted', 'application.approved'])
    expect((await verifyAuditChain(database())).intact).toBe(true)
  })

  test('VET-1: a bad entry comes back with its sentence at the field and the form as it was; nothing is stored', async () => {
    const reference = await submitted()
    await vetting.client.get(`/review/${reference}`)
    await act(scene, vetting.client, reference, 'start-vetting')
    const { version } = await find(reference)
    for (const [fields, field, sentence] of [
      [{ outcome: '' }, 'outcome', words('forms.choose')],
      [{ source: 'telephone' }, 'source', words('forms.choose')],
      [{ document: '' }, 'document', words('forms.required')],
      [{ document: '登'.repeat(301) }, 'document', words('forms.too-long', { max: '300' })],
      [{ documentDate: '15 June' }, 'documentDate', words('forms.date')],
      [{ obtainedOn: '2999-01-01' }, 'obtainedOn', words('review.errors.in-future')],
      [{ documentDate: '2001-01-01', obtainedOn: '2001-01-02' }, 'obtainedOn', words('review.errors.too-old', { days: '825' })],
      [{ inspected: '' }, 'inspected', words('review.errors.inspect')],
      [{ outcome: 'not-confirmed' }, 'note', words('review.errors.say-why')],
    ] as const) {
      const { inspected, ...given } = { ...checkOf('government-agency'), note: '', ...fields } as Record<string, string>
      const page = await act(scene, vetting.client, reference, 'checks/address', inspected ? { ...given, inspected } : given)
      expect([page.status, page.errors.get(field)], field).toEqual([422, sentence])
      for (const name of ['document', 'documentDate', 'obtainedOn', 'note']) expect(page.value(name), name).toBe(given[name])
      expect(page.value('inspected')).toBe(inspected || null)
    }
    expect((await find(reference)).version).toBe(version)
    expect((await dossierOf(reference)).checks).toEqual([])
  })

  test('VET-1: the days of a check are taken as people write them, and kept as year-month-day', async () => {
    const reference = await submitted()
    await act(scene, vetting.client, reference, 'start-vetting')
    const [year, month, date] = today().split('-').map(Number)
    const typed = { documentDate: `${year}/${month}/${date}`, obtainedOn: `令和${year! - 2018}年${month}月${date}日` }
    const [item] = requiredItems(await find(reference), scene.portal.services.policy)
    await act(scene, vetting.client, reference, `checks/${item!.id}`, { ...checkOf(item!.sources[0]!), ...typed })
    expect((await dossierOf(reference)).checks).toMatchObject([{ documentDate: today(), obtainedOn: today() }])
  })

  test('VET-9: an item that this application doesn’t need is not there', async () => {
    const reference = await submitted()
    await act(scene, vetting.client, reference, 'start-vetting')
    for (const item of ['organizational-unit', 'requester-identity', 'constructor', 'nonsense']) {
      expect((await vetting.client.get(`/review/${reference}/checks/${item}`)).status).toBe(404)
      expect((await act(scene, vetting.client, reference, `checks/${item}`, checkOf('government-agency'))).status).toBe(404)
    }
    expect((await dossierOf(reference)).checks).toEqual([])
  })

  test('VET-1: checking does not end while an item is unanswered, forged form or not', async () => {
    const reference = await submitted()
    const base = `/review/${reference}`
    await vet(scene, vetting, reference, { finish: false })
    await database()('vetting_checks').where({ application_id: (await find(reference)).id, item: 'address' }).delete()
    expect((await vetting.client.get(base)).html.includes(`${base}/finish-vetting`)).toBe(false)
    const forged = await act(scene, vetting.client, reference, 'finish-vetting')
    expect([forged.status, forged.text.includes(words('review.refused.checks-open'))]).toEqual([403, true])
    expect(await stateOf(reference)).toBe('vetting')
  })

  test('VET-1, VET-10: with an item that could not be confirmed, or that nobody inspected, an application can be rejected and not approved', async () => {
    for (const defect of [{ outcome: 'not-confirmed' }, { inspected: 0 }]) {
      const reference = await submitted()
      const base = `/review/${reference}`
      await vet(scene, vetting, reference, { finish: false })
      await database()('vetting_checks').where({ application_id: (await find(reference)).id, item: 'address' }).update(defect)
      await act(scene, vetting.client, reference, 'finish-vetting')
      expect(await stateOf(reference)).toBe('vetted')
      const page = await approving.client.get(base)
      expect([page.html.includes(`${base}/approve"`), page.html.includes(`${base}/reject"`)]).toEqual([false, true])
      expect(page.text).toContain(words('review.missing.checks'))
      const forged = await act(scene, approving.client, reference, 'approve', { correlated: 'yes' })
      expect([forged.status, forged.text.includes(words('review.refused.incomplete'))]).toEqual([403, true])
      await act(scene, approving.client, reference, 'reject', { reason: 'The address could not be confirmed.' })
      expect(await stateOf(reference)).toBe('rejected')
    }
  })

  test('VET-5: an application whose checks lapsed while it waited is not approved', async () => {
    const reference = await vetted()
    await database()('vetting_checks').where({ application_id: (await find(reference)).id, item: 'address' }).update({ obtained_on: '2020-01-01', document_date: '2020-01-01' })
    const page = await approving.client.get(`/review/${reference}`)
    expect(page.text).toContain(words('review.check.lapsed'))
    expect(page.text).toContain(words('review.missing.checks'))
    expect(page.html.includes(`/review/${reference}/approve`)).toBe(false)
    const forged = await act(scene, approving.client, reference, 'approve', { correlated: 'yes' })
    expect([forged.status, forged.text.includes(words('review.refused.incomplete'))]).toEqual([403, true])
    expect(await stateOf(reference)).toBe('vetted')
  })

  test('ATT-2: an application without a verified attestation is not approved', async () => {
    const reference = await vetted()
    await database()('assessments').where({ application_id: (await find(reference)).id, kind: 'key-protection' }).delete()
    expect((await approving.client.get(`/review/${reference}`)).text).toContain(words('review.missing.key-protection'))
    expect((await act(scene, approving.client, reference, 'approve', { correlated: 'yes' })).status).toBe(403)
    expect((await dossierOf(reference)).approval).toBeNull()
  })
})

describe('duties apart', () => {
  const forged = async (officer: Officer, reference: string, action: string, why: string, fields: Record<string, string> = { correlated: 'yes', reason: 'A reason of enough length.' }) => {
    const before = await dossierOf(reference)
    const page = await act(scene, officer.client, reference, action, fields)
    expect([page.status, page.text.includes(words(`review.refused.${why}`))], `${action}: ${page.text.slice(-300)}`).toEqual([403, true])
    expect(await dossierOf(reference)).toEqual(before)
  }

  test('ACC-2: who checked an application cannot decide on it, though their roles would let them: not on the page, not by a forged form', async () => {
    const both = await officerOf(scene, ['vetting-officer', 'approving-officer'])
    const reference = await submitted()
    await vet(scene, both, reference)
    expect(await stateOf(reference)).toBe('vetted')
    const page = await both.client.get(`/review/${reference}`)
    expect(page.text).toContain(words('review.refused.vetted-it'))
    for (const action of ['approve', 'reject']) expect(page.html.includes(`/review/${reference}/${action}`)).toBe(false)
    await forged(both, reference, 'approve', 'vetted-it')
    await forged(both, reference, 'reject', 'vetted-it')
  })

  test('ACC-2: who only finished the checking of others has checked it too', async () => {
    const both = await officerOf(scene, ['vetting-officer', 'approving-officer'])
    const reference = await submitted()
    await vet(scene, vetting, reference, { finish: false })
    await act(scene, both.client, reference, 'finish-vetting')
    expect(await stateOf(reference)).toBe('vetted')
    await forged(both, reference, 'approve', 'vetted-it')
  })

  test('ACC-2: who decided does not check what was returned', async () => {
    const both = await officerOf(scene, ['vetting-officer', 'approving-officer'])
    const reference = await vetted()
    await act(scene, both.client, reference, 'approve', { correlated: 'yes' })
    await act(scene, both.client, reference, 'return')
    expect(await stateOf(reference)).toBe('vetting')
    await forged(both, reference, 'checks/address', 'decided-it', checkOf('government-agency') as Record<string, string>)
    await forged(both, reference, 'finish-vetting', 'decided-it')
  })

  test('ACC-2: nobody checks or decides on an application of their own organisation', async () => {
    const insider = await officerOf(scene, ['vetting-officer', 'approving-officer'], { organisation: ORGANISATION.legalName })
    const reference = await submitted()
    expect((await insider.client.get(`/review/${reference}`)).text).toContain(words('review.refused.own-organisation'))
    await forged(insider, reference, 'start-vetting', 'own-organisation')
    await vet(scene, vetting, reference, { finish: false })
    await forged(insider, reference, 'checks/address', 'own-organisation', checkOf('government-agency') as Record<string, string>)
    await forged(insider, reference, 'finish-vetting', 'own-organisation')
    await act(scene, vetting.client, reference, 'finish-vetting')
    for (const action of ['approve', 'reject', 'return']) await forged(insider, reference, action, 'own-organisation')
  })

  test('ACC-2: nobody acts on an application of their own, whatever roles they were given since', async () => {
    const reference = await submitted()
    const { id } = await find(reference)
    const self = await officerOf(scene, ['vetting-officer', 'approving-officer'])
    await database()('applications').where({ id }).update({ applicant_id: self.person.id })
    await forged(self, reference, 'start-vetting', 'own-application')
    await database()('applications').where({ id }).update({ state: 'vetted' })
    await forged(self, reference, 'approve', 'own-application')
    await forged(self, reference, 'reject', 'own-application')
  })

  test('ACC-2: the database refuses a second duty for the same person, even when the rule would let it pass', async () => {
    const reference = await vetted()
    const { id } = await find(reference)
    await expect(database()('duties').insert({ application_id: id, account_id: vetting.person.id, duty: 'decided', taken_at: new Date().toISOString() })).rejects.toSatisfy(isUniqueViolation)
    expect(await scene.portal.services.work(vetting.person.id, (work) => work.applications.takeDuty(id, vetting.person.id, 'decided'))).toBe(false)
  })

  test('ACC-2: an auditor reads everything and can send nothing', async () => {
    const auditor = await officerOf(scene, 'auditor')
    const reference = await vetted()
    expect((await auditor.client.get('/review?show=decide')).html.includes(`href="/review/${reference}"`)).toBe(true)
    const page = await auditor.client.get(`/review/${reference}`)
    expect(page.status).toBe(200)
    expect(page.html).not.toMatch(new RegExp(`action="/review/${reference}`))
    const before = await dossierOf(reference)
    for (const action of ['start-vetting', 'checks/address', 'finish-vetting', 'return', 'approve', 'reject']) {
      const answer = await act(scene, auditor.client, reference, action, { correlated: 'yes', reason: 'A reason of enough length.', ...checkOf('government-agency') })
      expect([answer.status, answer.text.includes(words('errors.refused.role'))], action).toEqual([403, true])
    }
    expect(await dossierOf(reference)).toEqual(before)
  })
})

describe('an approval', () => {
  test('VET-6: returning an approved application voids its approval, on record; a new approval is a new one', async () => {
    const reference = await approved()
    const { id } = await find(reference)
    const first = (await dossierOf(reference)).approval!
    const page = await act(scene, approving.client, reference, 'return')
    expect(page.text).toContain(words('review.notice.returned'))
    expect(await stateOf(reference)).toBe('vetting')
    expect((await dossierOf(reference)).approval).toBeNull()
    expect(await database()('approvals').where({ id: first.id })).toMatchObject([{ digest: first.digest, voided_because: 'returned-to-vetting', voided_at: expect.any(String) }])
    expect((await events(reference)).slice(-2)).toEqual(['application.approval-voided', 'application.returned-to-vetting'])

    await act(scene, vetting.client, reference, 'checks/address', { ...checkOf('government-agency'), document: 'Another document' })
    await act(scene, vetting.client, reference, 'finish-vetting')
    await act(scene, approving.client, reference, 'approve', { correlated: 'yes' })
    const second = (await dossierOf(reference)).approval!
    expect([second.id, second.digest]).not.toEqual([first.id, first.digest])
    expect(second.digest).not.toBe(first.digest)
    expect(await database()('approvals').where({ application_id: id, voided_at: null })).toHaveLength(1)
  })

  test('VET-6: a row that changes after the approval gives another digest', async () => {
    const reference = await approved()
    await database()('applications').where({ reference }).update({ subject_common_name: 'Somebody Else K.K.' })
    const dossier = await dossierOf(reference)
    expect(approvalDigest(dossier, dossier.approval!)).not.toBe(dossier.approval!.digest)
  })

  test('VET-6: an officer who was overtaken changes nothing and is shown what stands', async () => {
    const reference = await vetted()
    const other = await officerOf(scene, 'approving-officer')
    const base = `/review/${reference}`
    await other.client.get(base)
    await approving.client.get(base)
    await act(scene, approving.client, reference, 'approve', { correlated: 'yes' })
    const before = await dossierOf(reference)
    for (const [client, action] of [[other.client, 'approve'], [other.client, 'reject'], [vetting.client, 'start-vetting'], [vetting.client, 'finish-vetting']] as const) {
      const page = await act(scene, client, reference, action, { correlated: 'yes', reason: 'A reason of enough length.' })
      expect([page.status, page.path, page.text.includes(words('review.notice.overtaken'))], action).toEqual([200, base, true])
    }
    const late = await act(scene, vetting.client, reference, 'checks/address', { ...checkOf('government-agency'), document: 'Too late' })
    expect(late.text).toContain(words('review.notice.overtaken'))
    expect(await dossierOf(reference)).toEqual(before)
  })

  test('VET-6: nobody acts on what they did not see: a form drawn before the last change does nothing', async () => {
    const reference = await submitted()
    const base = `/review/${reference}`
    await vet(scene, vetting, reference, { finish: false })
    const seen = Number((await vetting.client.get(base)).value('version'))
    expect(seen).toBe((await find(reference)).version)
    await act(scene, vetting.client, reference, 'checks/address', { ...checkOf('government-agency'), document: 'Changed meanwhile' })
    const stale = async ({ client }: Officer, action: string, fields: Record<string, string> = {}) => {
      const before = await dossierOf(reference)
      const page = await act(scene, client, reference, action, { correlated: 'yes', reason: 'A reason of enough length.', ...fields }, before.application.version - 1)
      expect([page.path, page.text.includes(words('review.notice.overtaken'))], action).toEqual([base, true])
      const without = await client.post(`${base}/${action}`, { correlated: 'yes', reason: 'A reason of enough length.', ...fields })
      expect(without.text.includes(words('review.notice.overtaken')), action).toBe(true)
      expect(await dossierOf(reference)).toEqual(before)
    }
    await stale(vetting, 'checks/address', checkOf('government-agency') as Record<string, string>)
    await stale(vetting, 'finish-vetting')
    await act(scene, vetting.client, reference, 'finish-vetting')
    for (const action of ['approve', 'reject', 'return']) await stale(approving, action)
  })

  test('VET-6: of two officers who approve at the same moment one does, and there is one approval', async () => {
    const reference = await vetted()
    const officers = [approving, await officerOf(scene, 'approving-officer')]
    for (const { client } of officers) await client.get(`/review/${reference}`)
    const pages = await Promise.all(officers.map(({ client }) => act(scene, client, reference, 'approve', { correlated: 'yes' })))
    expect(pages.map((page) => page.status)).toEqual([200, 200])
    const { id } = await find(reference)
    expect(await database()('approvals').where({ application_id: id })).toHaveLength(1)
    expect(await database()('duties').where({ application_id: id, duty: 'decided' })).toHaveLength(1)
    expect((await events(reference)).filter((event) => event === 'application.approved')).toHaveLength(1)
  })
})

describe('a rejection', () => {
  test('VET-7: needs a reason; the applicant gets it by mail and on the page, with who and when', async () => {
    const reference = await vetted()
    const base = `/review/${reference}`
    await approving.client.get(base)
    for (const [reason, sentence] of [['', words('review.errors.reason-short')], ['too short', words('review.errors.reason-short')], ['x'.repeat(2001), words('forms.too-long', { max: '2000' })]] as const) {
      const page = await act(scene, approving.client, reference, 'reject', { reason })
      expect([page.status, page.errors.get('reason'), page.value('reason')]).toEqual([422, sentence, reason])
    }
    expect(await stateOf(reference)).toBe('vetted')
    const reason = 'The register lists <another> address & number.'
    expect((await act(scene, approving.client, reference, 'reject', { reason })).text).toContain(words('review.notice.rejected'))
    expect(await stateOf(reference)).toBe('rejected')
    const [mail] = await scene.portal.mails(applicant.person.email)
    expect(mail).toMatchObject({ subject: words('mail.application-rejected.subject', { reference }), link: `/applications/${reference}`, language: 'en' })
    for (const part of [reason, approving.person.name]) expect(mail!.body).toContain(part)
    const at = /, (\d{4}-\d\d-\d\d \d\d:\d\d UTC)\.\n/.exec(mail!.body)![1]!
    const page = await applicant.client.get(`/applications/${reference}`)
    expect(page.text).toContain(`${approving.person.name}, ${at}`)
    expect(page.text).toContain(reason)
    expect(page.text).toContain(approving.person.name)
    expect((await events(reference)).at(-1)).toBe('application.rejected')
    // It is remembered, and nothing leads on from it.
    expect((await act(scene, approving.client, reference, 'approve', { correlated: 'yes' })).text).toContain(words('review.notice.overtaken'))
  })

  test('VET-7: a rejection is not an officer’s to make before the checking is done', async () => {
    const reference = await submitted()
    const page = await act(scene, approving.client, reference, 'reject', { reason: 'A reason of enough length.' })
    expect(page.text).toContain(words('review.notice.overtaken'))
    expect(await stateOf(reference)).toBe('submitted')
  })
})

describe('what officers see', () => {
  test('APP-6: a draft is nobody’s but the applicant’s; one withdrawn as a draft never appears', async () => {
    const path = await startApplication(applicant.client)
    const reference = referenceOf(path)
    const seen = async () => {
      for (const { client } of [vetting, approving]) {
        expect((await client.get(`/review/${reference}`)).status).toBe(404)
        expect((await act(scene, client, reference, 'start-vetting')).status).toBe(client === vetting.client ? 404 : 403)
        for (const tab of ['vet', 'decide', 'issuing', 'done']) expect((await client.get(`/review?show=${tab}`)).html.includes(reference)).toBe(false)
      }
    }
    await seen()
    await database()('applications').where({ reference }).update({ state: 'withdrawn' })
    await seen()
  })

  test('APP-6: a reference that nobody has, or that no reference can be, is not found', async () => {
    for (const reference of ['A-NOBODY', '%00', '..%2f..', "'; DROP TABLE applications;--", '%F0%9F%92%A9']) expect((await vetting.client.get(`/review/${reference}`)).status, reference).toBe(404)
    expect((await vetting.client.get('/review?show=constructor')).status).toBe(200)
    expect((await vetting.client.get('/review?show=__proto__')).status).toBe(200)
  })

  test('ATT-9: a file of the evidence comes as it was sent, as an attachment that no browser runs', async () => {
    const reference = await submitted()
    const [file] = (await dossierOf(reference)).evidence
    await database()('evidence_files').where({ id: file!.id }).update({ name: '証明書 "1"\ud83d.pem' })
    const page = await vetting.client.get(`/review/${reference}/evidence/${file!.id}`)
    expect(page.status).toBe(200)
    expect(page.bytes.equals(file!.bytes)).toBe(true)
    expect(page.headers.get('content-type')).toBe('application/octet-stream')
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(page.headers.get('content-disposition')).toMatch(/^attachment; filename\*=UTF-8''[\w%.-]+$/)
    // Under its own application alone.
    const other = await submitted()
    expect((await vetting.client.get(`/review/${other}/evidence/${file!.id}`)).status).toBe(404)
    expect((await applicant.client.get(`/review/${reference}/evidence/${file!.id}`)).status).toBe(403)
  })

  test('VET-1: what an applicant or officer wrote is shown as text, never as markup', async () => {
    const reference = await submitted()
    await database()('applications').where({ reference }).update({ organisation_legal_name: '<img src=x onerror=alert(1)>', organisation_phone: '"><script>' })
    await vet(scene, vetting, reference, { finish: false })
    await act(scene, vetting.client, reference, 'checks/address', { ...checkOf('government-agency'), document: '</dd><script>alert(1)</script>' })
    for (const path of ['/review', `/review/${reference}`, `/review/${reference}/checks/address`]) {
      const page = await vetting.client.get(path)
      expect(page.status).toBe(200)
      expect(page.html).not.toMatch(/<img src=x|<script>/)
    }
    expect(today()).toMatch(/^\d{4}-/)
  })

  test('APP-6: held applications show why, and can be returned or rejected but not approved', async () => {
    const reference = await approved()
    const findings = [{ code: 'approval-void', row: 'VET-6', message: { key: 'review.refused.incomplete' } }]
    await database()('applications').where({ reference }).update({ state: 'held', hold_findings: JSON.stringify(findings) })
    const page = await approving.client.get(`/review/${reference}`)
    expect(page.text).toContain(words('review.dossier.hold'))
    expect(page.text).toContain('VET-6')
    expect(page.html.includes(`/review/${reference}/approve"`)).toBe(false)
    expect((await act(scene, approving.client, reference, 'approve', { correlated: 'yes' })).text).toContain(words('review.notice.overtaken'))
    await act(scene, approving.client, reference, 'return')
    expect(await find(reference)).toMatchObject({ state: 'vetting', holdFindings: null })
    expect((await dossierOf(reference)).approval).toBeNull()
  })
})
