/** A browser without a screen: keeps cookies, follows redirects, sends forms, and judges every page it is given. */
import { pageFaults, tagsOf, textOf } from './page-checks.ts'

export interface Page {
  readonly status: number
  /** Path and query of what was answered last. */
  readonly path: string
  /** Where a redirect that was not followed leads. */
  readonly location: string | null
  readonly headers: Headers
  readonly bytes: Buffer
  readonly html: string
  /** The words of the page as a reader sees them. */
  readonly text: string
  readonly title: string
  /** The page's sentences of errors, by the id of their field. */
  readonly errors: ReadonlyMap<string, string>
  /** What the named field is filled with: a form must come back as it was. */
  value(field: string): string | null
}

export interface Sending {
  /** Follow redirects as a browser does; true when not said. */
  readonly follow?: boolean
  /** The page whose form is sent, asked for when the present page has no form. */
  readonly from?: string
  /** `_csrf: null` sends no token. */
  readonly csrf?: string | null
  readonly headers?: Readonly<Record<string, string>>
}

export type Fields = Readonly<Record<string, string | readonly string[]>>
export interface File {
  readonly field: string
  readonly name: string
  readonly bytes: Uint8Array | string
}

export class Client {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly cookies = new Map<string, string>()
  /** The CSRF token of the page seen last that had one. */
  csrf: string | null = null
  page: Page | null = null

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.url = url
    this.headers = headers
  }

  async get(path: string, sending: Sending = {}): Promise<Page> {
    return this.#send('GET', path, null, sending)
  }

  /** Sends a form with the token of the page seen last (or of `from`, or of the page at the same path). */
  async post(path: string, fields: Fields = {}, sending: Sending = {}): Promise<Page> {
    const body = new URLSearchParams()
    for (const [name, value] of Object.entries(fields)) for (const each of typeof value === 'string' ? [value] : value) body.append(name, each)
    const token = await this.#token(path, sending)
    if (token !== null) body.append('_csrf', token)
    return this.#send('POST', path, body, sending)
  }

  /** Sends a form with files (multipart/form-data). */
  async upload(path: string, fields: Fields, files: readonly File[], sending: Sending = {}): Promise<Page> {
    const body = new FormData()
    const token = await this.#token(path, sending)
    if (token !== null) body.append('_csrf', token)
    for (const [name, value] of Object.entries(fields)) for (const each of typeof value === 'string' ? [value] : value) body.append(name, each)
    for (const file of files) body.append(file.field, new Blob([typeof file.bytes === 'string' ? file.bytes : new Uint8Array(file.bytes)]), file.name)
    return this.#send('POST', path, body, sending)
  }

  /** A second client in the same session: what another tab or a thief of the cookie would be. */
  twin(): Client {
    const twin = new Client(this.url, this.headers)
    for (const [name, value] of this.cookies) twin.cookies.set(name, value)
    twin.csrf = this.csrf
    return twin
  }

  async #token(path: string, sending: Sending): Promise<string | null> {
    if (sending.csrf !== undefined) return sending.csrf
    if (sending.from !== undefined) await this.get(sending.from)
    else if (this.csrf === null) {
      await this.get(path)
      if (this.csrf === null) await this.get('/sign-in')
    }
    if (this.csrf === null) throw new Error('no page with a form was seen: give `from`')
    return this.csrf
  }

  async #send(method: string, path: string, body: URLSearchParams | FormData | null, sending: Sending): Promise<Page> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(new URL(path, this.url), {
      method,
      body,
      redirect: 'manual',
      headers: { ...this.headers, ...sending.headers, ...(cookie === '' ? {} : { cookie }) },
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...rest] = line.split(';')
      const at = pair.indexOf('=')
      const gone = rest.some((each) => /^\s*(max-age=0|expires=thu, 01 jan 1970)/i.test(each))
      if (gone) this.cookies.delete(pair.slice(0, at))
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
    const location = response.headers.get('location')
    if (location !== null && sending.follow !== false) {
      await response.arrayBuffer()
      const next = new URL(location, new URL(path, this.url))
      if (next.origin !== new URL(this.url).origin) throw new Error(`${method} ${path} leads to another site: ${location}`)
      return this.#send('GET', next.pathname + next.search, null, { ...(sending.headers ? { headers: sending.headers } : {}) })
    }
    const bytes = Buffer.from(await response.arrayBuffer())
    const html = (response.headers.get('content-type') ?? '').startsWith('text/html') && location === null ? bytes.toString('utf8') : ''
    return (this.page = this.#read(method, path, response, location, bytes, html))
  }

  #read(method: string, path: string, response: Response, location: string | null, bytes: Buffer, html: string): Page {
    if (html !== '') {
      const faults = pageFaults(html)
      if (faults.length > 0)
        throw new Error(`${method} ${path} (${response.status}) gave a page with faults:\n  ${faults.join('\n  ')}\n${textOf(html).slice(0, 600)}`)
      if (/(?:default|script|style)-src[^;]*'unsafe/.test(response.headers.get('content-security-policy') ?? "'unsafe"))
        throw new Error(`${path}: the content security policy allows inline code`)
    }
    const tags = tagsOf(html)
    this.csrf = tags.find((tag) => tag.attributes['name'] === '_csrf')?.attributes['value'] ?? this.csrf
    // The summary names each error once, as a link to its field.
    const summary = /<[a-z]+[^>]*class="[^"]*error-summary[^"]*"[\s\S]*?<\/ul>/i.exec(html)?.[0] ?? ''
    const errors = new Map([...summary.matchAll(/<a[^>]*href="#([^"]+)"[^>]*>([\s\S]*?)<\/a>/g)].map((match) => [match[1]!, textOf(match[2]!)]))
    return {
      status: response.status,
      path,
      location,
      headers: response.headers,
      bytes,
      html,
      text: textOf(html),
      title: textOf(/<h1[^>]*>([\s\S]*?)<\/h1>/i.exec(html)?.[1] ?? ''),
      errors,
      value(field) {
        const tag = tags.find((each) => each.attributes['name'] === field && ['input', 'textarea', 'select'].includes(each.name))
        if (!tag) return null
        if (tag.name === 'textarea') return tag.text.replace(/^\n/, '')
        if (tag.name === 'input' && (tag.attributes['type'] === 'radio' || tag.attributes['type'] === 'checkbox'))
          return tags.find((each) => each.attributes['name'] === field && each.attributes['checked'] !== undefined)?.attributes['value'] ?? null
        if (tag.name === 'select')
          return tags.slice(tags.indexOf(tag)).find((each) => each.name === 'option' && each.attributes['selected'] !== undefined)?.attributes['value'] ?? null
        return tag.attributes['value'] ?? ''
      },
    }
  }
}
