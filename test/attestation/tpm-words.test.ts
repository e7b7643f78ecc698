import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { unlistedMakers } from '../../src/attestation/makers.ts'
import { WORDS } from '../../src/web/locales.ts'
import { shippedPolicy, withMakers } from '../support/attestation-policy.ts'
import { MAKERS } from '../support/specimens.ts'

const SIDES = ['good', 'bad', 'expected']
/** Keys that the code puts together from parts, by the end of a template. */
const BUILT: { [area: string]: string[] } = {
  'attestation-tpm2': [
    ...['attestation', 'endorsement', 'other'].map((seen) => `ak-purpose.${seen}`),
    ...['good', 'weak', 'bad'].map((seen) => `statement-signature.${seen}`),
    ...['same', 'differs', 'weak'].map((seen) => `name.${seen}`),
    ...['inside', 'outside', 'elsewhere'].map((seen) => `origin.${seen}`),
    ...['attributes', 'fixed-parent', 'duplication', 'fixed-tpm'].flatMap((name) => SIDES.map((side) => `${name}.${side}`)),
    ...['may', 'may-not', 'restricted'].map((seen) => `signing.${seen}`),
    ...['listed', 'other-firmware', 'unlisted'].map((seen) => `device.${seen}`),
    ...['name', 'attributes', 'extra-data'].map((label) => `label.${label}`),
    ...['statement', 'signature', 'public', 'ak', 'authority'].map((what) => `malformed.${what}-missing`),
    ...['statement', 'signature', 'public'].map((what) => `malformed.several-${what}`),
    'remedy.key-type',
  ],
  'attestation-rats': [
    ...['local', 'extractable', 'never-extractable', 'sensitive'].flatMap((name) => ['yes', 'no', 'missing', 'expected'].map((seen) => `${name}.${seen}`)),
    ...['local', 'extractable', 'never-extractable', 'sensitive', 'key-type'].map((name) => `remedy.${name}`),
    ...['yes', 'no', 'missing'].map((seen) => `fips-boot.${seen}`),
    ...['signer', 'fips'].map((label) => `label.${label}`),
    ...['key-missing', 'several', 'several-keys', 'several-platforms'].map((reason) => `malformed.${reason}`),
  ],
}
const FOLDERS: [string, string][] = [
  ['attestation-tpm2', 'tpm2'],
  ['attestation-rats', 'rats-pkix'],
]

describe.each(FOLDERS)('words of %s', (area, folder) => {
  const [en, ja] = [WORDS.en, WORDS.ja].map((words) => new Map([...words].filter(([key]) => key.startsWith(`${area}.`)).map(([key, text]) => [key.slice(area.length + 1), text]))) as [Map<string, string>, Map<string, string>]
  const at = new URL(`../../attestations/${folder}/`, import.meta.url)
  const source = readdirSync(at).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(new URL(name, at), 'utf8')).join('\n')

  it('are there for every key that the code names, and no others', () => {
    const whole = [...en.keys()].filter((key) => source.includes(`'${key}'`) || source.includes(`.${key}\``) || source.includes(`${area}.${key}'`))
    const groups = [...new Set([...en.keys()].map((key) => key.split('.')[0]!))]
    const named = [...source.matchAll(/['`]([a-z-]+\.[a-z-]+)['`]/g)].map((match) => match[1]!).filter((key) => groups.includes(key.split('.')[0]!))
    expect([...named, ...BUILT[area]!].filter((key) => !en.has(key))).toEqual([])
    expect([...en.keys()].filter((key) => !whole.includes(key) && !BUILT[area]!.includes(key))).toEqual([])
  })

  it('are Japanese, but for names and bare values', () => {
    for (const [key, text] of ja) if (!/^(title|model|text)$/.test(key)) expect(text, key).toMatch(/[\u3040-\u30ff\u4e00-\u9fff]/)
  })
})

describe('words for makers that a policy does not list', () => {
  it('ATT-9: are there for each that is built in, and name it', () => {
    const unlisted = unlistedMakers(withMakers(shippedPolicy))
    expect(unlisted.map(({ id }) => id).sort()).toEqual([...MAKERS])
    for (const { id } of unlisted) for (const words of [WORDS.en, WORDS.ja]) expect(words.get(`attestation.off.${id}`), id).toBeDefined()
    expect([...WORDS.en.keys()].filter((key) => key.startsWith('attestation.off.')).map((key) => key.slice(16)).sort()).toEqual([...MAKERS])
    expect(unlistedMakers(shippedPolicy).map(({ id }) => id)).toEqual(expect.arrayContaining(['tpm2', 'rats-pkix']))
  })
})
