/** What people do in more than one journey, each through the pages' own forms. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { DemoKey } from '../../src/commands/make-demo-key.ts'
import { codeOf, type Person } from '../support/browser.ts'

export interface Credentials {
  readonly name: string
  readonly email: string
  readonly password: string
}

export const ORGANISATION = {
  legalName: 'Journey Software K.K.',
  country: 'JP',
  postalCode: '100-0001',
  state: 'Tokyo',
  locality: 'Chiyoda-ku',
  street: '1-1 Chiyoda',
  registrationNumber: '8000000000001',
  foundedOn: '2001-04-02',
  phone: '+81 3 0000 0000',
} as const

export const STEPS = ['organisation', 'agreements', 'subject', 'request', 'key-protection'] as const

/** Opens the link of that kind in the newest mail to somebody, waiting until it was sent. */
export async function openMail(person: Person, to: string, prefix: string): Promise<void> {
  await person.visit('/mail')
  const link = person.main.locator('article', { hasText: to }).locator(`a[href*="${prefix}"]`).first()
  for (let attempt = 0; (await link.count()) === 0; attempt++) {
    if (attempt === 20) throw new Error(`no mail with ${prefix} came to ${to}`)
    await sleep(250)
    await person.visit('/mail')
  }
  await person.arrive(() => link.click())
}

/** On the enrolment page: takes the key shown, proves it, keeps the recovery codes. */
export async function enrol(person: Person): Promise<{ readonly key: string; readonly recoveryCodes: readonly string[] }> {
  expect(await person.heading()).toBe(person.words('second-factor.enrol.title'))
  expect(await person.main.locator('img[src="/second-factor/qr.svg"]').evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(20)
  const key = await person.main.locator('.copyable code').innerText()
  await person.fill({ code: await codeOf(key) })
  await person.press(person.words('second-factor.enrol.submit'))
  expect(await person.heading()).toBe(person.words('second-factor.codes.title'))
  const recoveryCodes = (await person.main.locator('pre [data-copy]').innerText()).trim().split(/\s+/)
  expect(recoveryCodes).toHaveLength(10)
  await person.press(person.words('second-factor.codes.submit'))
  return { key, recoveryCodes }
}

/** The form with the password, then the form with the code. */
export async function signIn(person: Person, { email, password, key }: Pick<Credentials, 'email' | 'password'> & { readonly key: string }): Promise<void> {
  await person.visit('/sign-in')
  await person.fill({ email, password })
  await person.press(person.words('sign-in.submit'))
  await person.fill({ code: await codeOf(key) })
  await person.press(person.words('second-factor.submit'))
}

/** Registers, confirms by mail, enrols. */
export async function register(person: Person, { name, email, password }: Credentials): Promise<{ readonly key: string }> {
  await person.visit('/register')
  await person.fill({ name, email, password })
  await person.press(person.words('register.submit'))
  expect(await person.text()).toContain(person.words('register.sent.text'))
  await openMail(person, email, '/register/confirm/')
  await person.fill({ password })
  await person.press(person.words('register.confirm.submit'))
  return enrol(person)
}

/** Starts an application; returns its reference. */
export async function start(person: Person): Promise<string> {
  await person.visit('/applications')
  await person.press(person.words('applications.start'))
  const reference = /^\/applications\/([^/]+)$/.exec(person.path)?.[1]
  expect(reference, 'the reference in the address').toBeDefined()
  return reference!
}

export async function stateOrganisation(person: Person): Promise<void> {
  await person.fill(ORGANISATION)
  await person.press(person.words('forms.continue'))
}

/** Ticks every box. */
export async function agree(person: Person): Promise<void> {
  for (const box of await person.main.locator('input[type=checkbox]').all()) await box.check()
  await person.press(person.words('forms.continue'))
}

export async function nameSubject(person: Person): Promise<void> {
  await person.fill({ commonName: ORGANISATION.legalName, country: ORGANISATION.country, state: ORGANISATION.state, locality: ORGANISATION.locality })
  await person.press(person.words('forms.continue'))
}

/** A new application up to the request, which is left open. Returns its reference. */
export async function startUpToRequest(person: Person): Promise<string> {
  const reference = await start(person)
  await person.visit(`/applications/${reference}/organisation`)
  await stateOrganisation(person)
  await agree(person)
  await nameSubject(person)
  return reference
}

export async function stateProtection(person: Person): Promise<void> {
  await person.fill({ option: 'own-module', representation: true, method: '2' })
  await person.press(person.words('forms.continue'))
}

export async function upload(person: Person, files: readonly { readonly name: string; readonly bytes: string | Buffer }[]): Promise<void> {
  await person.main.locator('[name="evidence"]').setInputFiles(files.map(({ name, bytes }) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) })))
  await person.press(person.words('key-protection.evidence.upload'))
}

