/** The steps of one life, each through the pages' own forms. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'node-html-parser'
import { generate } from 'otplib'
import type { OrganisationStatement } from '../application/application.ts'
import { StartRefused } from '../process.ts'
import { DemoBrowser } from './demo-browser.ts'
import type { DemoPerson } from './demo-people-make.ts'
import type { DemoKey } from './make-demo-key.ts'

export interface Walker {
  readonly base: string
  readonly now: () => Date
  tell(step: string): void
}

const lastStep = new Map<string, number>()

/** A code that the portal will take: each is good once, so the step before and after the present one serve too; then it waits. */
async function freshCode(secret: string, walker: Walker): Promise<string> {
  const present = (ahead = 0) => Math.floor((walker.now().getTime() + ahead) / 30_000)
  // The oldest one must still be taken when it arrives, which a busy machine delays.
  const wanted = Math.max(present(15_000) - 1, (lastStep.get(secret) ?? 0) + 1)
  if (wanted > present() + 1) walker.tell('  (waiting for the next code of the authenticator: each is good once)')
  while (wanted > present() + 1) await sleep(500)
  lastStep.set(secret, wanted)
  return generate({ secret, epoch: wanted * 30 })
}

export async function signIn(walker: Walker, person: Pick<DemoPerson, 'email' | 'password' | 'totpSecret'>): Promise<DemoBrowser> {
  const browser = new DemoBrowser(walker.base)
  await browser.get('/sign-in')
  await browser.submit('/sign-in', { email: person.email, password: person.password })
  for (let attempt = 1; ; attempt++)
    try {
      await browser.submit('/second-factor', { code: await freshCode(person.totpSecret, walker) })
      return browser
    } catch (error) {
      // Another run may have used this code: the next one is tried, the limit of the portal respected.
      if (attempt === 3 || !StartRefused.is(error)) throw error
      await browser.get('/second-factor')
    }
}

/** Registration as a newcomer does it: form, mail, confirmation, second factor, recovery codes. */
export async function register(walker: Walker, person: { readonly name: string; readonly email: string; readonly password: string }): Promise<{ browser: DemoBrowser; totpSecret: string }> {
  const browser = new DemoBrowser(walker.base)
  await browser.get('/register')
  await browser.submit('/register', person)
  const link = await mailedLink(walker, person.email, '/register/confirm/')
  await browser.get(link)
  await browser.submit(link, { password: person.password })
  await browser.get('/sign-in')
  await browser.submit('/sign-in', { email: person.email, password: person.password })
  const totpSecret = browser.present.page.querySelector('.copyable code')?.text.replace(/\s+/g, '')
  if (!totpSecret) throw new StartRefused('the enrolment page shows no key')
  await browser.submit('/second-factor', { code: await freshCode(totpSecret, walker) })
  if (browser.present.path === '/second-factor/recovery-codes') await browser.submit('/second-factor/recovery-codes')
  return { browser, totpSecret }
}

/** The address in the newest mail to somebody, from the development mail page. */
async function mailedLink(walker: Walker, to: string, prefix: string): Promise<string> {
  for (let attempt = 0; attempt < 40; attempt++) {
    const page = await fetch(new URL('/mail', walker.base))
    if (!page.ok) throw new StartRefused(`${walker.base}/mail is not there: the walk needs a development portal`)
    for (const link of parse(await page.text()).querySelectorAll('a')) {
      const href = link.getAttribute('href') ?? ''
      const path = URL.canParse(href) ? new URL(href).pathname : ''
      if (path.startsWith(prefix) && nearest(link.parentNode, to)) return path
    }
    await sleep(250)
  }
  throw new StartRefused(`no mail to ${to} arrived`)
}

/** Whether the mail around a link is to that address. */
function nearest(node: { parentNode: unknown; text: string } | null, to: string): boolean {
  for (let at = node, up = 0; at && up < 4; at = at.parentNode as typeof node, up++) if (at.text.includes(to)) return true
  return false
}

