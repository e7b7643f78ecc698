/** Somebody thinks long over a form: the browser says in time that the session is about to end, and what is sent then arrives. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LANGUAGES } from '../../src/web/locales.ts'
import { haveChromium, NO_CHROMIUM, openBrowser } from '../support/browser.ts'
import { createPerson, startPortal } from '../support/portal.ts'
import { ORGANISATION, signIn, start } from './steps.ts'

const available = haveChromium()
const IDLE_MINUTES = 4
/** A short session warns when a quarter of it is left; a longer one five minutes before its end. */
const WARNED_AFTER = 3
const MINUTE = 60_000

describe.skipIf(!available)(available ? 'the end of a session' : NO_CHROMIUM, () => {
  let browser: Awaited<ReturnType<typeof openBrowser>>
  beforeAll(async () => void (browser = await openBrowser('session-end')))
  afterAll(() => browser?.close())

  test.each(LANGUAGES)('ACC-3: whoever has a form open is warned before the session ends, and not where nothing could be lost (%s)', async (language) => {
    const portal = await startPortal({ env: { SESSION_IDLE_MINUTES: String(IDLE_MINUTES) } })
    const { email, password, secret } = await createPerson(portal.services, { roles: ['subscriber'] })
    const person = await browser.person(portal.url, { language })
    // Goes on by itself, and as far ahead as it is told to.
    await person.page.clock.install()
    const pass = (minutes: number) => person.page.clock.fastForward(minutes * MINUTE)
    const warning = person.page.getByRole('alert').filter({ hasText: person.words('frame.session-ends') })
    const warned = () => warning.isVisible()

    await person.visit('/sign-in')
    await pass(IDLE_MINUTES)
    expect(await warned()).toBe(false)
    await signIn(person, { email, password, key: secret })
    const reference = await start(person)
    await person.visit('/repository')
    await pass(IDLE_MINUTES)
    expect(await warned()).toBe(false)

    await person.visit(`/applications/${reference}/organisation`)
    await person.fill(ORGANISATION)
    await pass(WARNED_AFTER - 1)
    expect(await warned()).toBe(false)
    await pass(1)
    expect(await warned()).toBe(true)
    await person.look('warned')

    portal.advance({ minutes: WARNED_AFTER })
    await person.press(person.words('forms.continue'))
    expect(await person.text()).toContain(person.words('apply.saved'))
    expect(await warned()).toBe(false)
    await pass(WARNED_AFTER)
    expect(await warned()).toBe(true)

    portal.advance({ minutes: IDLE_MINUTES })
    await person.visit(`/applications/${reference}/organisation`)
    expect([person.path, (await person.text()).includes(person.words('errors.sign-in-first'))]).toEqual(['/sign-in', true])
    expect(portal.faults).toEqual([])
    await person.leave()
  })
})
