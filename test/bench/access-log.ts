/**
 * What the OCSP access log costs (OCS-8): this responder with and without it, and with networks of clients, by turns in one run. The figure is CPU time of the
 * server's processes for one answer; packing the finished files comes on top and is measured by itself.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { listAuthorities } from '../../src/database/authority-store.ts'
import { migrate, openDatabase } from '../../src/database/database.ts'
import { currentAuthority } from '../../src/jobs/issuing-authority.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { SHIPPED_POLICY } from '../../src/policy/policy.ts'
import { accessLines } from '../../src/access-log/line.ts'
import { aboutCertificates, AnswerTally, newCount } from '../../src/revocation/answer-tally.ts'
import { demoHierarchy } from '../support/demo-hierarchy.ts'
import { Children, type Figure, lua, median, onPath, wrk } from './measure.ts'
import { issuerOf, questionFor, type Server, startStatus, withNonce } from './ocsp-servers.ts'
import type { Bench } from './run.ts'

/** Different certificates asked about in turn: each has lines of its own. */
const SERIALS = 1000

const CASES = {
  one: 'one kept answer, GET',
  many: `${SERIALS.toLocaleString('en')} kept answers in turn, GET`,
  post: 'one kept answer, POST',
  nonce: 'signed for each (nonce), POST',
} as const
type Case = keyof typeof CASES

function script(how: Case, { path, body }: Server, paths: readonly string[]): string {
  if (how === 'one') return `request = function() return wrk.format("GET", "${path}") end\n`
  if (how === 'many') return `local paths = {${paths.map((each) => `"${each}"`).join(',')}}\nlocal at = 0\nrequest = function()\nat = at % #paths + 1\nreturn wrk.format("GET", paths[at])\nend\n`
  const head = 'wrk.headers["Content-Type"] = "application/ocsp-request"\n'
  if (how === 'post') return `${head}wrk.method = "POST"\nwrk.path = "/ocsp"\nwrk.body = ${lua(body)}\n`
  const nonce = 'local n = {}\nfor i = 1, 16 do n[i] = string.char(math.random(0, 255)) end\n'
  return `math.randomseed(os.time())\n${head}local head = ${lua(withNonce(body).subarray(0, -16))}\nrequest = function()\n${nonce}return wrk.format("POST", "/ocsp", nil, head .. table.concat(n))\nend\n`
}

/** Nanoseconds of CPU for one of many. */
function each(times: number, work: () => void): number {
  for (let warm = 0; warm < times / 10; warm++) work()
  const began = process.cpuUsage()
  for (let turn = 0; turn < times; turn++) work()
  const { user, system } = process.cpuUsage(began)
  return ((user + system) * 1000) / times
}

const about = aboutCertificates('issuing-g1', [{ serial: '22'.repeat(16), state: 'good' }])

function counting(): number {
  const tally = new AnswerTally(() => performance.now())
  const count = newCount(about, 1700)
  return each(3_000_000, () => {
    const began = tally.begin()
    tally.sent(count, 'GET')
    tally.kept(began)
  })
}

function writing(): number {
  const now = new Date()
  const sent = Array.from({ length: 100 }, () => ({ how: 'GET', about, octets: 1700, times: 1, signed: 0, client: null }) as const)
  return each(2000, () => void accessLines({ sent, refused: [], lost: 0 }, now)) / sent.length
}

