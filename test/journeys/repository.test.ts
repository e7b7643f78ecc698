/** An auditor and a root program look over the CA without an account, in both languages. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveChromium, NO_CHROMIUM, openBrowser } from '../support/browser.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { readCsv } from '../support/csv.ts'
import { portalUnder } from '../support/hierarchy-portal.ts'
import type { Portal } from '../support/portal.ts'
import { LANGUAGES } from '../../src/web/locales.ts'

const available = haveChromium()

describe.skipIf(!available)(available ? 'the repository' : NO_CHROMIUM, () => {
  let made: DemoHierarchy
  let portal: Portal
  let browser: Awaited<ReturnType<typeof openBrowser>>
  beforeAll(async () => {
    made = await demoHierarchy()
    portal = await portalUnder(made)
    browser = await openBrowser('repository')
  })
  afterAll(async () => {
    await browser?.close()
    await made?.remove()
  })

  test.each(LANGUAGES)('REP-1 REP-2: from the picture of the hierarchy to a key’s making, the profiles, the agencies and all versions of the texts (%s)', async (language) => {
    const person = await browser.person(portal.url, { language })
    await person.visit('/repository')
    const pictures = person.main.locator('svg.tree')
    expect(await pictures.count()).toBe(2)
    // One of the two is there for the eye and the screen reader, whatever the width.
    const shown = async () => [await pictures.nth(0).isVisible(), await pictures.nth(1).isVisible()]
    expect(await shown()).toEqual([true, false])
    await person.page.setViewportSize({ width: 390, height: 844 })
    expect(await shown()).toEqual([false, true])
    await person.page.setViewportSize({ width: 1280, height: 900 })
    // No line of text leaves its box.
    const outside = await person.page.evaluate(() =>
      [...document.querySelectorAll('svg.tree-wide text')].filter((text) => {
        const { left, right } = text.getBoundingClientRect()
        return ![...document.querySelectorAll('svg.tree-wide rect')].some((box) => box.getBoundingClientRect().left <= left && right <= box.getBoundingClientRect().right)
      }).map((text) => text.textContent),
    )
    expect(outside).toEqual([])
    await person.main.getByText(person.words('repository.hierarchy.list')).click()
    expect(await person.main.locator('details li').first().innerText()).toContain('DEMO Security Communication RootCA3')

    const { bytes, name } = await person.download(person.words('repository.disclosures.ccadb'))
    expect([name, readCsv(bytes.toString('utf8')).length]).toEqual(['ccadb.csv', 4])

    await person.follow(person.words('repository.disclosures.key-generation'))
    await person.follow('DEMO SECOM Passport for CodeSigning CA G1')
    expect(await person.text()).toContain(person.words('key-generation.demo.text'))
    const report = await person.download(person.words('key-generation.download'))
    expect(report.name).toBe(`key-generation-issuing-g1.${language}.txt`)
    expect(report.bytes.toString('utf8')).toContain('SoftHSM')
    await person.follow(person.words('repository.document.back'))

    for (const [link, path] of [['profiles', '/repository/profiles'], ['agencies', '/repository/agencies']] as const) {
      await person.follow(person.words(`repository.disclosures.${link}`))
      expect(person.path).toBe(path)
      await person.follow(person.words('repository.document.back'))
    }
    await person.follow(person.words('repository.documents.history'))
    expect(await person.text()).toContain(person.words('repository.since', { since: '2022-12-08' }))
    await person.visit('/repository')
    await person.follow(person.words('repository.check.status'))
    expect(person.path).toBe('/status')
    await person.leave()
  })

  test('REP-1: all of it is there without a script', async () => {
    const person = await browser.person(portal.url, { javaScript: false })
    await person.visit('/repository')
    expect(await person.main.locator('svg.tree-wide').isVisible()).toBe(true)
    // What is folded opens at a press, and on paper stands open.
    const folded = person.main.locator('details.fold :is(dl, ul)')
    const open = async () => (await Promise.all((await folded.all()).map((each) => each.isVisible()))).filter(Boolean).length
    expect(await folded.count()).toBeGreaterThan(6)
    expect(await open()).toBe(0)
    await person.main.locator('.authority summary').first().click()
    expect(await open()).toBe(2)
    await person.page.emulateMedia({ media: 'print' })
    expect(await open()).toBe(await folded.count())
    await person.page.emulateMedia({ media: 'screen' })
    await person.visit('/repository/key-generation/root-g1')
    await person.leave()
  })
})
