/** One way to draw a page: a view gets one `page` model and a few words; a name that the model lacks is an error, not a hole. */
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import ejs from 'ejs'
import { formatInstant, formatNumber, translate, type Language, type Message } from './locales.ts'
import type { FieldError, Notice, SignedIn } from './reply.ts'

export const VIEWS = fileURLToPath(new URL('../../views', import.meta.url))

export interface Frame {
  readonly language: Language
  readonly account: SignedIn | null
  readonly path: string
  /** The query of a GET without `?`, kept when the language is switched. */
  readonly query?: string
  readonly csrf: string
  readonly notice: Notice | null
  readonly demo: boolean
  readonly production: boolean
  readonly operator: string
  /** How long a session lives without a request: the page warns before, since what is typed then would be lost. */
  readonly idleMinutes: number
}

const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

/** A view that asks for what its model lacks throws; plain objects within are wrapped as they are reached. */
export function strict<T extends object>(model: T, where = 'page'): T {
  return new Proxy(model, {
    get(target, name, receiver) {
      if (typeof name === 'symbol' || name === 'toJSON' || name === 'then') return Reflect.get(target, name, receiver)
      if (!(name in target)) throw new Error(`${where}.${name} is not in the page's model`)
      const value: unknown = Reflect.get(target, name, receiver)
      return value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype ? strict(value, `${where}.${name}`) : value
    },
  })
}

/**
 * @param view path below views/, without .ejs, named by code alone (never by a request)
 */
export async function renderPage(view: string, title: Message, model: Readonly<Record<string, unknown>>, frame: Frame, errors: readonly FieldError[] = []): Promise<string> {
  const t = (key: string, values?: Record<string, string>) => translate(frame.language, key, values)
  const labels = new Map<string, string>()
  const words = {
    t,
    /** A Message in words. A message of the model is strict too, and one without values is whole. */
    m: (message: Message) => translate(frame.language, message.key, 'values' in message ? message.values : undefined),
    when: (instant: string | Date) => `<time datetime="${new Date(instant).toISOString()}">${escape(formatInstant(frame.language, instant))}</time>`,
    number: (value: number) => formatNumber(frame.language, value),
    csrf: `<input type="hidden" name="_csrf" value="${escape(frame.csrf)}">`,
    errors,
    /** The field's error; `label` is what the summary calls the field. A box has none: its label is a sentence, and the error alone says enough. */
    errorFor: (field: string, label?: string) => {
      if (label !== undefined) labels.set(field, label)
      return errors.find((error) => error.field === field) ?? null
    },
    language: frame.language,
    account: frame.account,
    path: frame.path,
    query: frame.query ?? '',
    demo: frame.demo,
    production: frame.production,
    operator: frame.operator,
    idleMinutes: frame.idleMinutes,
    notice: frame.notice,
    title: translate(frame.language, title.key, title.values),
  }
  // `root` serves includes that begin with a slash: include('/parts/field', …).
  const options = { root: VIEWS, views: [VIEWS], cache: frame.production, strict: false, rmWhitespace: false }
  const body = await ejs.renderFile(join(VIEWS, `${view}.ejs`), { ...words, page: strict(model) }, options)
  // The body is drawn first: the summary names each field as the form does.
  const summary = errors.map((error) => ({ ...error, label: labels.get(error.field) ?? null }))
  return ejs.renderFile(join(VIEWS, 'layout/frame.ejs'), { ...words, errors: summary, body }, options)
}
