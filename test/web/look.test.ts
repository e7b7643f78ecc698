import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import request from 'supertest'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { openServices, type Services } from '../../src/services.ts'
import { createApp } from '../../src/web/app.ts'
import { LANGUAGES, translate, type Language } from '../../src/web/locales.ts'
import { parseMarkdown } from '../../src/web/markdown.ts'
import { renderPage, type Frame } from '../../src/web/render.ts'
import type { FieldError } from '../../src/web/reply.ts'
import { isRole } from '../../src/people/roles.ts'
import { openFresh } from '../support/database.ts'

const asset = (name: string): string => readFileSync(fileURLToPath(new URL(`../../src/web/assets/${name}`, import.meta.url)), 'utf8')
const CSS = asset('portal.css')

const frameOf = (language: Language, more: Partial<Frame> = {}): Frame => ({ language, account: null, path: '/', csrf: 'a-token', notice: null, demo: false, production: true, operator: 'Example CA', idleMinutes: 30, ...more })
const personIn = (role: string): NonNullable<Frame['account']> => ({ id: 'p', email: 'p@example.jp', name: 'Hanako <Yamada>', roles: new Set([role].filter(isRole)), organisationId: null })
const HOSTILE = '"><script>alert(1)</script>'
const gallery = (language: Language, errors: readonly FieldError[] = [], value = HOSTILE) =>
  renderPage('../test/web/gallery', { key: 'home.title' }, { value, fingerprint: '0476A8ECC9A937AB'.repeat(4), blocks: parseMarkdown('# A\n\n| B |\n|---|\n| C |') }, frameOf(language), errors)

/** What is wrong with a page that nobody could use with a keyboard, a screen reader or our CSP. */
function faultsOf(html: string): string[] {
  const faults: string[] = []
  const tags = [...html.matchAll(/<([a-z][a-z0-9]*)\b([^>]*)>/g)].map(([, name, attributes]) => ({ name: name!, attributes: attributes! }))
  const attribute = (of: string, name: string): string | undefined => new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(of)?.[1]
  if (!html.startsWith('<!doctype html>')) faults.push('no doctype')
  if (!/<html lang="(en|ja)">/.test(html)) faults.push('no language')
  if (!/<title>[^<]+<\/title>/.test(html)) faults.push('no title')
  if (tags.filter(({ name }) => name === 'h1').length !== 1) faults.push('not exactly one h1')
  const ids = tags.flatMap(({ attributes }) => attribute(attributes, 'id') ?? [])
  faults.push(...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `id ${id} twice`))
  const labelled = new Set(tags.filter(({ name }) => name === 'label').map(({ attributes }) => attribute(attributes, 'for')))
  for (const { name, attributes } of tags) {
    if (['input', 'select', 'textarea'].includes(name) && attribute(attributes, 'type') !== 'hidden' && !labelled.has(attribute(attributes, 'id'))) faults.push(`no label for ${attribute(attributes, 'name')}`)
    if (name === 'img' && attribute(attributes, 'alt') === undefined) faults.push('an image without alt')
    if (/\s(style|on[a-z]+)=/.test(attributes)) faults.push(`inline style or script at ${name}`)
    if (name === 'style' || (name === 'script' && attribute(attributes, 'src') !== '/assets/portal.js')) faults.push(`inline ${name}`)
    for (const pointer of ['for', 'aria-describedby', 'aria-labelledby']) for (const id of (attribute(attributes, pointer) ?? '').split(' ').filter(Boolean)) if (!ids.includes(id)) faults.push(`${pointer} leads to no ${id}`)
    const href = attribute(attributes, 'href')
    if (href?.startsWith('#') && !ids.includes(href.slice(1))) faults.push(`link to no ${href}`)
  }
  const open: string[] = []
  for (const [, closing, name] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*>/g)) {
    if (['meta', 'link', 'input', 'img', 'br', 'hr'].includes(name!)) continue
    if (closing === '') open.push(name!)
    else if (open.pop() !== name) faults.push(`</${name}> closes something else`)
  }
  if (open.length > 0) faults.push(`never closed: ${open.join(' ')}`)
  for (const form of html.matchAll(/<form method="post"[\s\S]*?<\/form>/g)) if (!form[0].includes('name="_csrf"')) faults.push('a form without CSRF token')
  const levels = [...html.matchAll(/<h([1-6])\b/g)].map((match) => Number(match[1])).slice(html.includes('class="error-summary"') ? 1 : 0)
  levels.forEach((level, index) => index > 0 && level > levels[index - 1]! + 1 && faults.push(`h${level} after h${levels[index - 1]}`))
  return faults
}

