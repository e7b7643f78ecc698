import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PIN_POLICIES, TOUCH_POLICIES } from '../../attestations/yubikey-piv/module.ts'
import { QUESTIONS, say } from '../../src/attestation/verifier.ts'

type Tree = { [name: string]: string | Tree }
const flat = (tree: Tree, prefix: string): [string, string][] => Object.entries(tree).flatMap(([name, value]) => (typeof value === 'string' ? [[`${prefix}.${name}`, value] as [string, string]] : flat(value, `${prefix}.${name}`)))
const words = (language: string) => new Map(flat(JSON.parse(readFileSync(new URL(`../../src/web/locales/${language}/attestation.json`, import.meta.url), 'utf8')) as Tree, 'attestation'))
const holes = (text: string) => [...text.matchAll(/\{([A-Za-z0-9]+)\}/g)].map((match) => match[1]).sort()

const [en, ja] = [words('en'), words('ja')]

/** Every string in the sources that is, or begins, a key. */
const sources = ['../../src/attestation/', '../../attestations/yubikey-piv/', '../../attestations/demo/'].flatMap((folder) =>
  readdirSync(new URL(folder, import.meta.url)).filter((name) => name.endsWith('.ts')).map((name) => readFileSync(new URL(`${folder}${name}`, import.meta.url), 'utf8')),
)

describe('words of attestation', () => {
  it('stand in both languages with the same placeholders', () => {
    expect([...ja.keys()]).toEqual([...en.keys()])
    for (const [key, text] of en) expect(holes(ja.get(key)!), key).toEqual(holes(text))
    for (const [key, text] of ja) if (!/\.(name|model|title)$/.test(key)) expect(text, key).toMatch(/[\u3040-\u30ff\u4e00-\u9fff]/)
  })

  it('are there for every key that the code names whole', () => {
    const named = sources.flatMap((text) => [...text.matchAll(/'(attestation\.[a-z0-9-]+(?:\.[a-z0-9-]+)+)'/g)].map((match) => match[1]!))
    expect(named.length).toBeGreaterThan(50)
    for (const key of named) expect(en.has(key), key).toBe(true)
    for (const key of Object.values(QUESTIONS)) expect(en.has(key), key).toBe(true)
  })

  it('are there for every key that the code puts together', () => {
    const chain = sources.flatMap((text) => [...text.matchAll(/'((?:issuer|leaf-signature|pinned|device-signature|device-ca|leaf-ca|subject|extensions)\.[a-z-]+)'/g)].map((match) => `yubikey-piv.${match[1]!}`))
    expect(chain.length).toBeGreaterThan(20)
    const built = [
      ...chain,
      ...['inside', 'outside'].map((seen) => `validity.${seen}`),
      ...['active', 'historical-accepted', 'historical', 'not-yet', 'revoked', 'level', 'scheme'].map((standing) => `certificate.${standing}`),
      ...['both', 'neither', 'neither-claimed', 'cspn', 'bit-only', 'extension-only', 'fips-and-cspn'].map((seen) => `yubikey-piv.fips.${seen}`),
      ...['usb-a-keychain', 'usb-a-nano', 'usb-c-keychain', 'usb-c-nano', 'usb-c-lightning', 'usb-a-bio', 'usb-c-bio', 'unknown'].map((form) => `yubikey-piv.form-factor.${form}`),
      ...[...Object.values(PIN_POLICIES), 'unknown'].map((policy) => `yubikey-piv.pin-policy.${policy}`),
      ...[...Object.values(TOUCH_POLICIES), 'unknown'].map((policy) => `yubikey-piv.touch-policy.${policy}`),
      ...['slot', 'pin-policy', 'touch-policy'].map((label) => `yubikey-piv.label.${label}`),
      ...['generated', 'generated-expected', 'kept', 'kept-expected'].map((what) => `yubikey-piv.implied.${what}`),
      ...['extension', 'attestation-missing', 'intermediate-missing', 'several-attestations', 'several-intermediates'].map((reason) => `yubikey-piv.malformed.${reason}`),
    ]
    for (const key of built) expect(en.has(`attestation.${key}`), key).toBe(true)
  })

  it('carry foreign text cut short and without control characters', () => {
    const { values } = say('attestation.yubikey-piv.subject.bad', { subject: `CN=a\u0000b\u202e${'x'.repeat(400)}` })
    expect(values!['subject']).toHaveLength(201)
    expect(values!['subject']).not.toMatch(/\p{C}/u)
  })
})
