/** The applicant's half in Japanese; the officers' part is walked over HTTP meanwhile. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demoPeople } from '../../src/commands/demo-people-make.ts'
import { approve, signIn as walkerSignIn, vet, type Walker } from '../../src/commands/demo-walk.ts'
import type { Role } from '../../src/people/roles.ts'
import { WORDS } from '../../src/web/locales.ts'
import { haveChromium, NO_CHROMIUM, openBrowser, type Person } from '../support/browser.ts'
import { startInstance, type Instance } from '../support/instance.ts'
import { fillDraft, openCertificate, openMail, ORGANISATION, register, revoke, signIn, start, stateOrganisation, submit } from './steps.ts'

const available = haveChromium()
const HANAKO = { name: '森 花子', email: 'hanako@journey.example', password: '港のすみれ色のはしご二十七本' }
/** `2026-11-21 18:30 JST` */
const MOMENT = /\d{4}-\d{2}-\d{2} \d{2}:\d{2} JST/

describe.skipIf(!available)(available ? 'the applicant in Japanese' : NO_CHROMIUM, () => {
  let instance: Instance
  let browser: Awaited<ReturnType<typeof openBrowser>>
  let hanako: Person
  let key: string
  let reference: string

  beforeAll(async () => {
    ;[instance, browser] = await Promise.all([startInstance(), openBrowser('ja')])
    hanako = await browser.person(instance.portalUrl, { language: 'ja' })
  })
  afterAll(async () => {
    await browser?.close()
    if (!instance) return
    await instance.stop()
    expect(instance.faults()).toEqual([])
  })

  /** Says that the page shows these sentences, as the Japanese locale files have them. */
  const says = async (...keys: readonly string[]) => {
    const text = await hanako.text()
    for (const key of keys) expect(text).toContain(WORDS.ja.get(key)!.replace(/\s+/g, ' '))
  }

  test('the browser\'s language is taken, and the switch keeps the page', async () => {
    await hanako.visit('/')
    await says('home.lead')
    await hanako.visit('/register')
    hanako.language = 'en'
    await hanako.follow('English')
    expect(hanako.path).toBe('/register')
    expect(await hanako.heading()).toBe(WORDS.en.get('register.title'))
    hanako.language = 'ja'
    await hanako.follow('日本語')
    expect(await hanako.heading()).toBe(WORDS.ja.get('register.title'))
  })

  test('ACC-1: registers with a Japanese name and password, confirms by a Japanese mail, enrols, signs in again', async () => {
    key = (await register(hanako, HANAKO)).key
    await hanako.visit('/mail')
    const letter = hanako.main.locator('article', { hasText: HANAKO.email }).first()
    expect(await letter.getAttribute('lang')).toBe('ja')
    expect(await letter.innerText()).toMatch(MOMENT)
    await hanako.arrive(() => hanako.page.getByRole('button', { name: hanako.words('frame.menu.sign-out') }).click())
    await says('sign-in.signed-out')
    await signIn(hanako, { ...HANAKO, key })
  })

  test('APP-6: a wrong entry is said in Japanese at its field; the form comes back as it was', async () => {
    reference = await start(hanako)
    await says('applications.tasks', 'lifecycle.explain.draft', 'lifecycle.waits-for.subscriber')
    expect(await hanako.text()).toMatch(MOMENT)
    await hanako.follow(hanako.words('apply.step.organisation.title'))
    await hanako.fill({ ...ORGANISATION, legalName: 'ジャーニーソフトウェア株式会社', registrationNumber: '１２３４５６７８９０１２３', foundedOn: '2001/4' })
    await hanako.press(hanako.words('forms.continue'), { status: 422 })
    expect(await hanako.errors()).toContain(WORDS.ja.get('apply.organisation.error.corporate-number'))
    expect(await hanako.errors()).toContain(WORDS.ja.get('apply.organisation.error.founded-on'))
    expect(await hanako.value('legalName')).toBe('ジャーニーソフトウェア株式会社')
    await stateOrganisation(hanako)
    await says('apply.saved')
  })

  test('APP-1, ATT-2: every step and the submission, in Japanese', async () => {
    await fillDraft(hanako, reference, await instance.demoKey(`CN=${ORGANISATION.legalName}`))
    await says('apply.submit.lead', 'attestation.verdict.verified', 'frame.finding.pass')
    expect(await hanako.text()).toMatch(MOMENT)
    await submit(hanako)
    await says('apply.submit.done', 'lifecycle.explain.submitted', 'lifecycle.waits-for.vetting-officer')
    await openMail(hanako, HANAKO.email, `/applications/${reference}`)
  })

  test('ACP-1: the certificate is announced in Japanese, shown with its times in JST, accepted and revoked', async () => {
    const people = await demoPeople(instance.services)
    const walker: Walker = { base: instance.portalUrl, now: () => new Date(), tell: () => {} }
    const officer = (role: Role) => walkerSignIn(walker, people.find(({ roles }) => roles.includes(role))!)
    await vet(walker, await officer('vetting-officer'), reference)
    await approve(walker, await officer('approving-officer'), reference)
    await openCertificate(hanako, reference)
    await says('delivery.contents', 'delivery.accept.text', 'delivery.guide.text')
    expect(await hanako.text()).toContain(hanako.words('delivery.guide.time-stamp.own', { address: `${instance.statusUrl}/tsa` }))
    const validity = await hanako.main.locator('.summary-row', { hasText: hanako.words('delivery.fact.not-after') }).innerText()
    expect(validity).toMatch(MOMENT)
    await openMail(hanako, HANAKO.email, `/applications/${reference}/certificate`)
    await hanako.press(hanako.words('delivery.accept.button'))
    await says('delivery.accept.done')
    await revoke(hanako, 'key-compromise', '鍵の入ったトークンを紛失した。')
    await says('delivery.revoked.title', 'delivery.revoke.done', 'revocation.ground.key-compromise.title')
    expect(await hanako.text()).toContain('鍵の入ったトークンを紛失した。')
    expect(await hanako.text()).toMatch(MOMENT)
  })

  test('what is not there and what is not allowed is said in Japanese', async () => {
    await hanako.visit('/no-such-page', { status: 404, name: 'not-found' })
    await says('errors.not-found.text')
    await hanako.visit('/people', { status: 403 })
    await says('errors.refused.role')
  })
})
