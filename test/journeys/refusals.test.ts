/** What is refused, each with the sentence that the person reads. */
import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DemoKey } from '../../src/commands/make-demo-key.ts'
import { haveSamples, NO_SAMPLES, sample } from '../support/attestation-samples.ts'
import { haveChromium, NO_CHROMIUM, openBrowser, type Person } from '../support/browser.ts'
import { startInstance, type Instance } from '../support/instance.ts'
import { createPerson, type Person as Account } from '../support/portal.ts'
import { agree, evidenceOf, fillDraft, nameSubject, ORGANISATION, signIn, start, stateOrganisation, stateProtection, submit, upload, vet } from './steps.ts'

const available = haveChromium()
const samples = available && haveSamples()

describe.skipIf(!available)(available ? 'refusals' : NO_CHROMIUM, () => {
  let instance: Instance
  let browser: Awaited<ReturnType<typeof openBrowser>>
  let applicant: Person
  let key: DemoKey
  let account: Account
  let reference: string

  beforeAll(async () => {
    ;[instance, browser] = await Promise.all([startInstance(), openBrowser('refusals')])
    applicant = await browser.person(instance.portalUrl)
    account = await createPerson(instance.services, { roles: ['subscriber'] })
    key = await instance.demoKey('CN=Refusals')
  })
  afterAll(async () => {
    await browser?.close()
    if (!instance) return
    await instance.stop()
    expect(instance.faults()).toEqual([])
  })

  const at = (step: string) => `/applications/${reference}/${step}`
  const stored = () => instance.services.applications.findByReference(reference)
  const finding = (person: Person, question: string) => person.main.locator('.finding', { hasText: person.words(`attestation.question.${question}`) })

  test('ACC-3: a wrong password and a wrong code are refused without saying more', async () => {
    await applicant.visit('/sign-in')
    await applicant.fill({ email: account.email, password: 'not the password at all' })
    await applicant.press(applicant.words('sign-in.submit'), { status: 422 })
    expect(await applicant.errors()).toEqual([applicant.words('sign-in.wrong')])
    expect(await applicant.value('email')).toBe(account.email)
    expect(await applicant.value('password')).toBe('')
    const unknown = await browser.person(instance.portalUrl)
    await unknown.visit('/sign-in')
    await unknown.fill({ email: 'nobody@people.example', password: 'not the password at all' })
    await unknown.press(unknown.words('sign-in.submit'), { status: 422 })
    expect(await unknown.errors()).toEqual([unknown.words('sign-in.wrong')])

    await applicant.fill({ password: account.password })
    await applicant.press(applicant.words('sign-in.submit'))
    await applicant.fill({ code: '000000' })
    await applicant.press(applicant.words('second-factor.submit'), { status: 422 })
    expect(await applicant.errors()).toEqual([applicant.words('second-factor.wrong')])
    await applicant.visit('/applications')
    expect(await applicant.heading()).toBe(applicant.words('sign-in.title'))
    await signIn(applicant, { ...account, key: account.secret })
    expect(applicant.path).toBe('/applications')
  })

  test('a form without its token changes nothing, and says so', async () => {
    await applicant.page.locator('main input[name="_csrf"]').evaluate((input) => input.remove())
    await applicant.press(applicant.words('applications.start'), { status: 403, name: 'stale-form' })
    expect(await applicant.heading()).toBe(applicant.words('errors.stale-form.title'))
    expect(await applicant.text()).toContain(applicant.words('errors.stale-form.text'))
    await applicant.visit('/applications')
    expect(await applicant.text()).toContain(applicant.words('applications.none'))
  })

  test('a private key pasted as a request is refused, not kept and not shown again', async () => {
    reference = await start(applicant)
    await applicant.follow(applicant.words('apply.step.organisation.title'))
    await stateOrganisation(applicant)
    await agree(applicant)
    await nameSubject(applicant)
    const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    await applicant.fill({ request: pem })
    await applicant.press(applicant.words('apply.request.check'), { status: 422 })
    expect(await applicant.errors()).toEqual([applicant.words('certificate-request.refused.private-key')])
    expect(await applicant.page.content()).not.toContain(pem.split('\n')[1])
    expect((await stored())!.request).toBeNull()
    expect(instance.output()).not.toContain(pem.split('\n')[1])
  })

  test('KEY-1: a request with a key of 2048 bits is refused at its field; the text comes back as it was', async () => {
    const small = await instance.demoKey('CN=Small', 2048)
    await applicant.fill({ request: small.requestPem })
    await applicant.press(applicant.words('apply.request.check'), { status: 422 })
    const sentence = applicant.words('apply.request.error.rule', { title: applicant.words('key-rules.KEY-1.title'), observed: applicant.words('key-rules.KEY-1.observed.rsa', { bits: '2048' }), remedy: applicant.words('key-rules.KEY-1.remedy') })
    expect(await applicant.errors()).toEqual([sentence])
    expect(await applicant.main.locator('#request-error').innerText()).toContain(sentence)
    expect((await applicant.value('request')).trim()).toBe(small.requestPem.trim())
    expect(await applicant.text()).toContain('RSA, 2048 bits')
    expect((await stored())!.request).toBeNull()
  })

  test('ATT-2: an attestation for another key is refused by its question, and the application is not taken', async () => {
    await applicant.visit(at('request'))
    await applicant.fill({ request: key.requestPem })
    await applicant.press(applicant.words('apply.request.check'))
    await stateProtection(applicant)
    await upload(applicant, evidenceOf(await instance.demoKey('CN=Another')))
    expect(await applicant.text()).toContain(applicant.words('attestation.verdict.refused'))
    expect(await applicant.main.locator('.finding-fail').count()).toBe(1)
    const sameKey = await finding(applicant, 'same-key').innerText()
    expect(sameKey).toContain(applicant.words('attestation.same-key.remedy'))
    expect(sameKey).toContain(applicant.words('attestation.same-key.differs', { type: 'RSA-3072', sha256: '' }).slice(0, 40))

    await applicant.visit(at('submit'))
    await applicant.fill({ accuracy: true })
    await applicant.press(applicant.words('apply.submit.button'), { status: 422 })
    expect(await applicant.errors()).toEqual([applicant.words('apply.submit.error.incomplete')])
    expect(await applicant.text()).toContain(applicant.words('apply.missing.key-protection.refused'))
    expect((await stored())!.state).toBe('draft')
  })

  test.skipIf(!samples)(samples ? 'ATT-2: a genuine YubiKey that is no FIPS device is refused as not certified' : NO_SAMPLES, async () => {
    await applicant.visit(at('key-protection'))
    for (const remove = applicant.main.getByRole('button', { name: new RegExp(`^${applicant.words('key-protection.evidence.remove')}`) }); (await remove.count()) > 0; ) await applicant.arrive(() => remove.first().click())
    await upload(applicant, ['26551025-Slot9CAttestation.pem', '26551025-SlotF9Intermediate.pem'].map((name) => ({ name, bytes: sample(`yubico-piv/docker-tuf/${name}`) })))
    expect(await applicant.text()).toContain(applicant.words('attestation.verdict.refused'))
    expect(await finding(applicant, 'genuine-device').getAttribute('class')).toContain('finding-pass')
    const certified = finding(applicant, 'certified-module')
    expect(await certified.getAttribute('class')).toContain('finding-fail')
    expect(await certified.innerText()).toContain(applicant.words('attestation.yubikey-piv.fips.neither', { firmware: '5.4.3' }))
    expect(await certified.innerText()).toContain(applicant.words('attestation.yubikey-piv.remedy.fips-device'))
    expect(await finding(applicant, 'same-key').getAttribute('class')).toContain('finding-fail')
  })

  test('another subscriber\'s application does not exist', async () => {
    const other = await createPerson(instance.services, { roles: ['subscriber'], organisation: 'Other K.K.' })
    const stranger = await browser.person(instance.portalUrl)
    await signIn(stranger, { ...other, key: other.secret })
    await stranger.visit(`/applications/${reference}`, { status: 404, name: 'not-found' })
    expect(await stranger.text()).toContain(stranger.words('errors.not-found.text'))
    for (const step of ['organisation', 'submit', 'certificate']) await stranger.visit(at(step), { status: 404 })
    await stranger.visit('/applications')
    const token = await stranger.csrf()
    const before = await stored()
    for (const step of ['organisation', 'withdraw', 'submit', 'certificate/revoke']) expect((await stranger.forge(at(step), { _csrf: token, ...ORGANISATION, version: String(before!.version), accuracy: 'yes' })).status, step).toBe(404)
    expect(await stored()).toEqual(before)
  })

  test('VET-6, ACC-2: an officer with both roles who checked an application can\'t approve it, by page or by force', async () => {
    const both = await createPerson(instance.services, { roles: ['vetting-officer', 'approving-officer'], name: 'Both Roles' })
    const officer = await browser.person(instance.portalUrl)
    await signIn(officer, { ...both, key: both.secret })
    await fillDraft(applicant, reference = await start(applicant), await instance.demoKey('CN=Good'))
    await submit(applicant)
    await vet(officer, reference)

    const text = await officer.text()
    expect(text).toContain(officer.words('review.dossier.not-you'))
    expect(text).toContain(officer.words('review.refused.vetted-it'))
    for (const move of ['approve', 'reject']) expect(await officer.main.getByRole('button', { name: officer.words(`lifecycle.move.${move}`) }).count()).toBe(0)
    for (const move of ['approve', 'reject']) {
      const forged = await officer.forge(`/review/${reference}/${move}`, { _csrf: await officer.csrf(), correlated: 'yes', reason: 'Because I would like to.' })
      expect(forged.status).toBe(403)
      expect(forged.html).toContain(officer.words('review.refused.vetted-it'))
    }
    expect((await stored())!.state).toBe('vetted')
  })
})
