/** What every page of the portal must be, whatever it shows. */
import { translate, WORDS } from '../../src/web/locales.ts'

export interface Tag {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  /** What stands between this tag and the next. */
  readonly text: string
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' }
export const unescape = (text: string): string =>
  text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, name) =>
    decimal ? String.fromCodePoint(Number(decimal)) : hex ? String.fromCodePoint(parseInt(hex, 16)) : (entities[name] ?? whole),
  )

/** Start tags in order. The portal's own markup is regular: no comments with tags in them, every attribute quoted. */
export function tagsOf(html: string): readonly Tag[] {
  const tags: Tag[] = []
  for (const match of html
    .replace(/<!--[\s\S]*?-->/g, '')
    .matchAll(/<([a-z][a-z0-9-]*)((?:\s+[^\s=>/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+))?)*)\s*\/?>([^<]*)/gi)) {
    const attributes: Record<string, string> = {}
    for (const attribute of match[2]!.matchAll(/([^\s=>/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g))
      attributes[attribute[1]!.toLowerCase()] = unescape(attribute[2] ?? attribute[3] ?? attribute[4] ?? '')
    tags.push({ name: match[1]!.toLowerCase(), attributes, text: unescape(match[3]!) })
  }
  return tags
}

/** The words of a page as a reader sees them. */
export const textOf = (html: string): string =>
  unescape(
    html
      .replace(/<!--[\s\S]*?-->/g, '')
      .replace(/<(script|style|title)\b[\s\S]*?<\/\1>/gi, ' ')
      .replace(/<[^>]+>/g, ' '),
  )
    .replace(/\s+/g, ' ')
    .trim()

let areas: RegExp | undefined

/** Every fault of the page, as sentences; an empty list is a good page. */
export function pageFaults(html: string): readonly string[] {
  const faults: string[] = []
  const tags = tagsOf(html)
  const named = (name: string) => tags.filter((tag) => tag.name === name)
  if (!/^\s*<!doctype html>/i.test(html)) faults.push('no <!doctype html>')
  const language = named('html')[0]?.attributes['lang']
  if (language !== 'en' && language !== 'ja') faults.push('<html> has no lang')
  if (!named('title')[0]?.text.trim()) faults.push('no title')
  if (named('h1').length !== 1) faults.push(`${named('h1').length} h1 elements`)

  const ids = tags.flatMap((tag) => (tag.attributes['id'] === undefined ? [] : [tag.attributes['id']]))
  for (const id of new Set(ids))
    if (ids.filter((each) => each === id).length > 1) faults.push(`id "${id}" is there ${ids.filter((each) => each === id).length} times`)
  for (const tag of tags) {
    for (const name of ['aria-describedby', 'aria-labelledby', 'aria-controls'])
      for (const id of (tag.attributes[name] ?? '').split(/\s+/).filter(Boolean))
        if (!ids.includes(id)) faults.push(`${name} points to "${id}", which is not there`)
    const href = tag.attributes['href']
    if (tag.name === 'a' && href?.startsWith('#') && href !== '#' && !ids.includes(href.slice(1))) faults.push(`a link leads to ${href}, which is not there`)
    for (const name of Object.keys(tag.attributes)) if (name === 'style' || /^on[a-z]+$/.test(name)) faults.push(`<${tag.name}> has the attribute ${name}`)
    if (href !== undefined && /^\s*javascript:/i.test(href)) faults.push('a javascript: link')
    if (tag.name === 'img' && tag.attributes['alt'] === undefined) faults.push('an image without alt')
  }
  if (named('style').length > 0) faults.push('an inline style element')
  for (const script of named('script')) if (script.attributes['src'] === undefined) faults.push('an inline script')

  const labelled = new Set(named('label').flatMap((label) => (label.attributes['for'] === undefined ? [] : [label.attributes['for']])))
  for (const tag of tags) {
    if (!['input', 'select', 'textarea'].includes(tag.name)) continue
    const { type, id, name } = tag.attributes
    if (type === 'hidden' || type === 'submit' || type === 'button') continue
    if (!(id && labelled.has(id)) && !tag.attributes['aria-label'] && !tag.attributes['aria-labelledby'])
      faults.push(`<${tag.name} name="${name ?? ''}"> has no label`)
  }
  for (const form of html.match(/<form\b[\s\S]*?<\/form>/gi) ?? []) {
    const [start, ...inside] = tagsOf(form)
    if (
      start!.attributes['method']?.toLowerCase() === 'post' &&
      !inside.some((tag) => tag.attributes['name'] === '_csrf' && (tag.attributes['value'] ?? '').length >= 43)
    )
      faults.push(`the form to ${start!.attributes['action'] ?? ''} has no CSRF token`)
  }

  // A key that was printed instead of its sentence, or a {placeholder} that nothing filled.
  areas ??= new RegExp(`(?<![\\w./@-])(?:${[...new Set([...WORDS.en.keys()].map((key) => key.split('.')[0]!))].join('|')})(?:\\.[a-zA-Z0-9-]+)+`, 'g')
  const text = textOf(html)
  for (const [key] of text.matchAll(areas)) if (WORDS.en.has(key)) faults.push(`the key ${key} in place of its words`)
  for (const [hole] of text.matchAll(/\{[a-zA-Z]+\}/g)) faults.push(`nothing filled ${hole}`)
  for (const word of ['undefined', '[object Object]']) if (text.includes(word)) faults.push(`the text has "${word}"`)
  return faults
}

/** The sentence of a key, to look for on a page. */
export const words = (key: string, values?: Readonly<Record<string, string>>, language: 'en' | 'ja' = 'en'): string => translate(language, key, values)
