import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { COMMAND_TOOLS, commandOn, readCommands, SYSTEMS } from '../../src/attestation/commands.ts'
import { BUILT_IN_MAKERS } from '../../src/attestation/makers.ts'
import { LANGUAGES, WORDS } from '../../src/web/locales.ts'

const file = (maker: string) => new URL(`../../attestations/${maker}/commands.json`, import.meta.url)

describe('the commands of each maker', () => {
  it('ATT-9: every maker whose devices are in the hands of subscribers has some, each with words in both languages', () => {
    // RATS evidence is a format that no device writes yet.
    for (const maker of BUILT_IN_MAKERS.filter((each) => each !== 'rats-pkix')) expect(existsSync(file(maker)), maker).toBe(true)
    expect(new Set(COMMAND_TOOLS.map(({ maker }) => maker))).toEqual(new Set(BUILT_IN_MAKERS.filter((each) => existsSync(file(each)))))
    for (const language of LANGUAGES)
      for (const { id, steps } of COMMAND_TOOLS) for (const key of [`commands.tool.${id}`, ...steps.map((step) => `commands.step.${step.words}`)]) expect(WORDS[language].has(key), `${language} ${key}`).toBe(true)
    expect(new Set(COMMAND_TOOLS.map(({ id }) => id)).size).toBe(COMMAND_TOOLS.length)
  })

  it('ATT-9: no command is for a system that its tool is not for, and no tool leaves its system without commands', () => {
    for (const { id, steps, systems } of COMMAND_TOOLS) {
      for (const { command } of steps) if (typeof command === 'object') for (const system of Object.keys(command)) expect(systems, id).toContain(system)
      for (const system of systems) expect(steps.filter((step) => commandOn(step, system) !== null).length, `${id} ${system}`).toBeGreaterThan(1)
    }
  })

  it('ATT-9: what is copied is what is meant: no typographic quotes or dashes, no trailing space, no prompt', () => {
    for (const { id, steps } of COMMAND_TOOLS)
      for (const step of steps) for (const system of SYSTEMS) expect(commandOn(step, system) ?? '', `${id} ${system}`).not.toMatch(/[“”‘’–—\u00a0]|[ \t]$|^[$>#] /m)
  })

  it('ATT-9: digests are SHA-256 and keys of a size that is taken', () => {
    const all = COMMAND_TOOLS.flatMap(({ steps }) => steps.flatMap((step) => SYSTEMS.map((system) => commandOn(step, system) ?? ''))).join('\n')
    expect(all).not.toMatch(/sha1|rsa2048|RSA2048|modulusBits=2048|size=2048|size 2048/i)
    for (const line of all.split('\n').filter((each) => each.startsWith('openssl req'))) expect(line).toContain('-sha256')
  })

  it('refuses data that is not as the schema says', () => {
    const good = JSON.parse(readFileSync(file('yubikey-piv'), 'utf8')) as { tools: { steps: unknown[]; systems: string[] }[] }
    expect(readCommands('yubikey-piv', good)).toHaveLength(2)
    const changed = (change: (data: typeof good) => void) => {
      const data = structuredClone(good)
      change(data)
      return () => readCommands('yubikey-piv', data)
    }
    expect(changed((data) => (data.tools = []))).toThrow()
    expect(changed((data) => (data.tools[0]!.systems = ['plan9']))).toThrow()
    expect(changed((data) => data.tools[0]!.steps.push({ words: 'x', command: { beos: 'ls' } }))).toThrow()
    expect(changed((data) => data.tools[0]!.steps.push({ words: 'x', run: 'ls' }))).toThrow()
  })
})
