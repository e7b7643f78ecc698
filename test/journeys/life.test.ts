/** One application's whole life in English, in a real browser, on the product that `npm start` runs. */
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DemoKey } from '../../src/commands/make-demo-key.ts'
import { ocspStatus } from '../../src/commands/openssl-status.ts'
import { haveChromium, NO_CHROMIUM, openBrowser, type Person } from '../support/browser.ts'
import { startInstance, type Instance } from '../support/instance.ts'
import { agree, enrol, evidenceOf, fillDraft, nameSubject, openCertificate, openMail, ORGANISATION, register, revoke, signIn, start, stateProtection, submit, upload, vet } from './steps.ts'

const available = haveChromium()
const PASSWORD = 'harbour violet ladder 27'
const SUBSCRIBER = { name: 'Hana Mori', email: 'hana@journey.example', password: PASSWORD }

describe.skipIf(!available)(available ? 'the life of an application' : NO_CHROMIUM, () => {
  let instance: Instance
  let browser: Awaited<ReturnType<typeof openBrowser>>
  let key: DemoKey
  const folder = mkdtempSync(join(tmpdir(), 'journey-'))
  const people = new Map<string, Person>()
  const who = (name: string): Person => people.get(name)!
  let subscriberKey: string
  let reference: string
  let certificate: X509Certificate

  const comes = async (name: string, options?: Parameters<typeof browser.person>[1]) => {
    const person = await browser.person(instance.portalUrl, options)
    people.set(name, person)
    return person
  }
  /** Opens the invitation and accepts it. */
  const joins = async (name: string, email: string) => {
    const person = await comes(name)
    await openMail(person, email, '/invitation/')
    await person.fill({ name: `${name} Person`, password: PASSWORD })
    await person.press(person.words('register.submit'))
    await enrol(person)
    return person
  }

  beforeAll(async () => {
    ;[instance, browser] = await Promise.all([startInstance({ fromNothing: true }), openBrowser('life')])
    key = await instance.demoKey('CN=Name that the request asks for')
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
    if (!instance) return
    await instance.stop()
    expect(instance.faults()).toEqual([])
  })

  test('ACC-1: the first administrator comes by the printed link, with password and TOTP; the link is good once', async () => {
    const admin = await comes('Admin')
    const link = new URL(instance.firstAdministratorLink!).pathname
    await admin.visit(link)
    await admin.fill({ name: 'Admin Person', email: 'admin@ca.example', password: PASSWORD })
    await admin.press(admin.words('register.submit'))
    const { recoveryCodes } = await enrol(admin)
    await admin.visit(link, { status: 404 })

    await admin.arrive(() => admin.page.getByRole('button', { name: admin.words('frame.menu.sign-out') }).click())
    await admin.fill({ email: 'admin@ca.example', password: PASSWORD })
    await admin.press(admin.words('sign-in.submit'))
    await admin.follow(admin.words('second-factor.recovery.link'))
    await admin.fill({ code: recoveryCodes[0]! })
    await admin.press(admin.words('second-factor.submit'))
    expect(await admin.page.locator('.menu').innerText()).toContain('Admin Person')
  })

  test('ACC-2: staff come by invitation; once there are two administrators, both act for each', async () => {
    const admin = who('Admin')
    const invite = async (email: string, role: string) => {
      await admin.visit('/people')
      await admin.fill({ email, roles: role })
      await admin.press(admin.words('people.invite.submit'))
    }
    await invite('second@ca.example', 'administrator')
    expect(await admin.text()).toContain(admin.words('people.invited.sent'))
    const second = await joins('Second', 'second@ca.example')

    for (const role of ['vetting-officer', 'approving-officer', 'revocation-officer', 'auditor']) await invite(`${role}@ca.example`, role)
    expect(await admin.text()).toContain(admin.words('people.open.other-confirms'))
    expect(await admin.main.getByRole('button', { name: admin.words('people.open.confirm') }).count()).toBe(0)

    await second.visit('/people')
    for (let waiting = 4; waiting > 0; waiting--) {
      const confirm = second.main.getByRole('button', { name: second.words('people.open.confirm') })
      expect(await confirm.count()).toBe(waiting)
      await second.arrive(() => confirm.first().click())
    }
    for (const [name, role] of [['Vetting', 'vetting-officer'], ['Approving', 'approving-officer'], ['Revoking', 'revocation-officer'], ['Auditor', 'auditor']] as const) await joins(name, `${role}@ca.example`)
  })

  test('ACC-1: a subscriber registers, confirms the address by mail and sets up the second factor', async () => {
    const subscriber = await comes('Subscriber')
    await subscriber.visit('/')
    subscriberKey = (await register(subscriber, SUBSCRIBER)).key
    await subscriber.follow(subscriber.words('frame.menu.applications'))
    expect(await subscriber.text()).toContain(subscriber.words('applications.none'))
  })

  test('APP-6: the organisation is stated by keyboard alone; what is wrong is said at its field and nothing typed is lost', async () => {
    const subscriber = who('Subscriber')
    reference = await start(subscriber)
    await subscriber.follow(subscriber.words('apply.step.organisation.title'))
    const { keyboard } = subscriber.page
    await keyboard.press('Tab')
    expect(await focused(subscriber)).toMatchObject({ name: subscriber.words('frame.skip'), visible: true })
    await keyboard.press('Enter')
    const typed = { ...ORGANISATION, registrationNumber: '8000000000002' }
    const order: string[] = []
    for (let presses = 0; presses < 30; presses++) {
      await keyboard.press('Tab')
      const at = await focused(subscriber)
      if (at.field === null && at.element !== 'button') continue
      expect(at.visible, `the focus on ${at.field ?? at.name} can be seen`).toBe(true)
      if (at.element === 'button') break
      order.push(at.field!)
      await keyboard.type(at.element === 'select' ? 'Japan' : typed[at.field as keyof typeof typed])
    }
    expect(order).toEqual(['legalName', 'country', 'postalCode', 'state', 'locality', 'street', 'registrationNumber', 'foundedOn', 'phone'])
    await subscriber.arrive(() => keyboard.press('Enter'), { status: 422 })
    expect(await subscriber.errors()).toEqual([subscriber.words('apply.organisation.error.corporate-number')])
    expect(await subscriber.main.locator('#registrationNumber-error').innerText()).toContain(subscriber.words('apply.organisation.error.corporate-number'))
    for (const [name, value] of Object.entries(typed)) expect(await subscriber.value(name), name).toBe(value)

    await subscriber.page.getByRole('link', { name: subscriber.words('apply.organisation.error.corporate-number') }).click()
    expect((await focused(subscriber)).field).toBe('registrationNumber')
    await keyboard.press('ControlOrMeta+a')
    await keyboard.type(ORGANISATION.registrationNumber)
    await subscriber.arrive(() => keyboard.press('Enter'))
    expect(subscriber.path).toBe(`/applications/${reference}/agreements`)
  })

  test('APP-1, APP-6: agreements and subject; going back and forth loses nothing', async () => {
    const subscriber = who('Subscriber')
    const title = instance.services.policy.texts.find((text) => text.document === 'subscriber-agreement' && text.language === 'en')!.title
    await subscriber.follow(subscriber.words('apply.agreements.read', { title }))
    await subscriber.follow(subscriber.words('apply.agreements.back'))
    await agree(subscriber)
    await nameSubject(subscriber)
    expect(subscriber.path).toBe(`/applications/${reference}/request`)

    await subscriber.follow(subscriber.words('apply.back', { reference }))
    const done = subscriber.main.locator('.task', { hasText: subscriber.words('apply.step-state.done') })
    expect(await done.count()).toBe(3)
    await subscriber.follow(subscriber.words('apply.step.organisation.title'))
    for (const [name, value] of Object.entries(ORGANISATION)) expect(await subscriber.value(name), name).toBe(value)
    await subscriber.visit(`/applications/${reference}/agreements`)
    expect(await subscriber.main.locator('input[type=checkbox]:checked').count()).toBe(4)
    await subscriber.visit(`/applications/${reference}/subject`)
    expect(await subscriber.value('commonName')).toBe(ORGANISATION.legalName)
    await subscriber.arrive(() => subscriber.page.goBack())
    expect(subscriber.path).toBe(`/applications/${reference}/agreements`)
  })

  test('APP-2, ATT-2: the request is checked at once, the attestation answers five questions, all is handed in', async () => {
    const subscriber = who('Subscriber')
    await subscriber.visit(`/applications/${reference}/request`)
    await subscriber.fill({ request: key.requestPem })
    await subscriber.press(subscriber.words('apply.request.check'))
    expect(await subscriber.text()).toContain(subscriber.words('apply.request.saved'))
    await stateProtection(subscriber)
    await upload(subscriber, evidenceOf(key))
    expect(await subscriber.text()).toContain(subscriber.words('attestation.verdict.verified'))
    expect(await subscriber.main.locator('.finding-pass').count()).toBe(5)
    await subscriber.visit(`/applications/${reference}/request`)
    expect(await subscriber.text()).toContain('RSA, 3072 bits')
    expect(await subscriber.text()).toContain('Name that the request asks for')

    await subscriber.visit(`/applications/${reference}`)
    await subscriber.follow(subscriber.words('apply.step.submit.title'))
    await subscriber.press(subscriber.words('apply.submit.button'), { status: 422 })
    expect(await subscriber.errors()).toEqual([subscriber.words('apply.submit.error.accuracy')])
    await submit(subscriber)
    expect(await subscriber.text()).toContain(subscriber.words('lifecycle.waits-for.vetting-officer'))
  })

  test('VET-1, VET-6: one officer checks, another approves, the ca process issues', async () => {
    const [vetting, approving, subscriber] = [who('Vetting'), who('Approving'), who('Subscriber')]
    await vetting.follow(vetting.words('frame.menu.review'))
    await vetting.follow(reference)
    expect(await vet(vetting, reference)).toBeGreaterThanOrEqual(4)
    expect(await vetting.text()).toContain(vetting.words('review.notice.vetted'))
    expect(await vetting.main.getByRole('button', { name: vetting.words('lifecycle.move.approve') }).count()).toBe(0)

    await approving.follow(approving.words('frame.menu.review'))
    await approving.follow(reference)
    await approving.press(approving.words('lifecycle.move.approve'), { status: 422 })
    expect(await approving.errors()).toEqual([approving.words('forms.tick')])
    await approving.fill({ correlated: true })
    await approving.press(approving.words('lifecycle.move.approve'))
    expect(await approving.text()).toContain(approving.words('review.notice.approved'))
    await openCertificate(subscriber, reference)
  })

  test('ACP-1, CRT-2: the subscriber downloads the certificate, whose subject is what was verified, and accepts it', async () => {
    const subscriber = who('Subscriber')
    const pem = await subscriber.download(subscriber.words('delivery.download.pem'))
    certificate = new X509Certificate(pem.bytes)
    expect(certificate.subject).toContain(`CN=${ORGANISATION.legalName}`)
    expect(certificate.subject).not.toContain('asks for')
    expect(await subscriber.text()).toContain(certificate.fingerprint256)
    const chain = (await subscriber.download(subscriber.words('delivery.download.chain-pem'))).bytes.toString().match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g)!.map((each) => new X509Certificate(each))
    expect(chain[0]!.raw.equals(certificate.raw)).toBe(true)
    expect(certificate.verify(chain[1]!.publicKey)).toBe(true)
    writeFileSync(join(folder, 'issuing.pem'), chain[1]!.toString())
    for (const kind of ['cer', 'p7b']) expect((await subscriber.download(subscriber.words(`delivery.download.${kind}`))).bytes.length).toBeGreaterThan(1000)

    await subscriber.press(subscriber.words('delivery.accept.button'))
    expect(await subscriber.text()).toContain(subscriber.words('delivery.accept.done'))
    await subscriber.visit(`/applications/${reference}`)
    expect(await subscriber.text()).toContain(subscriber.words('lifecycle.explain.accepted'))
  })

  test('REV-1, REV-4, OCS-1: the subscriber revokes, and openssl sees it revoked within seconds', async () => {
    const subscriber = who('Subscriber')
    const address = (of: X509Certificate, method: string) => new RegExp(`${method} - URI:(\\S+)`).exec(of.infoAccess ?? '')![1]!
    const issuing = new X509Certificate(await (await fetch(address(certificate, 'CA Issuers'))).arrayBuffer().then(Buffer.from))
    const root = new X509Certificate(await (await fetch(address(issuing, 'CA Issuers'))).arrayBuffer().then(Buffer.from))
    writeFileSync(join(folder, 'root.pem'), root.toString())
    const place = { url: address(certificate, 'OCSP'), issuing: join(folder, 'issuing.pem'), root: join(folder, 'root.pem') }
    expect(await ocspStatus(place, certificate.serialNumber)).toBe('good')

    await subscriber.visit(`/applications/${reference}/certificate`)
    await revoke(subscriber, 'superseded', 'A newer certificate takes its place.')
    const revokedAt = Date.now()
    expect(await subscriber.text()).toContain(subscriber.words('delivery.revoke.done'))
    let status = ''
    while (status !== 'revoked' && Date.now() - revokedAt < 10_000) {
      status = await ocspStatus(place, certificate.serialNumber)
      if (status !== 'revoked') await sleep(250)
    }
    expect(status).toBe('revoked')
    await subscriber.visit(`/applications/${reference}`)
    expect(await subscriber.text()).toContain(subscriber.words('lifecycle.explain.revoked'))
  })

  test('ACC-2, LOG-1: the auditor sees every event and the chain whole, and can change nothing', async () => {
    const auditor = who('Auditor')
    await auditor.follow(auditor.words('frame.menu.audit'))
    const log = await auditor.text()
    expect(log).toContain(auditor.words('audit.chain.intact'))
    for (const event of ['certificate.revoked', 'certificate.accepted', 'certificate.issued', 'application.approved', 'application.vetted', 'application.submitted']) expect(log).toContain(auditor.words(`audit.events.${event}`))
    await auditor.follow(auditor.words('audit.older'))

    await auditor.visit(`/review/${reference}`)
    expect(await auditor.main.locator('form').count()).toBe(0)
    await auditor.visit('/certificates')
    await auditor.arrive(() => auditor.main.locator('td a').first().click())
    expect(await auditor.main.locator('form').count()).toBe(0)
    await auditor.visit('/people', { status: 403 })
    expect(await auditor.text()).toContain(auditor.words('errors.refused.role'))
    const token = await auditor.csrf()
    for (const path of [`/review/${reference}/reject`, `/review/${reference}/start-vetting`, `/certificates/${certificate.serialNumber.toLowerCase()}/revoke`, '/people', '/applications']) {
      const answer = await auditor.forge(path, { _csrf: token, reason: 'The auditor would like to decide.' })
      expect(answer.status, path).toBe(403)
    }
  })

  test('REV-1: the revocation officer finds the certificate, already revoked', async () => {
    const officer = who('Revoking')
    await officer.visit('/certificates')
    expect(await officer.text()).toContain(officer.words('certificates.status.revoked'))
    await officer.arrive(() => officer.main.locator('td a').first().click())
    expect(await officer.main.locator('form').count()).toBe(0)
    expect(await officer.text()).toContain('A newer certificate takes its place.')
  })

  test('APP-6: without JavaScript an applicant signs in, fills every form, uploads and hands in', async () => {
    const plain = await comes('Plain', { javaScript: false })
    await signIn(plain, { ...SUBSCRIBER, key: subscriberKey })
    const second = await start(plain)
    await fillDraft(plain, second, await instance.demoKey('CN=Second'))
    expect(await plain.text()).toContain(plain.words('attestation.verdict.verified'))
    expect(await plain.main.locator('.copy-button').count()).toBe(0)
    await submit(plain)
  })
})

/** What has the focus, and whether a sighted person can tell. */
function focused(person: Person): Promise<{ readonly element: string; readonly field: string | null; readonly name: string; readonly visible: boolean }> {
  return person.page.evaluate(() => {
    const element = document.activeElement as HTMLElement
    const style = getComputedStyle(element)
    return { element: element.localName, field: element.getAttribute('name'), name: element.innerText?.trim() ?? '', visible: (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none' }
  })
}
