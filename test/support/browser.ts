/** People at a real browser. Every page that they arrive at is judged before anything else happens on it. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { generate } from 'otplib'
import { chromium, type Browser, type Locator, type Page, type Request, type Response } from 'playwright-core'
import { expect } from 'vitest'
import { translate, type Language } from '../../src/web/locales.ts'

export const NO_CHROMIUM = 'skipped: no Chromium'
const SCREENSHOTS = fileURLToPath(new URL('../../screenshots', import.meta.url))
const NARROW = { width: 320, height: 640 }
const WIDE = { width: 1280, height: 900 }
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const AXE_OPTIONS = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'], resultTypes: ['violations'] }

/** Where Chromium is: CHROMIUM, else the usual names on the path; null when there is none. */
export function findChromium(): string | null {
  const named = process.env['CHROMIUM']
  if (named) return existsSync(named) ? named : null
  const places = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)
  return ['chromium', 'chromium-browser', 'google-chrome'].flatMap((name) => [...places, '/usr/bin'].map((place) => join(place, name))).find((file) => existsSync(file)) ?? null
}

/** Whether journeys run. @throws Error in CI when they cannot */
export function haveChromium(): boolean {
  if (findChromium() !== null) return true
  if (process.env['CI'] === 'true') throw new Error('Chromium is not on this machine: install it, or name it in CHROMIUM')
  process.stdout.write(`${NO_CHROMIUM}\n`)
  return false
}

export interface PersonOptions {
  readonly language?: Language
  /** False: what a person sees whose browser runs no scripts. */
  readonly javaScript?: boolean
}

export interface Arrival {
  /** The status that the page is to be answered with; 200 when not said. */
  readonly status?: number
  /** The picture's name; made from the address when not said. */
  readonly name?: string
}

/** A browser for one test file; pictures go to screenshots/<journey>. */
export async function openBrowser(journey: string): Promise<{ person(baseUrl: string, options?: PersonOptions): Promise<Person>; close(): Promise<void> }> {
  const folder = join(SCREENSHOTS, journey)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const args = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])]
  const browser = await chromium.launch({ executablePath: findChromium()!, headless: true, args })
  const pictures = { folder, taken: 0, seen: new Set<string>() }
  return { person: (baseUrl, options = {}) => Person.open(browser, baseUrl, options, pictures), close: () => browser.close() }
}

interface Pictures {
  readonly folder: string
  taken: number
  /** Pages judged and drawn already, by language, status and build: a page of the same elements with other words in them is the same to axe. */
  readonly seen: Set<string>
}

export class Person {
  readonly page: Page
  readonly baseUrl: string
  language: Language
  readonly #javaScript: boolean
  readonly #pictures: Pictures
  readonly #faults: string[] = []
  #answer: Response | null = null
  #arrivals = 0