export const evidenceOf = (key: DemoKey) => [
  { name: 'attestation.pem', bytes: key.attestationPem },
  { name: 'intermediate.pem', bytes: key.intermediatePem },
]

/** From a draft's own page through every step up to the last, which is left open. */
export async function fillDraft(person: Person, reference: string, key: DemoKey): Promise<void> {
  const at = (step: string) => expect(person.path).toBe(`/applications/${reference}/${step}`)
  await person.visit(`/applications/${reference}/organisation`)
  await stateOrganisation(person)
  at('agreements')
  await agree(person)
  at('subject')
  await nameSubject(person)
  at('request')
  await person.fill({ request: key.requestPem })
  await person.press(person.words('apply.request.check'))
  at('key-protection')
  await stateProtection(person)
  await upload(person, evidenceOf(key))
  await person.follow(person.words('key-protection.next'))
  at('submit')
}

export async function submit(person: Person): Promise<void> {
  await person.fill({ accuracy: true })
  await person.press(person.words('apply.submit.button'))
  expect(await person.text()).toContain(person.words('apply.submit.done'))
}

/** The vetting officer takes the application up and confirms every item of the checklist. Returns how many. */
export async function vet(person: Person, reference: string): Promise<number> {
  const today = new Date().toISOString().slice(0, 10)
  await person.visit(`/review/${reference}`)
  await person.press(person.words('lifecycle.move.start-vetting'))
  const links = await person.main.locator(`a[href^="/review/${reference}/checks/"]`).evaluateAll((found) => found.map((link) => link.getAttribute('href')!))
  const items = [...new Set(links)]
  for (const path of items) {
    await person.arrive(() => person.main.locator(`a[href="${path}"]`).first().click())
    const source = await person.main.locator('[name="source"] option').nth(1).getAttribute('value')
    await person.fill({ outcome: 'confirmed', source: source!, document: 'Extract 2026-0001 of the register', documentDate: today, obtainedOn: today, inspected: true, note: 'Compared with the register.' })
    await person.press(person.words('review.check.record'))
  }
  await person.press(person.words('lifecycle.move.finish-vetting'))
  return items.length
}

/** Waits until the `ca` process has issued, then opens the certificate's page. */
export async function openCertificate(person: Person, reference: string, seconds = 40): Promise<void> {
  const path = `/applications/${reference}/certificate`
  for (let attempt = 0; (await person.page.request.get(new URL(path, person.baseUrl).href)).status() !== 200; attempt++) {
    if (attempt === seconds * 4) throw new Error(`no certificate came within ${seconds} s`)
    await sleep(250)
  }
  await person.visit(`/applications/${reference}`)
  await person.follow(person.words('applications.to-certificate'))
}

/** Revokes by the two forms. */
export async function revoke(person: Person, ground: string, explanation: string): Promise<void> {
  await person.follow(person.words('delivery.revoke.link'))
  await person.fill({ ground, explanation })
  await person.press(person.words('delivery.revoke.continue'))
  expect(await person.heading()).toBe(person.words('delivery.revoke.confirm-title'))
  await person.press(person.words('delivery.revoke.confirm'))
}
