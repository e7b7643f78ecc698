import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { WORDS } from '../../src/web/locales.ts'

/** Product names, and what is nothing but a placeholder. */
const SAME_IN_BOTH = /\.(title|model\.(plain|fips|name))$/
const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort()

describe.each(['yubihsm2', 'thales-luna'])('words of attestation by %s', (maker) => {
  const area = `attestation-${maker}`
  const [en, ja] = (['en', 'ja'] as const).map((language) => new Map([...WORDS[language]].filter(([key]) => key.startsWith(`${area}.`)))) as [Map<string, string>, Map<string, string>]
  const folder = new URL(`../../attestations/${maker}/`, import.meta.url)
  const source = readdirSync(folder).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n')

  it('stand in both languages with the same placeholders', () => {
    expect(en.size).toBeGreaterThan(60)
    expect([...ja.keys()]).toEqual([...en.keys()])
    for (const [key, text] of en) expect(holes(ja.get(key)!), key).toEqual(holes(text))
    for (const [key, text] of ja) if (!SAME_IN_BOTH.test(key)) expect(text, key).toMatch(/[\u3040-\u30ff\u4e00-\u9fff]/)
  })

  it('are there for every key that the code names, and no others', () => {
    const groups = new Set([...en.keys()].map((key) => key.slice(area.length + 1).split('.')[0]!))
    const named = [...source.matchAll(/['`](?:\$\{AREA\}\.)?([a-z-]+(?:\.[a-z0-9-]+)+)['`]/g)].map((match) => match[1]!).filter((key) => groups.has(key.split('.')[0]!))
    expect(named.length).toBeGreaterThan(40)
    expect(named.filter((key) => !en.has(`${area}.${key}`))).toEqual([])
    // A key stands whole in the code, or its last part does where the rest is put before it; `-expected` is put after it.
    const unused = [...en.keys()].map((key) => key.slice(area.length + 1)).filter((key) => {
      const last = key.split('.').at(-1)!
      return ![`'${key}'`, `.${key}\``, `'${last}'`, `'${last.replace(/-expected$/, '')}'`, `malformed.${last}'`].some((form) => source.includes(form))
    })
    expect(unused).toEqual([])
  })
})