describe('the parts', () => {
  test.each(LANGUAGES)('make a page that stands (%s)', async (language) => {
    expect(faultsOf(await gallery(language))).toEqual([])
  })

  const FIELDS = ['organisation', 'code', 'password', 'department', 'request', 'reason', 'method', 'agree', 'evidence']
  test.each(FIELDS)('show what is wrong at the field and lead to it from the summary: %s', async (field) => {
    const html = await gallery('en', [{ field, message: { key: 'forms.too-long', values: { max: '7' } } }])
    expect(faultsOf(html)).toEqual([])
    expect(html).toContain(`<a href="#${field}">Use at most 7 characters.</a>`)
    expect(html).toMatch(new RegExp(`id="${field}-error">.*Use at most 7 characters\\.`))
    expect(html).toMatch(new RegExp(`aria-describedby="[^"]*\\b${field}-error`))
    expect(html).toContain('<title>Error: ')
  })

  test('an error of the whole form is told without a link', async () => {
    const html = await gallery('en', [{ field: 'form', message: { key: 'forms.required' } }])
    expect(html).toContain('<li>Fill in this field.</li>')
  })

  test('escape what was entered, and never give a password back', async () => {
    const html = await gallery('en')
    expect(html).not.toContain('<script>')
    expect(html).toContain('value="&#34;&gt;&lt;script&gt;')
    expect(html).not.toContain('never shown')
    expect(await gallery('en', [], '\nkept')).toContain('>\n\nkept</textarea>')
  })

  test('faults are noticed', () => {
    const page = '<!doctype html><html lang="en"><head><title>x</title></head><body><h1>a</h1>'
    const faults = faultsOf(`${page}<h1 id="a">b</h1><p id="a" style="x"><input name="n"><img src="/x"><a href="#none">c</a></b><form method="post" action="/"></form><h4>d</h4>`)
    for (const fault of ['not exactly one h1', 'id a twice', 'no label for n', 'inline style or script at p', 'an image without alt', 'link to no #none', '</b> closes something else', 'a form without CSRF token', 'h4 after h1']) expect(faults).toContain(fault)
  })
})

