/** The alert rules that the README gives: names that exist, and what Prometheus' own tool says of them. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { read, SOURCES } from '../structure/source-files.ts'

const README = new URL('../../README.md', import.meta.url)
const rules = /```yaml\n(groups:[\s\S]*?)```/.exec(readFileSync(README, 'utf8'))![1]!
const NAME = /\b[a-z]+(?:_[a-z0-9]+)+\b/g

test('each rule asks for figures that a process tells', () => {
  const told = new Set(SOURCES().filter((file) => file.startsWith('src/metrics/') || /^src\/(ca|portal|status)\.ts$/.test(file)).flatMap((file) => [...read(file).matchAll(/'([a-z]+(?:_[a-z0-9]+)+)'/g)].map(([, name]) => name!)))
  const asked = [...rules.matchAll(/expr: (.*?)(?:, for:| \})/g)].flatMap(([, expression]) => expression!.replace(/"[^"]*"|\{[^}]*\}/g, '').match(NAME) ?? [])
  expect(asked.length).toBeGreaterThan(10)
  expect(asked.filter((name) => !told.has(name))).toEqual([])
})

// Debian: prometheus
const PROMTOOL = ['promtool', '/usr/bin/promtool'].find((program) => spawnSync(program, ['--version']).status === 0)
test.skipIf(PROMTOOL === undefined)('promtool takes the rules', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rules-'))
  writeFileSync(join(folder, 'rules.yml'), rules)
  const { status, stdout, stderr } = spawnSync(PROMTOOL!, ['check', 'rules', join(folder, 'rules.yml')], { encoding: 'utf8' })
  rmSync(folder, { recursive: true, force: true })
  expect(status, stdout + stderr).toBe(0)
})
