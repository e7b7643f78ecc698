import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { WORDS } from '../../src/web/locales.ts'

/** Makers whose words have a locale area of their own. */
const MAKERS: [area: string, folder: string][] = [
  ['attestation-nshield', 'entrust-nshield'],
  ['attestation-securosys', 'securosys-primus'],
  ['attestation-fortanix', 'fortanix-dsm'],
]

const wordsOf = (language: 'en' | 'ja', area: string) => new Map([...WORDS[language]].filter(([key]) => key.startsWith(`${area}.`)))
const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort()

describe.each(MAKERS)('words of %s', (area, folder) => {
  const [en, ja] = [wordsOf('en', area), wordsOf('ja', area)]
  const at = new URL(`../../attestations/${folder}/`, import.meta.url)
  const source = readdirSync(at).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(new URL(name, at), 'utf8')).join('\n')

  it('stand in both languages with the same placeholders', () => {
    expect(en.size).toBeGreaterThan(30)
    expect([...ja.keys()]).toEqual([...en.keys()])
    for (const [key, text] of en) expect(holes(ja.get(key)!), key).toEqual(holes(text))
    for (const [key, text] of ja) if (!/\.(name|plain|title)$/.test(key)) expect(text, key).toMatch(/[\u3040-\u30ff\u4e00-\u9fff]/)
  })

  it('are there for every key that the code names, and no others', () => {
    const groups = [...new Set([...en.keys()].map((key) => key.split('.')[1]!))]
    const named = [...source.matchAll(/['`]((?:[a-z-]+)(?:\.[a-z0-9-]+)+)['`]/g)].map((match) => match[1]!).filter((key) => groups.includes(key.split('.')[0]!))
    expect(named.filter((key) => !en.has(`${area}.${key}`))).toEqual([])
    // A key is used whole, by its last part where the rest is fixed (`malformed.`, `label.`), or put together of listed parts.
    const unused = [...en.keys()].map((key) => key.slice(area.length + 1)).filter((key) => !source.includes(key) && !source.includes(`'${key.split('.').at(-1)}'`) && !source.includes(`'${key.split('.').at(-1)!.replace(/^unknown-/, '')}'`))
    expect(unused).toEqual([])
  })
})
