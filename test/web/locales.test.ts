import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Duty } from '../../src/application/application.ts'
import { CHECKLIST } from '../../src/application/checklist.ts'
import { MOVES, STATES } from '../../src/application/lifecycle.ts'
import { REPORT_SOURCES, type CompromiseReport } from '../../src/application/report-compromise.ts'
import { REVOCATION_GROUNDS } from '../../src/application/revocation-grounds.ts'
import { LINTS } from '../../src/certificate/lints/lints.ts'
import { subjectAttributes } from '../../src/certificate/subject.ts'
import type { WeakKeyListForm } from '../../src/certificate/weak-key-list.ts'
import { METHODS } from '../../src/key-protection/methods.ts'
import { KEY_OPTIONS } from '../../src/key-protection/protection.ts'
import { AUDIT_SCHEMES, AUTHENTICATIONS, QUALIFICATIONS, TECHNIQUES } from '../../src/key-protection/register.ts'
import type { ModuleState } from '../../src/key-protection/shipped-module.ts'
import { ROLES } from '../../src/people/roles.ts'
import { CEREMONY_KINDS } from '../../src/repository/key-generation.ts'
import type { Authority } from '../../src/signer/authority.ts'
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

  test('have colons and parentheses in full width where they stand with Japanese', () => {
    const sign = '[\\u3040-\\u30ff\\u3400-\\u9fff々〆）」』]'
    // A number of a clause, "(4)", belongs to the clause.
    const narrow = new RegExp(`${sign} ?:(?!//)|${sign} ?[(]|[(][^()]*${sign}[^()]*[)]|[(](?:CSBR|CP) `)
    expect('運営: x'.match(narrow) && '適合 (CSBR 6.1)'.match(narrow) && '(認証)'.match(narrow)).not.toBeNull()
    expect([...ja].filter(([, sentence]) => narrow.test(sentence)).map(([key]) => key)).toEqual([])
  })

  test('are joined by no colon of a view, which would be the same in both languages', () => {
    const joined = readdirSync(join(ROOT, 'views'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ejs')).flatMap((name) => [...readFileSync(join(ROOT, 'views', name), 'utf8').matchAll(/%>(?:<\/\w+>)?:(?=[ <])/g)].map(([found]) => `${name}: ${found}`))
    expect(joined).toEqual([])
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

  test.each(LANGUAGES)('stand for every value that a row can hold and a page puts into a key (%s)', (language) => {
    const subject = subjectAttributes({ country: 'JP', state: '-', locality: '-', organization: '-', organizationalUnit: '-', serialNumber: '-', commonName: '-' })
    const wanted = [
      ...CEREMONY_KINDS.map((kind) => `key-generation.ceremony.${kind}`),
      ...['witness', 'auditor'].map((part) => `key-generation.statement.${part}`),
      ...each<Authority['kind']>({ root: true, issuing: true, 'timestamp-ca': true }).map((kind) => `repository.kind.${kind}`),
      ...REVOCATION_GROUNDS.flatMap(({ id }) => [`revocation.ground.${id}.title`, `revocation.ground.${id}.hint`]),
      ...REPORT_SOURCES.map((source) => `keys.source.${source}`),
      ...each<CompromiseReport['evidence']>({ hash: true, certificate: true, request: true, 'public-key': true, 'private-key': true }).map((evidence) => `keys.evidence.${evidence}`),
      ...each<CompromiseReport['proof']>({ none: true, 'private-key': true, signature: true }).map((proof) => `keys.proof.${proof}`),
      ...each<WeakKeyListForm>({ 'openssl-blacklist': true, 'modulus-sha256': true, 'mixed-text': true, badkeys: true }).map((form) => `keys.form.${form}`),
      ...each<ModuleState>({ prepared: true, shipped: true, received: true, activated: true, withdrawn: true }).map((state) => `modules.state.${state}`),
      ...each<Duty>({ applied: true, vetted: true, decided: true }).map((duty) => `review.duty.${duty}`),
      ...CHECKLIST.flatMap(({ id, sources }) => [`review.item.${id}.title`, `review.item.${id}.help`, ...sources.map((source) => `review.source.${source}`)]),
      ...subject.flatMap(({ type }) => [`review.attribute.${type}`, `subject.attribute.${type}`]),
      ...KEY_OPTIONS.flatMap((option) => [`review.key-option.${option}`, `key-protection.option.${option}.title`, `key-protection.option.${option}.hint`]),
      ...METHODS.flatMap(({ id }) => [`key-protection.method.${id}.title`, `key-protection.method.${id}.hint`]),
      ...LINTS.map(({ sentence }) => `lints.${sentence}`),
      ...QUALIFICATIONS.map((value) => `registers.field.auditors.qualification.choice.${value}`),
      ...Object.entries({ technique: TECHNIQUES, authentication: AUTHENTICATIONS, auditScheme: AUDIT_SCHEMES }).flatMap(([name, values]) => values.map((value) => `registers.field.signing-services.${name}.choice.${value}`)),
    ]
    expect(wanted.filter((key) => !WORDS[language].has(key))).toEqual([])
  })
})

/** Every value of a type, none forgotten. */
const each = <T extends string>(values: Readonly<Record<T, true>>): readonly string[] => Object.keys(values)

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