/** Fills every step of an application and submits it. Returns its reference. */
export async function apply(walker: Walker, browser: DemoBrowser, organisation: OrganisationStatement, key: DemoKey): Promise<string> {
  await browser.get('/applications')
  await browser.submit('/applications')
  const reference = /^\/applications\/([^/?]+)/.exec(browser.present.path)?.[1]
  if (!reference) throw new StartRefused('starting an application led nowhere')
  const base = `/applications/${reference}`
  walker.tell(`Application ${reference} started`)

  await browser.get(`${base}/organisation`)
  await browser.submit(`${base}/organisation`, { ...organisation })
  walker.tell(`Organisation stated: ${organisation.legalName}`)

  await browser.get(`${base}/agreements`)
  const boxes = browser.present.page.querySelectorAll('input[type=checkbox]').map((box) => box.getAttribute('name')!)
  await browser.submit(`${base}/agreements`, Object.fromEntries(boxes.map((name) => [name, 'yes'])))
  walker.tell(`Agreed to ${boxes.length} documents (version and SHA-256 on record)`)

  await browser.get(`${base}/subject`)
  await browser.submit(`${base}/subject`, { commonName: organisation.legalName, country: organisation.country, state: organisation.state, locality: organisation.locality })
  walker.tell('Subject stated, as it will appear in the certificate')

  await browser.get(`${base}/request`)
  await browser.submit(`${base}/request`, { request: key.requestPem })
  walker.tell('Certificate request taken: every rule on the key is met')

  await browser.get(`${base}/key-protection`)
  await browser.submit(`${base}/key-protection`, { option: 'own-module', representation: 'yes', method: '2' })
  await browser.get(`${base}/key-protection`)
  await browser.submit(`${base}/key-protection/evidence`, {}, [
    { field: 'evidence', name: 'attestation.pem', text: key.attestationPem },
    { field: 'evidence', name: 'intermediate.pem', text: key.intermediatePem },
  ])
  walker.tell('Key attestation uploaded (DEMO evidence) and verified: five questions answered')

  await browser.get(`${base}/submit`)
  await browser.submit(`${base}/submit`, { accuracy: 'yes' })
  if (browser.present.path !== base) throw new StartRefused(`submitting led to ${browser.present.path}: ${browser.present.title}`)
  walker.tell('Submitted')
  return reference
}

/** The first officer: takes the application up and confirms every item of its checklist. */
export async function vet(walker: Walker, browser: DemoBrowser, reference: string): Promise<void> {
  const base = `/review/${reference}`
  const today = walker.now().toISOString().slice(0, 10)
  await browser.get(base)
  await browser.submit(`${base}/start-vetting`)
  const items = [...new Set(browser.present.page.querySelectorAll('a').map((link) => link.getAttribute('href') ?? '').filter((href) => href.startsWith(`${base}/checks/`)))]
  for (const path of items) {
    const item = path.slice(`${base}/checks/`.length)
    await browser.get(path)
    const source = browser.present.page.querySelectorAll('select[name=source] option').map((option) => option.getAttribute('value') ?? '').find((value) => value !== '')
    await browser.submit(path, { outcome: 'confirmed', source: source!, document: `DEMO document for ${item}`, documentDate: today, obtainedOn: today, inspected: 'yes', note: 'DEMO: nobody checked anything.' })
  }
  await browser.submit(`${base}/finish-vetting`)
  walker.tell(`Vetting officer confirmed ${items.length} items, each with source, document and date`)
}

/** The second officer. */
export async function approve(walker: Walker, browser: DemoBrowser, reference: string): Promise<void> {
  const base = `/review/${reference}`
  await browser.get(base)
  await browser.submit(`${base}/approve`, { correlated: 'yes' })
  walker.tell('Approving officer, another person, approved')
}

/** Waits until the certificate page is there, at most `seconds`. */
export async function awaitCertificate(walker: Walker, browser: DemoBrowser, reference: string, seconds = 60): Promise<void> {
  for (let attempt = 0; attempt < seconds * 2; attempt++) {
    const page = await browser.get(`/applications/${reference}`)
    if (page.page.querySelectorAll('a').some((link) => link.getAttribute('href') === `/applications/${reference}/certificate`)) {
      await browser.get(`/applications/${reference}/certificate`)
      walker.tell('The ca process checked everything again, linted the exact bytes and signed: the certificate is there')
      return
    }
    await sleep(500)
  }
  throw new StartRefused(`application ${reference} got no certificate within ${seconds} s: is the ca process running?`)
}

export async function accept(walker: Walker, browser: DemoBrowser, reference: string): Promise<Buffer> {
  const base = `/applications/${reference}/certificate`
  await browser.get(base)
  await browser.submit(`${base}/accept`)
  const { bytes } = await browser.get(`${base}/download/pem`)
  walker.tell('Certificate accepted and downloaded')
  return bytes
}

export async function revoke(walker: Walker, browser: DemoBrowser, reference: string): Promise<void> {
  const action = `/applications/${reference}/certificate/revoke`
  await browser.get(action)
  await browser.submit(action, { ground: 'superseded', explanation: 'DEMO: shows a revocation.', step: 'stated' })
  await browser.submit(action, { step: 'confirmed' })
  walker.tell('Revoked by the subscriber')
}
