/** Words in English and Japanese, from locales/<language>/<area>.json; a key is `<area>.<path>`. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import type { Language } from '../policy/policy.ts'

export type { Language }
export const LANGUAGES: readonly Language[] = ['en', 'ja']
/** A sentence by its key, with what goes into its {placeholders}. */
export interface Message {
  readonly key: string
  readonly values?: Readonly<Record<string, string>>
}

const FOLDER = fileURLToPath(new URL('./locales', import.meta.url))

function flatten(prefix: string, node: unknown, into: Map<string, string>): void {
  if (typeof node === 'string') into.set(prefix, node)
  else for (const [name, child] of Object.entries(node as Record<string, unknown>)) flatten(`${prefix}.${name}`, child, into)
}

function load(language: Language): Map<string, string> {
  const words = new Map<string, string>()
  for (const file of readdirSync(join(FOLDER, language)).filter((name) => name.endsWith('.json')).sort()) flatten(file.replace(/\.json$/, ''), JSON.parse(readFileSync(join(FOLDER, language, file), 'utf8')), words)
  return words
}

export const WORDS: Readonly<Record<Language, ReadonlyMap<string, string>>> = { en: load('en'), ja: load('ja') }

/**
 * The sentence for a key. Throws for a key that no locale file has: a page with a hole is a fault, and the tests visit every page.
 */
export function translate(language: Language, key: string, values: Readonly<Record<string, string>> = {}): string {
  const sentence = WORDS[language].get(key)
  if (sentence === undefined) throw new Error(`no ${language} words for ${key}`)
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}

/** `offset`: hours ahead of UTC, in Japan the same all year since 1951. */
const ZONES: Readonly<Record<Language, { zone: string; label: string; tag: string; offset: number }>> = { en: { zone: 'UTC', label: 'UTC', tag: 'en-GB', offset: 0 }, ja: { zone: 'Asia/Tokyo', label: 'JST', tag: 'ja-JP', offset: 9 } }

/** An instant to the minute in the language's zone, the zone named: `2026-11-21 09:30 UTC`. */
export function formatInstant(language: Language, instant: Date | string): string {
  const { zone, label } = ZONES[language]
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).formatToParts(new Date(instant))
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? ''
  return `${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')} ${label}`
}

/** When a day (`2026-11-21`) begins in the language's zone: the one in which the pages show times. */
export const startOfDay = (language: Language, day: string): Date => new Date(Date.parse(`${day}T00:00:00.000Z`) - ZONES[language].offset * 3_600_000)

/** The hour of an instant in the language's zone: `09:00`. */
export const formatHour = (language: Language, instant: Date): string => formatInstant(language, instant).split(' ')[1]!

export const formatNumber = (language: Language, value: number): string => new Intl.NumberFormat(ZONES[language].tag).format(value)

/** The language of a request: chosen before, else the best of Accept-Language, else English. */
export function chooseLanguage(chosen: string | undefined, acceptLanguage: string | undefined): Language {
  if (chosen === 'en' || chosen === 'ja') return chosen
  for (const part of (acceptLanguage ?? '').slice(0, 200).split(',')) {
    const primary = part.trim().slice(0, 2).toLowerCase()
    if (primary === 'en' || primary === 'ja') return primary
  }
  return 'en'
}
