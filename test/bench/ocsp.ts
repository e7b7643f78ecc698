/**
 * What an OCSP answer costs the server: this responder beside `openssl ocsp`, cfssl, the npm package `ocsp`, and two servers that only send the same
 * octets (node:http, nginx), by turns in one run. The figure is CPU time of the server's processes from /proc, since wall time on a shared machine says little.
 */
import { spawnSync } from 'node:child_process'
import { createPublicKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listAuthorities, listResponderKeys } from '../../src/database/authority-store.ts'
import { migrate, openDatabase } from '../../src/database/database.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { currentAuthority } from '../../src/jobs/issuing-authority.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { hsmModule, readPin } from '../../src/signer/open-token.ts'
import { SESSIONS } from '../../src/signer/pkcs11.ts'
import { makeAuthority } from '../revocation/openssl-authority.ts'
import { insertApprovedApplication } from '../support/approved-application.ts'
import { demoHierarchy } from '../support/demo-hierarchy.ts'
import { Children, commandOf, cpuOf, family, type Figure, lua, median, onPath, pin, wrk } from './measure.ts'
import { type How, issuerOf, questionFor, type Server, startBare, startCfssl, startNginx, startNpmOcsp, startOpenssl, startStatus, withNonce } from './ocsp-servers.ts'
import type { Bench } from './run.ts'

const SERVERS = fileURLToPath(new URL('./servers/', import.meta.url))

interface Case {
  readonly server: Server
  readonly how: How
  /** For each load program. */
  readonly connections: number
  /** The core of each worker, and of its load beside it: what one worker has to itself is the same however many there are. */
  readonly cores?: readonly string[]
}

const SAID: Readonly<Record<How, string>> = { GET: 'GET', POST: 'POST', anew: 'GET, a connection each', nonce: 'POST with nonce (signed)' }

function script({ path, body }: Server, how: How): string {
  if (how === 'GET') return `request = function() return wrk.format("GET", "${path}") end\n`
  if (how === 'anew') return `wrk.headers["Connection"] = "close"\nrequest = function() return wrk.format("GET", "${path}") end\n`
  if (how === 'POST') return `wrk.method = "POST"\nwrk.path = "/ocsp"\nwrk.headers["Content-Type"] = "application/ocsp-request"\nwrk.body = ${lua(body)}\n`
  const nonce = `local n = {}\nfor i = 1, 16 do n[i] = string.char(math.random(0, 255)) end\n`
  return `math.randomseed(os.time())\nwrk.headers["Content-Type"] = "application/ocsp-request"\nlocal head = ${lua(withNonce(body).subarray(0, -16))}\nrequest = function()\n${nonce}return wrk.format("POST", "/ocsp", nil, head .. table.concat(n))\nend\n`
}

function load(folder: string, { server, how, connections, cores }: Case, seconds: number): Promise<Figure> {
  if (server.name === 'openssl ocsp') return loadSerially(server, seconds)
  // The loader of TypeScript keeps a compiler running beside each.
  const all = family(server.pid).filter((pid) => !commandOf(pid).includes('esbuild'))
  const workers = all.length > 1 ? all.slice(1) : all
  workers.forEach((worker, index) => pin(worker, cores?.[index % cores.length] ?? `0-${availableParallelism() - 1}`))
  return wrk(server, { connections, script: script(server, how), file: join(folder, 'load.lua'), ...(cores ? { cores } : {}) }, seconds)
}

/** One question after the other, each on a connection of its own: what `openssl ocsp` takes. */
async function loadSerially(server: Server, seconds: number): Promise<Figure> {
  const body = withNonce(server.body)
  const times: number[] = []
  const before = cpuOf(server.pid)
  const began = performance.now()
  while (performance.now() - began < seconds * 1000) {
    const asked = performance.now()
    const random = randomBytes(16)
    random.copy(body, body.length - 16)
    const answer = await new Promise<Buffer>((done, failed) => {
      const chunks: Buffer[] = []
      const request = httpRequest({ port: server.port, host: '127.0.0.1', path: '/', method: 'POST', agent: false, headers: { 'Content-Type': 'application/ocsp-request', 'Content-Length': body.length } }, (response) => {
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => done(Buffer.concat(chunks)))
      })
      request.on('error', failed).end(body)
    })
    if (!answer.includes(random)) throw new Error(`${server.name}: no answer with the nonce`)
    times.push(performance.now() - asked)
  }
  const used = cpuOf(server.pid) - before
  return { cost: used / times.length, rate: times.length / seconds, p99: times.sort((one, other) => one - other)[Math.floor(times.length * 0.99)]! }
}

