import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { MOVES, STATES } from '../../src/application/lifecycle.ts'
import { ROLES } from '../../src/people/roles.ts'
import { LANGUAGES, WORDS } from '../../src/web/locales.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const { en, ja } = WORDS
const placeholders = (sentence: string): string[] => [...new Set(sentence.match(/\{\w+\}/g) ?? [])].sort()

describe('the words', () => {
  test('stand in English and in Japanese under the same keys', () => {
    expect([...ja.keys()].filter((key) => !en.has(key)), 'in Japanese alone').toEqual([])
    expect([...en.keys()].filter((key) => !ja.has(key)), 'in English alone').toEqual([])
  })

  test.each(LANGUAGES)('are nowhere empty (%s)', (language) => {
    expect([...WORDS[language]].filter(([, sentence]) => sentence.trim() === '').map(([key]) => key)).toEqual([])
  })

  test('take the same values in both languages', () => {
    expect([...en].filter(([key, sentence]) => placeholders(sentence).join() !== placeholders(ja.get(key) ?? '').join()).map(([key]) => key)).toEqual([])
  })

  test('are Japanese where the English is a sentence', () => {
    const sentence = (text: string) => text.replace(/\{\w+\}/g, '').split(/\s+/).filter((word) => /^[a-z]{2,}/.test(word)).length >= 3
    expect([...en].filter(([key, text]) => sentence(text) && !/[\u3040-\u30ff\u4e00-\u9fff]/.test(ja.get(key) ?? '')).map(([key]) => key)).toEqual([])
  })

  test('exist for every key that a view or the code names', () => {
    const missing: string[] = []
    for (const file of sources()) {
      const text = readFileSync(file, 'utf8')
      // A file may have a shorter t() of its own for one part of an area.
      const beginnings = ['', ...[...text.matchAll(/\btranslate\(\w+, `([a-z0-9.-]+\.)\$\{\w+\}`/g)].map((match) => match[1]!)]
      for (const key of keysNamed(text)) if (!beginnings.some((beginning) => known(beginning + key))) missing.push(`${file.slice(ROOT.length)}: ${key}`)
    }
    expect(missing).toEqual([])
  })

  test('a key that no file has is noticed', () => {
    const text = "t('home.none') m({ key: 'home.none-either' }) page('home', 'home.nothing') t('home.nothing.' + x) t(`home.void.${x}`) redirect('/', 'home.gone')"
    expect(keysNamed(text).filter((key) => !known(key))).toHaveLength(6)
    expect(keysNamed("t('home.title') t('home.how.' + x)").filter((key) => !known(key))).toEqual([])
  })

  test.each(LANGUAGES)('name every state, move, mover and role (%s)', (language) => {
    const wanted = [
      ...STATES.flatMap((state) => [`lifecycle.state.${state}`, `lifecycle.explain.${state}`]),
      ...MOVES.map((move) => `lifecycle.move.${move.name}`),
      ...MOVES.flatMap((move) => move.by).flatMap((mover) => [`lifecycle.mover.${mover}`, `lifecycle.waits-for.${mover}`]),
      ...ROLES.flatMap((role) => [`roles.${role}`, `roles.duty.${role}`]),
    ]
    expect(wanted.filter((key) => !WORDS[language].has(key))).toEqual([])
  })
})

function sources(): string[] {
  return ['src', 'views', 'attestations'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(ts|ejs)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name)),
  )
}

/** Keys given as literals; a key put together from a literal's beginning is named by that beginning with its last dot. */
function keysNamed(text: string): string[] {
  const key = String.raw`([a-z][a-z0-9-]*(?:\.[A-Za-z0-9-]+)*\.?)`
  const places = [String.raw`\bt\(\s*['"\x60]${key}(?=['"]|\$\{|\x60)`, String.raw`\btranslate\(\w+, ['"\x60]${key}(?=['"]|\$\{|\x60)`, String.raw`\bkey: ['"\x60]${key}(?=['"]|\$\{|\x60)`, String.raw`\b(?:page|redirect)\(\s*['"\x60][^'"\x60]*['"\x60],\s*['"]${key}(?=['"])`]
  return places.flatMap((place) => [...text.matchAll(new RegExp(place, 'g'))].map((match) => match[1]!)).filter((found) => found.includes('.'))
}

const known = (key: string): boolean => (key.endsWith('.') ? [...en.keys()].some((each) => each.startsWith(key)) : en.has(key))
