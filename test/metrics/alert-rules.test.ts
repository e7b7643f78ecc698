/** The alert rules that the README gives: names that exist, and what Prometheus' own tool says of them. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { respondersByAuthority, signerEnds } from '../../src/database/seen-store.ts'
import { currentAuthority } from '../../src/jobs/issuing-authority.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { signerFigures } from '../../src/metrics/state-figures.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import { openFresh } from '../support/database.ts'
import { demoHierarchy } from '../support/demo-hierarchy.ts'
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

test('OCS-2, CRL-1, TSA-2: every end that a ceremony has to come before has its rule, as early as the product says it itself', async () => {
  const rule = (name: string) => new RegExp(`alert: ${name}, expr: '([^']+)'`).exec(rules)![1]!
  const days = (expression: string) => Number(/- time\(\) < (\d+) \* 86400/.exec(expression)![1])
  const matching = (expression: string, label: string) => new RegExp(`^(?:${new RegExp(`${label}=~?"([^"]+)"`).exec(expression)![1]})$`)
  const policy = loadPolicy()
  const hierarchy = await demoHierarchy()
  try {
    const services = await hierarchy.services(await openFresh())
    const [lists, ends] = [rule('OfflineListEnds'), rule('AuthorityEnds')]
    const signers = await signerEnds(services.database, services.clock())
    for (const { kind, authorityId } of signers.filter((each) => each.kind !== 'responder' && each.kind !== 'timestamp')) {
      expect(matching(ends, 'kind').test(kind), kind).toBe(true)
      expect(matching(lists, 'authority').test(authorityId), authorityId).toBe(kind !== 'issuing')
    }
    expect(days(lists)).toBeGreaterThanOrEqual(policy.timestamp!.periods.noticeDays)
    expect(days(rule('TimestampKeyEnds'))).toBeGreaterThanOrEqual(policy.timestamp!.periods.noticeDays)
    expect(days(rule('ResponderEnds'))).toBeGreaterThanOrEqual(policy.periods.responderNoticeDays)
    for (const [name, figure] of [['NoResponderInReserve', 'ocsp_responders < 2'], ['TimestampClockDoubted', 'timestamp_clock_sure == 0'], ['ClockDoubted', 'clock_sure == 0'], ['NotReady', 'ready_check == 0']] as const) expect(rule(name)).toBe(figure)

    // What the rule on successors asks for: both keys of the first ceremony, then one, then none.
    const count = () => respondersByAuthority(services.database, services.clock())
    expect(await count()).toEqual(new Map([['issuing-g1', 0]]))
    await renewResponderCertificates(services, (await currentAuthority(services.database, await hierarchy.token('ca'), hierarchy.config('ca')))!)
    expect(await count()).toEqual(new Map([['issuing-g1', 2]]))
    const { id } = await services.database('responder_keys').first('id')
    await services.database('responder_keys').where({ id }).update({ retired_at: services.clock().toISOString() })
    expect(await count()).toEqual(new Map([['issuing-g1', 1]]))
    const registry = new Registry()
    signerFigures({ registry, database: services.database, clock: services.clock, elapsed: () => 0 })
    expect(await registry.metrics()).toContain('\nocsp_responders{authority="issuing-g1"} 1\n')
  } finally {
    await hierarchy.remove()
  }
}, 60_000)

// Debian: prometheus
const PROMTOOL = ['promtool', '/usr/bin/promtool'].find((program) => spawnSync(program, ['--version']).status === 0)
test.skipIf(PROMTOOL === undefined)('promtool takes the rules', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rules-'))
  writeFileSync(join(folder, 'rules.yml'), rules)
  const { status, stdout, stderr } = spawnSync(PROMTOOL!, ['check', 'rules', join(folder, 'rules.yml')], { encoding: 'utf8' })
  rmSync(folder, { recursive: true, force: true })
  expect(status, stdout + stderr).toBe(0)
})
