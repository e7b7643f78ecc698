/** A browser without a screen: keeps cookies, follows redirects, and fills the forms that the pages really have. */
import { parse, type HTMLElement } from 'node-html-parser'
import { StartRefused } from '../process.ts'

export interface Answer {
  readonly status: number
  readonly path: string
  readonly page: HTMLElement
  readonly bytes: Buffer
  readonly title: string
}

export interface File {
  readonly field: string
  readonly name: string
  readonly text: string
}

export class DemoBrowser {
  readonly #base: string
  readonly #cookies = new Map<string, string>()
  #present: Answer | null = null

  constructor(base: string) {
    this.#base = base
  }

  get present(): Answer {
    if (!this.#present) throw new Error('no page yet')
    return this.#present
  }

  get(path: string): Promise<Answer> {
    return this.#send('GET', path, null)
  }

  /**
   * Fills and sends the present page's form with this action: hidden fields (the CSRF token among them) and ticked boxes go as they
   * stand. A field that the form doesn't have, or an answer that isn't a page, is an error.
   */
  async submit(action: string, fields: Readonly<Record<string, string>> = {}, files: readonly File[] = []): Promise<Answer> {
    const form = this.present.page.querySelectorAll('form').find((each) => each.getAttribute('action') === action)
    if (!form) throw new StartRefused(`the page ${this.present.path} (${this.present.title}) has no form that leads to ${action}`)
    const body = form.getAttribute('enctype') === 'multipart/form-data' ? new FormData() : new URLSearchParams()
    const inputs = form.querySelectorAll('input, textarea, select, button')
    const known = new Set(inputs.map((input) => input.getAttribute('name')))
    for (const name of [...Object.keys(fields), ...files.map((file) => file.field)]) if (!known.has(name)) throw new StartRefused(`the form ${action} has no field ${name}`)
    for (const input of inputs) {
      const name = input.getAttribute('name')
      if (!name || name in fields || input.tagName === 'BUTTON' || input.getAttribute('type') === 'file') continue
      const tickable = ['checkbox', 'radio'].includes(input.getAttribute('type') ?? '')
      if (tickable && input.getAttribute('checked') === undefined) continue
      body.append(name, input.tagName === 'TEXTAREA' ? input.text : input.tagName === 'SELECT' ? (input.querySelector('option[selected]')?.getAttribute('value') ?? '') : (input.getAttribute('value') ?? ''))
    }
    for (const [name, value] of Object.entries(fields)) body.append(name, value)
    if (body instanceof FormData) for (const file of files) body.append(file.field, new Blob([file.text]), file.name)
    return this.#send('POST', action, body)
  }

  async #send(method: string, path: string, body: URLSearchParams | FormData | null): Promise<Answer> {
    const url = new URL(path, this.#base)
    if (url.origin !== new URL(this.#base).origin) throw new StartRefused(`${path} leads to another site`)
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, { method, body, redirect: 'manual', headers: { 'accept-language': 'en', ...(cookie ? { cookie } : {}) } }).catch((error: unknown) => {
      throw new StartRefused(`${this.#base} does not answer (${(error as { cause?: { code?: string } }).cause?.code ?? 'no connection'}): run  npm start  first, or set PORTAL_URL`)
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      this.#cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
    }
    const location = response.headers.get('location')
    if (location !== null) {
      await response.arrayBuffer()
      const next = new URL(location, url)
      return this.#send('GET', next.pathname + next.search, null)
    }
    const bytes = Buffer.from(await response.arrayBuffer())
    const page = parse((response.headers.get('content-type') ?? '').startsWith('text/html') ? bytes.toString('utf8') : '')
    const title = page.querySelector('h1')?.text.trim() ?? ''
    const answer = { status: response.status, path: url.pathname + url.search, page, bytes, title }
    if (response.status >= 400) throw new StartRefused(`${method} ${path} was answered ${response.status}, "${title}": ${page.querySelectorAll('.error-summary li, .field-error').map((each) => each.text.trim()).join(' · ') || page.querySelector('main')?.text.replace(/\s+/g, ' ').trim().slice(0, 300)}`)
    this.#present = answer
    return answer
  }
}