export const benchOcsp: Bench = {
  what: 'CPU time of an OCSP answer, cached and signed, beside other responders and bare servers (needs wrk; nginx and cfssl where installed) [ROUNDS [SECONDS]]',
  async run([rounds = '5', each = '2', only = '']) {
    if (!onPath('wrk')) throw new Error('wrk is not installed (Debian: apt install wrk)')
    const [ROUNDS, SECONDS] = [Number(rounds), Number(each)]
    const folder = mkdtempSync(join(tmpdir(), 'bench-ocsp-'))
    const children = new Children()
    const hierarchy = await demoHierarchy()
    const foreign = makeAuthority()
    try {
      const databaseUrl = `sqlite:${join(folder, 'bench.sqlite')}`
      const database = openDatabase(databaseUrl)
      await migrate(database)
      const services = await hierarchy.services(database)
      const token = await hierarchy.token('ca')
      await renewResponderCertificates(services, (await currentAuthority(database, token, services.config))!)
      await insertApprovedApplication(services, hierarchy.maker)
      await issueWaiting(issuingParts(services, token))
      const { serial, certificate_sha256: issued } = await database('certificates').first()
      if (!issued) throw new Error('no certificate was issued')
      const authority = (await listAuthorities(database)).find(({ kind }) => kind === 'issuing')!
      const [responder] = await listResponderKeys(database, authority.id)
      await database.destroy()
      const question = questionFor(issuerOf(authority), serial)

      const env = { ...hierarchy.env, DATABASE_URL: databaseUrl }
      const one = await startStatus(children, env, 1, question)
      const two = await startStatus(children, env, 2, question)
      const answer = await fetch(`http://127.0.0.1:${one.port}${question.path}`)
      const der = Buffer.from(await answer.clone().arrayBuffer())
      const bare = await startBare(children, folder, question, answer.clone(), 1)
      const bareTwo = await startBare(children, folder, question, answer, 2)
      const nginx = await startNginx(children, folder, question)
      const cfssl = await startCfssl(children, folder, question, der)
      const openssl = await startOpenssl(children, foreign)
      const npm = await startNpmOcsp(children, foreign)

      const cases: Case[] = []
      const add = (server: Server | null, how: How, connections: number, cores?: readonly string[]) => void (server && cases.push({ server, how, connections, ...(cores ? { cores } : {}) }))
      for (const server of [one, bare]) for (const how of ['GET', 'POST', 'anew'] as const) for (const connections of how === 'anew' ? [32] : [1, 32]) add(server, how, connections)
      // Each worker beside a load of its own on one core; one worker likewise.
      if (availableParallelism() >= 2) for (const how of ['GET', 'POST', 'anew'] as const) for (const [server, cores] of [[one, ['0']], [two, ['0', '1']], [bare, ['0']], [bareTwo, ['0', '1']]] as const) add(server, how, 32, cores)
      for (const connections of [1, 32]) {
        add(one, 'nonce', connections)
        add(nginx, 'GET', connections)
        // Debian's version refuses every GET: it takes the slash in front for base64.
        add(cfssl, 'POST', connections)
        add(npm, 'POST', connections)
      }
      add(openssl, 'nonce', 1)
      if (only) cases.splice(0, cases.length, ...cases.filter(({ server, how }) => `${server.name} ${how}`.match(only)))

      const { path: library } = hsmModule(hierarchy.config('status'))
      const signing = (): Figure => {
        const words = [join(SERVERS, 'bare-sign.mjs'), library, responder!.key.tokenLabel, readPin(hierarchy.config('status').hsm!.pinFile), responder!.key.label, String(SECONDS), String(SESSIONS)]
        const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env: process.env })
        if (!stdout) throw new Error(stderr)
        const { made, cpu, seconds } = JSON.parse(stdout) as { made: number; cpu: number; seconds: number }
        return { cost: cpu / made, rate: made / seconds, p99: NaN }
      }

      for (const one of cases) await load(folder, one, 1)
      const figures = new Map<Case | 'sign', Figure[]>()
      for (let round = 0; round < ROUNDS; round++) {
        for (const one of cases) figures.set(one, [...(figures.get(one) ?? []), await load(folder, one, SECONDS)])
        figures.set('sign', [...(figures.get('sign') ?? []), signing()])
      }
      const of = (key: Case | 'sign', what: keyof Figure) => median(figures.get(key)!.map((figure) => figure[what]))
      /** Of this case over another, round by round. */
      const ratio = (key: Case | 'sign', other: Case | 'sign', what: keyof Figure = 'cost') => median(figures.get(key)!.map((figure, round) => figure[what] / figures.get(other)![round]![what]))
      const find = (server: Server | null, how: How, connections: number, cores = 0) => cases.find((each) => each.server === server && each.how === how && each.connections === connections && (each.cores?.length ?? 0) === cores)
      const rows = cases.map((each) => {
        const base = each.how === 'nonce' ? undefined : (find(each.cores?.length === 2 ? bareTwo : bare, each.how, each.connections, each.cores?.length) ?? find(bare, 'GET', each.connections))
        const cost = of(each, 'cost')
        const place = each.cores ? `${each.connections} on ${each.cores.length === 1 ? 'one core' : 'each of two cores'}` : String(each.connections)
        return `| ${each.server.name} | ${SAID[each.how]} | ${place} | ${cost.toFixed(cost < 100 ? 1 : 0)} | ${base ? ratio(each, base).toFixed(2) : '–'} | ${Math.round(of(each, 'rate'))} | ${of(each, 'p99').toFixed(2)} |`
      })

      const goals: string[] = []
      const goal = (what: string, key: Case | undefined, other: Case | 'sign' | undefined, limit: number, figure: keyof Figure = 'cost') => {
        if (!key || !other) return
        const reached = ratio(key, other, figure)
        const met = figure === 'rate' ? reached >= limit : reached <= limit
        goals.push(`| ${what} | ${figure === 'rate' ? '≥' : '≤'} ${limit < 0.1 ? limit.toFixed(2) : limit.toFixed(2).replace(/0$/, '')} | ${reached.toFixed(reached < 0.1 ? 3 : 2)} | ${met ? 'yes' : '**no**'} |`)
      }
      for (const how of ['GET', 'POST'] as const) for (const connections of [1, 32]) goal(`kept answer over bare node:http, ${how}, ${connections}`, find(one, how, connections), find(bare, how, connections), 1.15)
      for (const connections of [1, 32]) {
        goal(`kept answer over cfssl, POST, ${connections}`, find(one, 'POST', connections), find(cfssl, 'POST', connections), 1 / 3)
        goal(`kept answer over the npm package, POST, ${connections}`, find(one, 'POST', connections), find(npm, 'POST', connections), 0.05)
      }
      for (const how of ['GET', 'POST', 'anew'] as const) goal(`two workers over one, ${SAID[how]}`, find(two, how, 32, 2), find(one, how, 32, 1), 1.15)
      const machine = (['GET', 'POST', 'anew'] as const).flatMap((how) => {
        const [several, single] = [find(bareTwo, how, 32, 2), find(bare, how, 32, 1)]
        return several && single ? [`${ratio(several, single).toFixed(2)} by ${SAID[how]}`] : []
      })
      const nonce = find(one, 'nonce', 32)
      goal('signed answers a second over C_Sign alone', nonce, 'sign', 0.8, 'rate')
      const bits = createPublicKey({ key: responder!.spkiDer, format: 'der', type: 'spki' }).asymmetricKeyDetails!.modulusLength
      const speed = new RegExp(`rsa *${bits} bits\\s+[\\d.]+s\\s+[\\d.]+s\\s+([\\d.]+)`).exec(spawnSync('openssl', ['speed', '-seconds', '2', `rsa${bits}`], { encoding: 'utf8' }).stdout)
      return [
        `CPU time of the server's processes for one answer (microseconds, from /proc), and its ratio to bare node:http that sends the same octets and headers in the same way of asking; answers a second and the 99th hundredth in milliseconds stand beside it. wrk, one thread; medians of ${ROUNDS} rounds of ${SECONDS} s each, by turns, ratios taken round by round. An answer has ${der.length} octets. On one core: the worker and its load share it; on two, each worker shares one with a load of its own, so that a worker has the same in both.`,
        '',
        '| server | asked by | connections | µs CPU | × bare | answers/s | p99 ms |',
        '|---|---|---|---|---|---|---|',
        ...rows,
        `| C_Sign alone, asynchronous, ${SESSIONS} sessions | – | – | ${of('sign', 'cost').toFixed(0)} | – | ${Math.round(of('sign', 'rate'))} | – |`,
        '',
        '| goal | | reached | met |',
        '|---|---|---|---|',
        ...goals,
        '',
        ...(machine.length > 0 ? [`Two workers of bare node:http over one: ${machine.join('; ')}. So much is the machine's.`] : []),
        ...(nonce ? [`A signed answer costs ${ratio(nonce, 'sign').toFixed(2)} × the CPU time of the signature alone by the same key in the same token.`] : []),
        ...(speed ? [`openssl speed: ${Math.round(Number(speed[1]))} RSA-${bits} signatures a second on one core.`] : []),
      ].join('\n')
    } finally {
      await children.end()
      foreign.remove()
      await hierarchy.remove()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
