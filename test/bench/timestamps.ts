/** Time-stamps a second, each recorded before it is signed, against what the same key in the same token signs by bare C_Sign, by turns in one run. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate, openDatabase } from '../../src/database/database.ts'
import { listAuthorities } from '../../src/database/authority-store.ts'
import { listTimestampCertificates } from '../../src/database/timestamp-store.ts'
import { hsmModule, readPin } from '../../src/signer/open-token.ts'
import { demoHierarchy } from '../support/demo-hierarchy.ts'
import { timestampQuery } from '../timestamp/timestamp-parts.ts'
import { Children, type Figure, lua, median, onPath, wrk } from './measure.ts'
import { issuerOf, questionFor, startStatus } from './ocsp-servers.ts'
import type { Bench } from './run.ts'

const SIGN = fileURLToPath(new URL('./servers/bare-sign.mjs', import.meta.url))
const ROUNDS = 5
const SECONDS = 3

export const benchTimestamps: Bench = {
  what: 'time-stamps a second, against bare C_Sign of the same key in the same token (needs wrk)',
  async run() {
    if (!onPath('wrk')) throw new Error('wrk is not installed (Debian: apt install wrk)')
    const folder = mkdtempSync(join(tmpdir(), 'bench-timestamps-'))
    const children = new Children()
    const hierarchy = await demoHierarchy()
    try {
      const url = `sqlite:${join(folder, 'bench.sqlite')}`
      const database = openDatabase(url)
      await migrate(database)
      const { policy } = await hierarchy.services(database)
      const [unit] = await listTimestampCertificates(database)
      const issuing = (await listAuthorities(database)).find(({ kind }) => kind === 'issuing')!
      const server = await startStatus(children, { ...hierarchy.env, DATABASE_URL: url }, 1, questionFor(issuerOf(issuing), '01'))
      const query = timestampQuery({ imprint: createHash('sha256').update('a signature').digest(), certReq: true })
      const probe = await fetch(`http://127.0.0.1:${server.port}/tsa`, { method: 'POST', headers: { 'content-type': 'application/timestamp-query' }, body: new Uint8Array(query) })
      const octets = (await probe.arrayBuffer()).byteLength
      if (octets < 1000) throw new Error('no time-stamp was given')
      const script = `wrk.method = "POST"\nwrk.path = "/tsa"\nwrk.headers["Content-Type"] = "application/timestamp-query"\nwrk.body = ${lua(query)}\n`
      const stamps = (connections: number, seconds: number): Promise<Figure> => wrk(server, { connections, script, file: join(folder, 'load.lua') }, seconds)
      const { path: library } = hsmModule(hierarchy.config('status'))
      const bare = (sessions: number): Figure => {
        const { stdout, stderr } = spawnSync(process.execPath, [SIGN, library, unit!.key.tokenLabel, readPin(hierarchy.config('status').hsm!.pinFile), unit!.key.label, String(SECONDS), String(sessions)], { encoding: 'utf8' })
        if (!stdout) throw new Error(stderr)
        const { made, cpu, seconds } = JSON.parse(stdout) as { made: number; cpu: number; seconds: number }
        return { cost: cpu / made, rate: made / seconds, p99: NaN }
      }
      await stamps(32, 1)
      const rounds: { one: Figure; many: Figure; bareOne: Figure; bareTwo: Figure }[] = []
      for (let round = 0; round < ROUNDS; round++) rounds.push({ many: await stamps(32, SECONDS), bareTwo: bare(2), one: await stamps(1, SECONDS), bareOne: bare(1) })
      // A refusal is an answer too: each of ours has to stand on record.
      const [recorded] = await database('timestamp_tokens').count({ tokens: '*' })
      const given = rounds.reduce((sum, { one, many }) => sum + (one.rate + many.rate) * SECONDS, 0)
      if (Number(recorded!['tokens']) < given) throw new Error(`${recorded!['tokens']} of ${given} time-stamps are on record`)
      await database.destroy()
      const of = (what: keyof (typeof rounds)[number], figure: keyof Figure) => median(rounds.map((round) => round[what][figure]))
      const row = (name: string, what: keyof (typeof rounds)[number]) => `| ${name} | ${of(what, 'rate').toFixed(0)} | ${(of(what, 'cost') / 1000).toFixed(2)} | ${Number.isNaN(of(what, 'p99')) ? '–' : of(what, 'p99').toFixed(1)} |`
      const ratio = (what: 'one' | 'many', other: 'bareOne' | 'bareTwo', figure: 'rate' | 'cost') => median(rounds.map((round) => round[what][figure] / round[other][figure])).toFixed(2)
      return [
        `One worker on SQLite and SoftHSM, RSA-${policy.timestamp!.keys.rsaBits}, an answer of ${octets} octets with its certificates; each token's serial number is written to the disk before it is signed, those that wait for it together. Medians of ${ROUNDS} rounds of ${SECONDS} s, by turns.`,
        '',
        '| | a second | ms CPU each | p99 ms |',
        '|---|---|---|---|',
        row('time-stamps, 32 connections', 'many'),
        row('C_Sign alone, two sessions', 'bareTwo'),
        row('time-stamps, one connection', 'one'),
        row('C_Sign alone, one session', 'bareOne'),
        '',
        `Time-stamps reach ${ratio('many', 'bareTwo', 'rate')} of C_Sign's rate at 32 connections (${ratio('many', 'bareTwo', 'cost')} × its CPU time), ${ratio('one', 'bareOne', 'rate')} at one.`,
      ].join('\n')
    } finally {
      await children.end()
      await hierarchy.remove()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
