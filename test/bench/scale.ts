/**
 * How `status` does with ten thousand, a million, ten million certificates, one in ten revoked: start, memory, answers a second when nothing is kept yet and
 * when all is.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { Agent, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrate, openDatabase } from '../../src/database/database.ts'
import { rsaKeyPair } from '../pki/keys.ts'
import { makeAuthority } from '../revocation/openssl-authority.ts'
import { demoHierarchy } from '../support/demo-hierarchy.ts'
import { Children, cpuOf, type Figure, memoryOf, onPath, wrk } from './measure.ts'
import { issuerOf, questionFor, type Server, startStatus } from './ocsp-servers.ts'
import type { Bench } from './run.ts'
import { fill, insertSoftwareAuthority, serialOf } from './scale-rows.ts'

/** Asked for once each, at most. */
const ASKED = 2000
const AT_ONCE = 32
const WARM_SECONDS = 3

/** Each of these questions once, by POST, so many at a time. */
async function once(server: Server, bodies: readonly Buffer[]): Promise<Figure> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  const times: number[] = []
  const left = [...bodies]
  const ask = (body: Buffer) =>
    new Promise<Buffer>((done, failed) => {
      const request = httpRequest({ agent, port: server.port, host: '127.0.0.1', path: '/ocsp', method: 'POST', headers: { 'Content-Type': 'application/ocsp-request', 'Content-Length': body.length } }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => done(Buffer.concat(chunks)))
      })
      request.on('error', failed).end(body)
    })
  const before = cpuOf(server.pid)
  const began = performance.now()
  const one = async () => {
    for (let body = left.pop(); body; body = left.pop()) {
      const asked = performance.now()
      const answer = await ask(body)
      // OCSPResponse, successful: anything shorter holds no status.
      if (answer.length < 500) throw new Error(`no status in ${answer.toString('hex')}`)
      times.push(performance.now() - asked)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  const seconds = (performance.now() - began) / 1000
  agent.destroy()
  return { cost: (cpuOf(server.pid) - before) / times.length, rate: times.length / seconds, p99: times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]! }
}

export const benchScale: Bench = {
  what: 'status with many certificates in the database: start, memory, answers a second cold and warm (needs wrk; GNU dd) [SIZE …]',
  async run(words) {
    if (!onPath('wrk')) throw new Error('wrk is not installed (Debian: apt install wrk)')
    const sizes = words.length > 0 ? words.map(Number) : [10_000, 1_000_000, 10_000_000]
    const hierarchy = await demoHierarchy()
    const foreign = makeAuthority()
    const { spki } = rsaKeyPair(3072)
    const rows: string[] = []
    const cold: Figure[] = []
    try {
      const token = await hierarchy.token('status')
      for (const size of sizes) {
        const folder = mkdtempSync(join(tmpdir(), 'bench-scale-'))
        const children = new Children()
        try {
          const file = join(folder, 'scale.sqlite')
          const database = openDatabase(`sqlite:${file}`)
          await migrate(database)
          const services = await hierarchy.services(database)
          const authority = await insertSoftwareAuthority(services, foreign, token)
          const asked = Array.from({ length: Math.min(ASKED, size) }, (_, index) => 1 + Math.floor((index * size) / Math.min(ASKED, size)))
          const [writing, worked] = [performance.now(), process.cpuUsage()]
          await fill(database, authority, size, asked, spki)
          const written = (performance.now() - writing) / 1000
          const { user, system } = process.cpuUsage(worked)
          await database.destroy()
          const gigabytes = statSync(file).size / 2 ** 30
          // Out of the operating system's memory, this file alone.
          spawnSync('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'])
          const questions = asked.map((n) => questionFor(issuerOf(authority), serialOf(n)))
          // An answer that costs a query, and nothing that is asked for later.
          const began = performance.now()
          const server = await startStatus(children, { ...hierarchy.env, DATABASE_URL: `sqlite:${file}` }, 1, questionFor(issuerOf(authority), serialOf(size + 1)))
          const started = (performance.now() - began) / 1000
          const first = await once(server, questions.map(({ body }) => body))
          const paths = questions.map(({ path }) => `"${path}"`).join(',')
          const script = `local paths = {${paths}}\nlocal next = 0\nrequest = function()\nnext = next % #paths + 1\nreturn wrk.format("GET", paths[next])\nend\n`
          // By GET for the first time: found by their octets, kept by their paths.
          await wrk(server, { connections: AT_ONCE, script, file: join(folder, 'warm.lua') }, 1)
          const warm = await wrk(server, { connections: AT_ONCE, script, file: join(folder, 'warm.lua') }, WARM_SECONDS)
          cold.push(first)
          rows.push(`| ${size.toLocaleString('en')} | ${gigabytes.toFixed(1)} | ${written.toFixed(0)} (${((user + system) / 1e6).toFixed(0)}) | ${started.toFixed(1)} | ${memoryOf(server.pid, 'VmHWM').toFixed(0)} | ${first.rate.toFixed(0)} | ${(first.cost / 1000).toFixed(2)} | ${first.p99.toFixed(0)} | ${warm.rate.toFixed(0)} | ${warm.cost.toFixed(1)} | ${warm.p99.toFixed(1)} |`)
        } finally {
          await children.end()
          rmSync(folder, { recursive: true, force: true })
        }
      }
      const ratio = (what: 'rate' | 'cost') => cold.map((each) => (what === 'rate' ? cold[0]!.rate / each.rate : each.cost / cold[0]!.cost).toFixed(2)).join(', ')
      return [
        `One worker on SQLite, one in ten certificates revoked; ${ASKED} certificates spread over all of them, each asked for once (cold: the file out of the operating system's memory, nothing kept, each answer read, verified and signed), then again and again (warm). GB and seconds to write (of CPU) are of the database; memory is the most that the worker ever held.`,
        '',
        '| certificates | GB | s to write (CPU) | s to start | MiB | cold answers/s | ms CPU | p99 ms | warm answers/s | µs CPU | p99 ms |',
        '|---|---|---|---|---|---|---|---|---|---|---|',
        ...rows,
        '',
        `Cold answers over those of the first size: ${ratio('cost')} × the CPU time, ${ratio('rate')} × the time.`,
      ].join('\n')
    } finally {
      foreign.remove()
      await hierarchy.remove()
    }
  },
}