  private constructor(page: Page, baseUrl: string, language: Language, javaScript: boolean, pictures: Pictures) {
    this.page = page
    this.baseUrl = baseUrl
    this.language = language
    this.#javaScript = javaScript
    this.#pictures = pictures
    page.setDefaultTimeout(20_000)
    // An answer's status is judged by itself, so Chromium's own line about it says nothing new.
    page.on('console', (message) => void (message.type() === 'error' && !message.text().startsWith('Failed to load resource') && this.#faults.push(`console: ${message.text()}`)))
    page.on('pageerror', (error) => void this.#faults.push(`script: ${error.message}`))
    const begun = new WeakMap<Request, number>()
    page.on('request', (request) => void begun.set(request, this.#arrivals))
    page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText ?? ''
      // Who goes to the next page while Chromium fetches the icon of this one, which no page waits for, breaks that off.
      if (why === 'net::ERR_ABORTED' && begun.get(request) !== this.#arrivals) return
      this.#faults.push(`request failed: ${request.url()} (${why})`)
    })
    page.on('response', (response) => {
      if (response.request().isNavigationRequest()) this.#answer = response
      else if (response.status() >= 400) this.#faults.push(`${response.url()} was answered ${response.status()}`)
      if (new URL(response.url()).origin !== new URL(baseUrl).origin) this.#faults.push(`another site was asked: ${response.url()}`)
    })
  }

  static async open(browser: Browser, baseUrl: string, { language = 'en', javaScript = true }: PersonOptions, pictures: Pictures): Promise<Person> {
    const context = await browser.newContext({ locale: language === 'ja' ? 'ja-JP' : 'en-GB', timezoneId: 'Asia/Tokyo', viewport: WIDE, javaScriptEnabled: javaScript })
    return new Person(await context.newPage(), baseUrl, language, javaScript, pictures)
  }

  /** The words of a key in this person's language. */
  words(key: string, values?: Readonly<Record<string, string>>): string {
    return translate(this.language, key, values)
  }

  /** Path of the present page. */
  get path(): string {
    return new URL(this.page.url()).pathname
  }

  get main(): Locator {
    return this.page.locator('main')
  }

  /** What the present page says, as a reader sees it. */
  async text(): Promise<string> {
    return (await this.main.innerText()).replace(/\s+/g, ' ')
  }

  async heading(): Promise<string> {
    return (await this.page.locator('h1').innerText()).trim()
  }

  /** The sentences of the error summary. */
  async errors(): Promise<readonly string[]> {
    return (await this.page.locator('.error-summary li a, .error-summary li:not(:has(a))').allInnerTexts()).map((text) => text.trim())
  }

  async visit(path: string, arrival?: Arrival): Promise<void> {
    await this.arrive(() => this.page.goto(new URL(path, this.baseUrl).href), arrival)
  }

  /** Presses the button of that name. */
  async press(button: string, arrival?: Arrival): Promise<void> {
    await this.arrive(() => this.main.getByRole('button', { name: button, exact: true }).click(), arrival)
  }

  /** Follows the link of that name, wherever on the page. */
  async follow(link: string, arrival?: Arrival): Promise<void> {
    await this.arrive(() => this.page.getByRole('link', { name: link, exact: true }).first().click(), arrival)
  }

  /** Fills fields of the present page by their names, as hands would. */
  async fill(values: Readonly<Record<string, string | boolean>>): Promise<void> {
    for (const [name, value] of Object.entries(values)) {
      const field = this.main.locator(`[name="${name}"]`)
      const kind = await field.first().evaluate((element) => (element instanceof HTMLInputElement ? element.type : element.localName))
      if (kind === 'select') await field.selectOption(String(value))
      else if (kind === 'radio') await this.main.locator(`[name="${name}"][value="${String(value)}"]`).check()
      else if (kind === 'checkbox' && typeof value === 'string') await this.main.locator(`[name="${name}"][value="${value}"]`).check()
      else if (kind === 'checkbox') await field.setChecked(value === true)
      // What the page has filled in for good: hands can't change it.
      else if ((await field.getAttribute('readonly')) !== null) expect(await field.inputValue()).toBe(String(value))
      else await field.fill(String(value))
    }
  }

  async value(name: string): Promise<string> {
    return this.main.locator(`[name="${name}"]`).inputValue()
  }

  /** Does what leads to a page, waits for it, judges it. */
  async arrive(action: () => Promise<unknown>, arrival: Arrival = {}): Promise<void> {
    this.#answer = null
    this.#arrivals++
    await Promise.all([this.page.waitForEvent('load'), action()])
    await this.#judge(arrival)
  }

  /** Presses what gives a file, and returns the file. */
  async download(link: string): Promise<{ readonly name: string; readonly bytes: Buffer }> {
    const [download] = await Promise.all([this.page.waitForEvent('download'), this.page.getByRole('link', { name: link, exact: true }).click()])
    const file = await download.path()
    // To the page, a navigation that became a file is one that was given up.
    this.#faults.splice(0, Infinity, ...this.#faults.filter((fault) => !fault.includes(download.url())))
    return { name: download.suggestedFilename(), bytes: readFileSync(file) }
  }

  /** Another browser tab's worth of this person: sends what no page of ours would, with the person's cookies. */
  async forge(path: string, form: Readonly<Record<string, string>>): Promise<{ readonly status: number; readonly html: string }> {
    const answer = await this.page.request.post(new URL(path, this.baseUrl).href, { form, maxRedirects: 0 })
    return { status: answer.status(), html: await answer.text() }
  }

  /** The CSRF token of the present page. */
  async csrf(): Promise<string> {
    return this.page.locator('input[name="_csrf"]').first().inputValue()
  }

  /** Judges the present page once more, after something happened on it. */
  look(name: string): Promise<void> {
    return this.#judge({ name })
  }

  async leave(): Promise<void> {
    await this.page.context().close()
  }

  async #judge({ status = 200, name }: Arrival): Promise<void> {
    const where = `${this.path} "${await this.heading()}"`
    expect(this.#answer?.status(), `status of ${where}`).toBe(status)
    expect(await this.page.locator('html').getAttribute('lang'), `lang of ${where}`).toBe(this.language)
    await this.#noSidewaysScroll(where)
    const build = `${this.language} ${status} ${this.#javaScript} ${await this.#build()}`
    if (!this.#pictures.seen.has(build)) {
      this.#pictures.seen.add(build)
      const picture = join(this.#pictures.folder, `${String(++this.#pictures.taken).padStart(3, '0')}-${name ?? kindOf(this.path)}${status === 200 ? '' : `-${status}`}`)
      if (this.#javaScript) none(await this.#violations(), `axe at ${where}`)
      await this.page.screenshot({ path: `${picture}.png`, fullPage: true })
      await this.page.setViewportSize(NARROW)
      await this.#noSidewaysScroll(`${where} at ${NARROW.width} px`)
      await this.page.screenshot({ path: `${picture}-narrow.png`, fullPage: true })
      await this.page.setViewportSize(WIDE)
    }
    none(this.#faults.splice(0), `faults at ${where}`)
  }

  /** The page without its words and repetitions: elements with what gives them looks, names and roles, and where there is text. */
  #build(): Promise<string> {
    return this.page.evaluate(() => {
      const told = ['class', 'type', 'role', 'for', 'name', 'lang', 'scope', 'tabindex']
      const walk = (element: Element): string => {
        const attributes = [...element.attributes].map(({ name, value }) => (told.includes(name) ? `${name}=${value}` : name)).sort().join(' ')
        const text = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent!.trim() !== '')
        return `<${element.localName} ${attributes}${text ? ' +' : ''}>${[...new Set([...element.children].map(walk))].join('')}`
      }
      return walk(document.body)
    })
  }

  async #violations(): Promise<readonly string[]> {
    if (!(await this.page.evaluate(() => 'axe' in globalThis))) await this.page.evaluate(AXE)
    return this.page.evaluate(async (options) => {
      const { axe } = globalThis as unknown as { axe: { run(context: Document, options: unknown): Promise<{ violations: { id: string; help: string; nodes: { html: string; failureSummary?: string }[] }[] }> } }
      const { violations } = await axe.run(document, options)
      return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary ?? ''}`))
    }, AXE_OPTIONS)
  }

  /** WCAG 1.4.10: only what scrolls in its own box may be wider than the window. */
  async #noSidewaysScroll(where: string): Promise<void> {
    const wider = await this.page.evaluate(() => {
      const { clientWidth, scrollWidth } = document.documentElement
      if (scrollWidth <= clientWidth) return null
      const culprit = [...document.querySelectorAll('body *')].find((element) => element.getBoundingClientRect().right > clientWidth + 1 && !element.closest('.table-scroll'))
      return `${scrollWidth} > ${clientWidth}: ${culprit?.outerHTML.slice(0, 200) ?? 'unknown'}`
    })
    none(wider === null ? [] : [wider], `sideways scroll at ${where}`)
  }
}

/** The faults stand in the message, where a shortened list would hide them. */
const none = (faults: readonly string[], what: string): void => expect(faults, `${what}: ${faults.join('\n')}`).toEqual([])

/** `/applications/CS-2345-ABCD/organisation` → `applications-organisation`: references and tokens left out. */
function kindOf(path: string): string {
  return path.split('/').filter((part) => /^[a-z][a-z-]*$/.test(part) && part.length < 30).join('-') || 'home'
}

const lastStep = new Map<string, number>()

/**
 * What an authenticator app with this key shows, as often as asked: each code is good once, so the steps before, at and
 * after the present one are used in turn; then it waits for the next.
 */
export async function codeOf(key: string): Promise<string> {
  const secret = key.replace(/\s+/g, '')
  const present = (ahead = 0) => Math.floor((Date.now() + ahead) / 30_000)
  // The oldest one must still be taken when it arrives, which a busy machine delays.
  const step = Math.max(present(15_000) - 1, (lastStep.get(secret) ?? 0) + 1)
  while (step > present() + 1) await sleep(200)
  lastStep.set(secret, step)
  return generate({ secret, epoch: step * 30 })
}