describe('the frame', () => {
  test.each([
    ['subscriber', ['/applications', '/check-key', '/repository', '/account']],
    ['vetting-officer', ['/review', '/certificates', '/keys', '/registers', '/modules', '/repository', '/account']],
    ['approving-officer', ['/review', '/certificates', '/keys', '/registers', '/modules', '/repository', '/account']],
    ['revocation-officer', ['/review', '/certificates', '/keys', '/registers', '/modules', '/repository', '/account']],
    ['auditor', ['/review', '/certificates', '/keys', '/registers', '/modules', '/audit', '/repository', '/account']],
    ['administrator', ['/review', '/certificates', '/keys', '/registers', '/modules', '/people', '/repository', '/account']],
    ['nobody', ['/check-key', '/repository', '/sign-in', '/register']],
  ])('ACC-1: offers a %s its own pages alone', async (role, expected) => {
    const html = await renderPage('errors/not-found', { key: 'errors.not-found.title' }, {}, frameOf('en', { account: role === 'nobody' ? null : personIn(role) }))
    expect(faultsOf(html)).toEqual([])
    const menu = /<nav class="menu"[\s\S]*?<\/nav>/.exec(html)![0]
    expect([...menu.matchAll(/<a href="([^"]+)"/g)].map((match) => match[1])).toEqual(expected)
    expect(menu.includes('action="/sign-out"')).toBe(role !== 'nobody')
    expect(html).not.toContain('<Yamada>')
  })

  test('marks where one is, in the menu and in the language switch', async () => {
    const at = (path: string) => renderPage('errors/not-found', { key: 'errors.not-found.title' }, {}, frameOf('ja', { path }))
    expect(await at('/repository')).toContain('<a href="/repository" aria-current="page">')
    expect(await at('/repository/documents/cp/1/en')).toContain('<a href="/repository" aria-current="true">')
    expect(await at('/repository')).toContain('<a href="?lang=ja" hreflang="ja" lang="ja" aria-current="true">')
  })

  test('the language switch keeps the rest of the address', async () => {
    const html = await renderPage('errors/not-found', { key: 'errors.not-found.title' }, {}, frameOf('en', { path: '/review', query: 'show=mine&q=%22%3E%3Cb%3E' }))
    expect(html).toContain('<a href="?show=mine&amp;q=%22%3E%3Cb%3E&amp;lang=ja"')
  })

  test.each(LANGUAGES)('says on every page of a demo hierarchy that its certificates prove nothing (%s)', async (language) => {
    const draw = (demo: boolean) => renderPage('errors/not-found', { key: 'errors.not-found.title' }, {}, frameOf(language, { demo }))
    expect(await draw(true)).toContain(translate(language, 'frame.demo.text'))
    expect(await draw(false)).not.toContain(translate(language, 'frame.demo.text'))
  })

  test('production has no link to the mail of development', async () => {
    const draw = (production: boolean) => renderPage('errors/not-found', { key: 'errors.not-found.title' }, {}, frameOf('en', { production }))
    expect(await draw(true)).not.toContain('/mail')
    expect(await draw(false)).toContain('href="/mail"')
  })

  test.each(LANGUAGES)('draws every page of errors (%s)', async (language) => {
    const models = { 'not-found': {}, refused: { reason: { key: 'errors.refused.role' } }, 'too-many': { minutes: '5' }, 'too-large': {}, 'bad-request': {}, 'stale-form': {}, fault: { reference: '0a1b2c' } }
    for (const [view, model] of Object.entries(models)) expect(faultsOf(await renderPage(`errors/${view}`, { key: `errors.${view}.title` }, model, frameOf(language))), view).toEqual([])
  })
})

describe('the style sheet', () => {
  test('and the script ask no other host for anything', () => {
    expect(CSS).not.toMatch(/@import|https?:|url\(\s*['"]?(?!\/assets\/)/)
    expect(asset('portal.js')).not.toMatch(/https?:|fetch|XMLHttpRequest|import\(|innerHTML/)
  })

  const colour = (name: string): string => new RegExp(`--${name}: (#[0-9a-f]{3,6});`).exec(CSS)![1]!
  const luminance = (hex: string): number => {
    const full = hex.length === 4 ? hex.replace(/[0-9a-f]/g, '$&$&') : hex
    const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(full.slice(at, at + 2), 16) / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
  }
  const contrast = (one: string, other: string): number => {
    const [light, dark] = [luminance(colour(one)), luminance(colour(other))].sort((a, b) => b - a)
    return (light! + 0.05) / (dark! + 0.05)
  }
  test.each([
    ['ink', 'paper', 4.5],
    ['ink', 'wash', 4.5],
    ['ink-soft', 'paper', 4.5],
    ['ink-soft', 'wash', 4.5],
    ['link', 'paper', 4.5],
    ['link', 'wash', 4.5],
    ['link', 'info-wash', 4.5],
    ['link', 'wait-wash', 4.5],
    ['paper', 'brand', 4.5],
    ['brand', 'paper', 4.5],
    ['good', 'good-wash', 4.5],
    ['bad', 'bad-wash', 4.5],
    ['bad', 'paper', 4.5],
    ['wait', 'wait-wash', 4.5],
    ['info', 'info-wash', 4.5],
    ['line-strong', 'paper', 3],
    ['focus', 'paper', 3],
    ['focus', 'wash', 3],
  ])('has contrast enough between %s and %s (WCAG 2.2 AA)', (one, other, least) => {
    expect(contrast(one, other)).toBeGreaterThanOrEqual(least)
  })
})

describe('home and repository', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portal-look-'))
  let services: Services
  let app: ReturnType<typeof createApp>
  const root = new Map<string, Buffer>()
  beforeAll(async () => {
    services = openServices(readConfig('portal', { DATA_DIR: folder, STATUS_URL: 'http://status.example' }), { database: await openFresh() })
    app = createApp(services)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const read = (path: string, language: Language) => request(app).get(path).set('Cookie', `lang=${language}`)

  async function insertHierarchy(): Promise<void> {
    const at = services.clock().toISOString()
    await services.database('ceremonies').insert({ id: 'ceremony', kind: 'demo', demo: 1, persons: '[]', report: '{}', held_at: at })
    for (const [id, kind] of [['root-1', 'root'], ['issuing-1', 'issuing']] as const) {
      const file = join(folder, `${id}.der`)
      execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(folder, 'key'), '-subj', `/C=JP/O=Example CO.,LTD./CN=DEMO ${kind}`, '-days', '30', '-outform', 'DER', '-out', file], { stdio: 'ignore' })
      root.set(id, readFileSync(file))
      await services.database('authorities').insert({ id, kind, parent_id: kind === 'root' ? null : 'root-1', ceremony_id: 'ceremony', demo: 1, token_label: kind, key_label: kind, key_id: '01', spki_sha256: id, subject_der: '', certificate_der: root.get(id), not_before: at, not_after: at, created_at: at })
    }
  }

  test('REP-1: says so when no key ceremony was held', async () => {
    const answer = await read('/repository', 'en').expect(200)
    expect(answer.text).toContain(translate('en', 'repository.authorities.none'))
  })

  test('REP-1: shows both fingerprints of each CA certificate and the addresses that certificates carry', async () => {
    await insertHierarchy()
    for (const language of LANGUAGES) {
      const { text } = await read('/repository', language).expect(200)
      expect(faultsOf(text)).toEqual([])
      for (const [id, der] of root) {
        const certificate = new X509Certificate(der)
        expect(text).toContain(certificate.fingerprint256)
        expect(text).toContain(`>${certificate.fingerprint}<`)
        expect(text).toContain(`>${certificate.serialNumber.padStart(2, '0')}<`)
        expect(text).toContain(`href="http://status.example/crl/${id}.crl"`)
        expect(text).toContain(`href="http://status.example/ca/${id}.cer"`)
      }
      // CP 7.1: the root's list tells the status of a CA certificate, OCSP that of subscribers' certificates.
      expect(text.split('http://status.example/ocsp')).toHaveLength(2)
      expect(text).toContain('O = Example CO.,LTD.')
      expect(text).toContain(`mailto:${services.policy.operator.problemReports}`)
      expect(text).toContain(translate(language, 'frame.demo.text'))
    }
  })

  test('REP-1: publishes each text of the policy in both languages with its SHA-256, samples marked', async () => {
    const { text: overview } = await read('/repository', 'en')
    for (const document of services.policy.texts) {
      const path = `/repository/documents/${document.document}/${document.version}/${document.language}`
      expect(overview).toContain(`href="${path}"`)
      expect(overview).toContain(document.sha256)
      for (const language of LANGUAGES) {
        const { text } = await read(path, language).expect(200)
        expect(faultsOf(text), path).toEqual([])
        expect(text).toContain(`<html lang="${language}">`)
        expect(text).toMatch(new RegExp(`<article class="section" lang="${document.language}">`))
        expect(text.includes(`<p class="notice-title">${translate(language, 'repository.sample.title')}</p>`)).toBe(document.sample)
      }
      const source = await read(`${path}/source`, 'en').buffer(true).parse((answer, done) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => done(null, Buffer.concat(chunks)))
      })
      expect(createHash('sha256').update(source.body as Buffer).digest('hex')).toBe(document.sha256)
    }
  })

  test.each(['/repository/documents/cp/0.01/en', '/repository/documents/cp/6.02/fr', '/repository/documents/..%2fcp/6.02/en', '/repository/documents/cp/6.02/xx/source', '/nothing'])('answers 404 for %s', async (path) => {
    const answer = await read(path, 'en').expect(404)
    expect(faultsOf(answer.text)).toEqual([])
  })

  test.each(LANGUAGES)('the home page names what the policy asks for (%s)', async (language) => {
    const { text } = await read('/', language).expect(200)
    expect(faultsOf(text)).toEqual([])
    for (const fact of ['3072', '4096', '460', 'FIPS 140-3', 'EAL', language === 'en' ? 'Japan' : '日本']) expect(text).toContain(fact)
    expect(text).toContain('class="button" href="/register"')
  })

  test('the page of mail shows it with addresses as links, in its own language', async () => {
    await services.database('mail_outbox').insert({ id: 'm', recipient: 'a@example.jp', subject: '件名 <b>', body: 'http://localhost:8080/x?a=1 <i>', locale: 'ja', created_at: services.clock().toISOString(), failures: 0 })
    const { text } = await read('/mail', 'en').expect(200)
    expect(faultsOf(text)).toEqual([])
    expect(text).toContain('<article class="letter" lang="ja">')
    expect(text).toContain('<a href="http://localhost:8080/x?a=1">')
    expect(text).not.toMatch(/<b>|<i>/)
  })
})
