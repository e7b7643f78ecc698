import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MOVES, STATES } from '../../src/application/lifecycle.ts'
import { MAKER_READMES, printMakerReadme } from '../../src/commands/maker-readme.ts'
import { lifecyclePicture, print, PRINTED, README } from '../../src/commands/readme-parts.ts'
import { ENTRIES } from '../../src/config.ts'

const text = readFileSync(README, 'utf8')

test('README.md says what the code says: run  npm run readme  after a change of lifecycle.ts or config.ts', () => {
  expect(print(text)).toBe(text)
})

test('README.md tells every state, move and entry of the environment', () => {
  for (const state of STATES) expect(lifecyclePicture()).toContain(state)
  for (const move of MOVES) expect(text).toContain(`| ${move.name} | ${move.from.join(', ')} | ${move.to} |`)
  for (const entry of ENTRIES) expect(text).toContain(`| \`${entry.name}\` |`)
})

test('a part that was changed by hand is printed anew, and a lost mark is noticed', () => {
  for (const name of Object.keys(PRINTED)) {
    const begin = `<!-- printed: ${name} -->`
    expect(print(text.replace(begin, `${begin}\nby hand`))).toBe(text)
    expect(() => print(text.replace(begin, ''))).toThrow(name)
    expect(() => print(text.replace(`<!-- end: ${name} -->`, ''))).toThrow(name)
  }
})

test.each([...MAKER_READMES])('attestations/%s/README.md has the commands that the pages show: run  npm run readme  after a change of commands.json', (maker, file) => {
  const readme = readFileSync(file, 'utf8')
  expect(printMakerReadme(maker, readme)).toBe(readme)
  expect(printMakerReadme(maker, readme.replace('<!-- end: commands -->', 'by hand\n<!-- end: commands -->'))).toBe(readme)
  expect(() => printMakerReadme(maker, readme.replace('<!-- printed: commands -->', ''))).toThrow(maker)
})
