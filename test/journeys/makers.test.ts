/** Anybody looks up which devices work and whose keys are relied on, in both languages. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveChromium, NO_CHROMIUM, openBrowser } from '../support/browser.ts'
import { startPortal, type Portal } from '../support/portal.ts'
import { LANGUAGES } from '../../src/web/locales.ts'

const available = haveChromium()

describe.skipIf(!available)(available ? 'makers of hardware' : NO_CHROMIUM, () => {
  let portal: Portal
  let browser: Awaited<ReturnType<typeof openBrowser>>
  beforeAll(async () => {
    portal = await startPortal({ clock: () => new Date('2026-11-22T09:00:00Z') })
    browser = await openBrowser('makers')
  })
  afterAll(() => browser?.close())

  test.each(LANGUAGES)('REP-1 ATT-8: from the home page to the devices, their makers\' keys, and what is refused (%s)', async (language) => {
    const person = await browser.person(portal.url, { language })
    await person.visit('/')
    await person.follow(person.words('home.need.hardware.link'))
    expect(person.path).toBe('/devices')
    expect(await person.main.innerText()).toContain('YubiKey 5 FIPS')
    await person.follow(person.words('devices.anchors'))
    expect(person.path).toBe('/anchors')
    expect(await person.text()).toContain('CN=Yubico PIV Root CA Serial 263751')
    await person.leave()
  })
})
