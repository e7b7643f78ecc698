import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { WORDS } from '../../src/web/locales.ts'

const AREA = 'attestation-marvell.'
const [en, ja] = [WORDS.en, WORDS.ja].map((words) => new Map([...words].filter(([key]) => key.startsWith(AREA)))) as [Map<string, string>, Map<string, string>]
const holes = (text: string) => [...text.matchAll(/\{([A-Za-z0-9]+)\}/g)].map((match) => match[1]).sort()
const sources = ['marvell', 'google-cloud-hsm', 'azure-managed-hsm']
  .flatMap((folder) => readdirSync(new URL(`../../attestations/${folder}/`, import.meta.url)).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(new URL(`../../attestations/${folder}/${name}`, import.meta.url), 'utf8')))
  .join('\n')

/** Keys that the code puts together from parts. */
const BUILT = [
  ...['local', 'extractable', 'never-extractable', 'sensitive', 'always-sensitive', 'sign'].flatMap((name) => ['yes', 'no', 'missing', 'expected'].map((seen) => `attribute.${name}.${seen}`)),
  ...['card', 'owner'].flatMap((what) => [...['held', 'unknown', 'expected'].map((seen) => `pinned-${what}.${seen}`), ...['good', 'bad', 'expected'].map((seen) => `${what}-signature.${seen}`)]),
  ...['google', 'azure'].flatMap((cloud) => [`model.${cloud}`, `title.${cloud}`]),
  ...['partition', 'mode', 'key-label', 'key-id'].map((label) => `label.${label}`),
  ...['says-fips', 'says-nothing'].map((mode) => `mode.${mode}`),
]
/** Literals that are the end of a key: `'names.match'`, `malformed('layout')`, `'remedy.generate'`. */
const NAMED = [
  ...[...sources.matchAll(/'((?:leg|names|partition-signature|extensions|partition-key|card-key|statement-signature|digest|pair|mode|product|key-type|remedy)\.[a-z-]+)'/g)].map((match) => match[1]!),
  ...[...sources.matchAll(/malformed\('([a-z-]+)'/g)].map((match) => `malformed.${match[1]!}`),
  ...[...sources.matchAll(/'attestation-marvell\.([a-z-]+(?:\.[a-z-]+)*)'/g)].map((match) => match[1]!),
  ...[...sources.matchAll(/\$\{AREA\}\.([a-z-]+(?:\.[a-z-]+)*)[`]/g)].map((match) => match[1]!),
  'malformed.secret-key',
  'malformed.no-private-key',
]

describe('words of LiquidSecurity attestation', () => {
  it('stand in both languages with the same placeholders', () => {
    expect([...ja.keys()]).toEqual([...en.keys()])
    for (const [key, text] of en) expect(holes(ja.get(key)!), key).toEqual(holes(text))
    for (const [key, text] of ja) if (!/\.(title\.\w+|text)$/.test(key)) expect(text, key).toMatch(/[\u3040-\u30ff\u4e00-\u9fff]/)
  })

  it('are there for every key that the code names, and none is left over', () => {
    const used = new Set([...BUILT, ...NAMED])
    expect(used.size).toBeGreaterThan(100)
    for (const key of used) expect(en.has(AREA + key), key).toBe(true)
    expect([...en.keys()].map((key) => key.slice(AREA.length)).filter((key) => !used.has(key))).toEqual([])
  })
})