export const benchAccessLog: Bench = {
  what: 'CPU time of an OCSP answer with and without the access log, and what a line takes on the disk (needs wrk) [ROUNDS [SECONDS]]',
  async run([rounds = '5', seconds = '2']) {
    if (!onPath('wrk')) throw new Error('wrk is not installed (Debian: apt install wrk)')
    const [ROUNDS, SECONDS] = [Number(rounds), Number(seconds)]
    const folder = mkdtempSync(join(tmpdir(), 'bench-access-log-'))
    const children = new Children()
    const hierarchy = await demoHierarchy()
    try {
      const databaseUrl = `sqlite:${join(folder, 'bench.sqlite')}`
      const database = openDatabase(databaseUrl)
      await migrate(database)
      const services = await hierarchy.services(database)
      await renewResponderCertificates(services, (await currentAuthority(database, await hierarchy.token('ca'), services.config))!)
      const authority = (await listAuthorities(database)).find(({ kind }) => kind === 'issuing')!
      await database.destroy()
      const issuer = issuerOf(authority)
      const question = questionFor(issuer, '11'.repeat(16))
      const paths = Array.from({ length: SERIALS }, (_, at) => questionFor(issuer, `22${at.toString(16).padStart(30, '0')}`).path)

      const policy = JSON.parse(readFileSync(SHIPPED_POLICY, 'utf8'))
      policy.accessLog.clientAddress = 'truncated'
      for (const row of policy.documents) for (const language of ['en', 'ja']) row.files[language] = join(SHIPPED_POLICY, '..', row.files[language])
      const withClients = join(folder, 'policy.json')
      writeFileSync(withClients, JSON.stringify(policy))
      const env = { ...hierarchy.env, DATABASE_URL: databaseUrl }
      const logs = join(folder, 'logs')
      const servers = {
        without: await startStatus(children, { ...env, ACCESS_LOG_DIR: 'none' }, 1, question),
        // The same once more: how much two processes differ that do the same.
        again: await startStatus(children, { ...env, ACCESS_LOG_DIR: 'none' }, 1, question),
        with: await startStatus(children, { ...env, ACCESS_LOG_DIR: logs }, 1, question),
        clients: await startStatus(children, { ...env, ACCESS_LOG_DIR: join(folder, 'logs-clients'), POLICY_FILE: withClients }, 1, question),
      }
      const load = (server: Server, how: Case, seconds: number) => wrk(server, { connections: 32, script: script(how, server, paths), file: join(folder, 'load.lua') }, seconds)
      // Signed before it is measured: what is asked for in turn was kept.
      for (const { port } of Object.values(servers)) for (let at = 0; at < paths.length; at += 20) await Promise.all(paths.slice(at, at + 20).map(async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).arrayBuffer()))
      const cases = Object.keys(CASES) as Case[]
      for (const how of cases) for (const server of Object.values(servers)) await load(server, how, 1)
      const figures = new Map<string, Figure[]>()
      // Each round begins with another server: none always comes first after a pause.
      const turns = Object.entries(servers)
      for (let round = 0; round < ROUNDS; round++)
        for (const how of cases)
          for (const [name, server] of [...turns.slice(round % turns.length), ...turns.slice(0, round % turns.length)]) figures.set(`${how} ${name}`, [...(figures.get(`${how} ${name}`) ?? []), await load(server, how, SECONDS)])
      await children.end()

      const of = (key: string) => figures.get(key)!
      const ratio = (how: Case, name: string) => median(of(`${how} ${name}`).map(({ cost }, round) => cost / of(`${how} without`)[round]!.cost))
      const rows = cases.map((how) => `| ${CASES[how]} | ${median(of(`${how} without`).map(({ cost }) => cost)).toFixed(1)} | ${ratio(how, 'again').toFixed(2)} | ${ratio(how, 'with').toFixed(2)} | ${ratio(how, 'clients').toFixed(2)} |`)
      const [file] = readdirSync(logs)
      const text = readFileSync(join(logs, file!))
      const lines = text.toString().split('\n').filter((line) => line.startsWith('2'))
      const answers = lines.reduce((sum, line) => sum + Number(line.split(' ')[4]), 0)
      const began = process.cpuUsage()
      const packed = gzipSync(text)
      const { user, system } = process.cpuUsage(began)
      return [
        `CPU time of the server's processes for one answer: without the access log in microseconds, with it as a ratio to that, taken round by round; medians of ${ROUNDS} rounds of ${SECONDS} s each, by turns. wrk, one thread, 32 connections, one worker.`,
        '',
        '| asked for | µs without | × without, another process | × with | × with networks of clients |',
        '|---|---|---|---|---|',
        ...rows,
        '',
        `What differs between two processes without the log is noise. Measured by themselves: counting costs ${counting().toFixed(0)} ns for a kept answer, the log once a second ${writing().toFixed(0)} ns for each line.`,
        '',
        `This run's log: ${answers} answers on ${lines.length} lines, ${(statSync(join(logs, file!)).size / lines.length).toFixed(0)} octets a line, ${(packed.length / lines.length).toFixed(0)} packed. Packing takes ${((user + system) / lines.length).toFixed(2)} µs of CPU a line, once a day, beside the answers (zlib's own thread).`,
      ].join('\n')
    } finally {
      await children.end().catch(() => undefined)
      await hierarchy.remove()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
