/** How programs of TypeScript are started: each as one file, kept until one of its sources changes. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { TYPESCRIPT } from '../support/typescript.ts'

const folder = mkdtempSync(join(tmpdir(), 'typescript-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const put = (name: string, ...lines: readonly string[]): string => {
  writeFileSync(join(folder, name), `${lines.join('\n')}\n`)
  return join(folder, name)
}
const run = (file: string, ...args: readonly string[]) => execFileSync(process.execPath, [...TYPESCRIPT, file, ...args], { encoding: 'utf8', env: { PATH: process.env['PATH'] } })

test('runs what it was given, and anew what changed in a file that it imports', () => {
  const program = put('program.ts', 'import { word } from "./word.ts"', 'console.log(word satisfies string, ...process.argv.slice(2))')
  put('word.ts', 'export const word: string = "one"')
  expect(run(program, 'a', 'b')).toBe('one a b\n')
  expect(run(program)).toBe('one\n')
  put('word.ts', 'export const word: string = "two"')
  expect(run(program)).toBe('two\n')
})

test('each file finds what lies beside itself', () => {
  const program = put('here.ts', 'import { there } from "./there.mjs"', 'console.log(import.meta.url, there)')
  put('there.mjs', 'export const there = import.meta.url')
  expect(run(program)).toBe(`${pathToFileURL(program).href} ${pathToFileURL(join(folder, 'there.mjs')).href}\n`)
})

test('a process that a program forks runs the same way, and may wait at its top level', () => {
  const program = put('parent.ts', 'import { fork } from "node:child_process"', 'fork(new URL("./child.ts", import.meta.url), [], { execArgv: process.execArgv })')
  put('child.ts', 'const told: string = await Promise.resolve("from the child")', 'console.log(told)')
  expect(run(program)).toBe('from the child\n')
})

test('a fault is told with the line that was written', () => {
  put('deep.ts', 'interface Removed {', '  readonly by: "esbuild"', '}', '', 'export function fail(): never {', '  throw new Error("as planned")', '}')
  const { status, stderr } = spawnSync(process.execPath, [...TYPESCRIPT, put('fails.ts', 'import { fail } from "./deep.ts"', '', 'fail()')], { encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr).toContain(`${join(folder, 'deep.ts')}:6:`)
  expect(stderr).toContain(`${join(folder, 'fails.ts')}:3:`)
})

test('what is no TypeScript is refused with its place', () => {
  const { status, stderr } = spawnSync(process.execPath, [...TYPESCRIPT, put('wrong.ts', 'const one = 1', 'const = 2')], { encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr).toContain('wrong.ts:2:6: ERROR')
})
