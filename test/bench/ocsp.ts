/**
 * What an OCSP answer costs the server: this responder beside `openssl ocsp`, cfssl, and two servers that only send the same octets (node:http, nginx),
 * by turns in one run. The figure is CPU time of the server's processes from /proc, since wall time on a shared machine says little.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createHash, createPublicKey, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { listAuthorities, listResponderKeys } from '../../src/database/authority-store.ts'
import { migrate, openDatabase } from '../../src/database/database.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { currentAuthority } from '../../src/jobs/issuing-authority.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { context, integer, nullValue, octetString, oid, readDer, sequence } from '../../src/pki/der.ts'
import { hsmModule, readPin } from '../../src/signer/open-token.ts'
import { makeAuthority, SERIALS } from '../revocation/openssl-authority.ts'
import { insertApprovedApplication } from '../support/approved-application.ts'
import { demoHierarchy } from '../support/demo-hierarchy.ts'
import type { Bench } from './run.ts'

const ROUNDS = 5
const SECONDS = 2
const SERVERS = fileURLToPath(new URL('./servers/', import.meta.url))

interface Server {
  readonly name: string
  readonly port: number
  readonly pid: number
  readonly path: string
  /** The request as POST sends it. */
  readonly body: Buffer
}
interface Case {
  readonly server: Server
  readonly how: 'GET' | 'POST' | 'nonce'
  readonly connections: number
}
interface Figure {
  /** Microseconds of CPU for one answer. */
  readonly cost: number
  readonly rate: number
  /** Milliseconds. */
  readonly p99: number
}

const median = (values: readonly number[]): number => [...values].sort((one, other) => one - other)[values.length >> 1]!
const onPath = (name: string): string | null => [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'].map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null

/** Clock ticks of a process and all below it. */
function ticks(pid: number): number {
  const below = new Map<number, number[]>()
  const used = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    let stat: string
    try {
      stat = readFileSync(`/proc/${name}/stat`, 'utf8')
    } catch {
      continue
    }
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const parent = Number(fields[1])
    below.set(parent, [...(below.get(parent) ?? []), Number(name)])
    used.set(Number(name), Number(fields[11]) + Number(fields[12]))
  }
  const sum = (one: number): number => (used.get(one) ?? 0) + (below.get(one) ?? []).reduce((total, child) => total + sum(child), 0)
  return sum(pid)
}
const TICK_US = 1e6 / Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout)

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((ready) => probe.listen(0, '127.0.0.1', ready))
  const { port } = probe.address() as AddressInfo
  await new Promise((done) => probe.close(done))
  return port
}

const lua = (bytes: Buffer): string => `"${[...bytes].map((byte) => `\\${byte}`).join('')}"`

/** wrk in a process of its own, the server's CPU time around it. */
async function load(folder: string, { server, how, connections }: Case, seconds: number): Promise<Figure> {
  const script = join(folder, 'load.lua')
  if (how === 'GET') writeFileSync(script, `request = function() return wrk.format("GET", "${server.path}") end\n`)
  else if (how === 'POST') writeFileSync(script, `wrk.method = "POST"\nwrk.path = "/ocsp"\nwrk.headers["Content-Type"] = "application/ocsp-request"\nwrk.body = ${lua(server.body)}\n`)
  else {
    const nonce = `local n = {}\nfor i = 1, 16 do n[i] = string.char(math.random(0, 255)) end\n`
    writeFileSync(script, `math.randomseed(os.time())\nwrk.headers["Content-Type"] = "application/ocsp-request"\nlocal head = ${lua(withNonce(server.body).subarray(0, -16))}\nrequest = function()\n${nonce}return wrk.format("POST", "/ocsp", nil, head .. table.concat(n))\nend\n`)
  }
  const before = ticks(server.pid)
  const wrk = spawn('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script, `http://127.0.0.1:${server.port}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  wrk.stdout.on('data', (chunk: Buffer) => void (said += chunk.toString()))
  await new Promise((done) => wrk.once('close', done))
  const used = (ticks(server.pid) - before) * TICK_US
  const answers = Number(/(\d+) requests in/.exec(said)?.[1] ?? 0)
  if (/Non-2xx/.test(said) || answers === 0) throw new Error(`${server.name} ${how}: ${said}`)
  const [, p99, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(said)!
  return { cost: used / answers, rate: answers / seconds, p99: Number(p99) * { us: 0.001, ms: 1, s: 1000 }[unit as 'ms']! }
}

/** One question after the other, each on a connection of its own: what `openssl ocsp` takes. */
async function loadSerially({ server }: Case, seconds: number): Promise<Figure> {
  const body = withNonce(server.body)
  const times: number[] = []
  const before = ticks(server.pid)
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
  const used = (ticks(server.pid) - before) * TICK_US
  return { cost: used / times.length, rate: times.length / seconds, p99: times.sort((one, other) => one - other)[Math.floor(times.length * 0.99)]! }
}

/** An OCSP request without nonce: SHA-1 CertID. */
function requestFor(issuer: { subjectDer: Buffer; keyBits: Buffer }, serial: string): Buffer {
  const sha1 = (octets: Buffer) => octetString(createHash('sha1').update(octets).digest())
  const certId = sequence(sequence(oid('1.3.14.3.2.26'), nullValue()), sha1(issuer.subjectDer), sha1(issuer.keyBits), integer(BigInt(`0x${serial}`)))
  return sequence(sequence(sequence(sequence(certId))))
}
/** The same with a nonce of 16 octets at its end. */
function withNonce(request: Buffer): Buffer {
  const [list] = readDer(request).children()[0]!.children()
  return sequence(sequence(list!.raw, context(2, sequence(sequence(oid('1.3.6.1.5.5.7.48.1.2'), octetString(octetString(Buffer.alloc(16))))))))
}

async function answering(port: number, body: Buffer): Promise<Response> {
  for (let tries = 0; ; tries++) {
    try {
      return await fetch(`http://127.0.0.1:${port}/ocsp`, { method: 'POST', headers: { 'content-type': 'application/ocsp-request' }, body: new Uint8Array(body) })
    } catch (error) {
      if (tries === 300) throw error
      await sleep(100)
    }
  }
}

export const benchOcsp: Bench = {
  what: 'CPU time of an OCSP answer, cached and signed, beside other responders and bare servers (needs wrk; nginx and cfssl where installed)',
  async run() {
    if (!onPath('wrk')) throw new Error('wrk is not installed (Debian: apt install wrk)')
    const folder = mkdtempSync(join(tmpdir(), 'bench-ocsp-'))
    const children: ChildProcess[] = []
    const launch = (command: string, words: readonly string[], env: NodeJS.ProcessEnv = process.env, cwd = folder): number => {
      const child = spawn(command, words, { cwd, env, stdio: 'ignore' })
      children.push(child)
      return child.pid!
    }
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
      const spki = readDer(authority.certificateDer).children()[0]!.children()[6]!
      const body = requestFor({ subjectDer: authority.subjectDer, keyBits: spki.children()[1]!.bitStringOctets() }, serial)
      const path = `/ocsp/${encodeURIComponent(body.toString('base64'))}`
      const same = { path, body }

      // This responder.
      const ours: Server[] = []
      for (const workers of [1, 2]) {
        const port = await freePort()
        const env = { ...process.env, ...hierarchy.env, NODE_ENV: 'test', DATABASE_URL: databaseUrl, STATUS_PORT: String(port), STATUS_WORKERS: String(workers) }
        const pid = launch(process.execPath, ['--import', 'tsx', 'src/status.ts'], env, fileURLToPath(new URL('../..', import.meta.url)))
        ours.push({ name: workers === 1 ? 'this responder' : 'this responder, two workers', port, pid, ...same })
        await answering(port, body)
      }
      const one = await fetch(`http://127.0.0.1:${ours[0]!.port}${path}`)
      const der = Buffer.from(await one.arrayBuffer())
      const file = join(folder, 'answer.der')
      writeFileSync(file, der)
      const always = ['Content-Type', 'application/ocsp-response', 'Content-Length', String(der.length), 'X-Content-Type-Options', 'nosniff']
      const caching = ['Cache-Control', 'ETag', 'Last-Modified', 'Expires'].flatMap((name) => [name, one.headers.get(name)!])

      // Bare node:http with the same octets and headers.
      const bare: Server = { name: 'bare node:http, same octets', port: await freePort(), pid: 0, ...same }
      const bareServer = { ...bare, pid: launch(process.execPath, [join(SERVERS, 'bare-http.mjs'), String(bare.port), file, JSON.stringify([...always, ...caching]), JSON.stringify([...always, 'Cache-Control', 'no-store'])]) }
      await answering(bare.port, body)
      const cases: Case[] = []
      for (const server of [ours[0]!, bareServer]) for (const [how, connections] of [['GET', 1], ['GET', 32], ['POST', 1], ['POST', 32]] as const) cases.push({ server, how, connections })
      for (const how of ['GET', 'POST'] as const) cases.push({ server: ours[1]!, how, connections: 32 })
      cases.push({ server: ours[0]!, how: 'nonce', connections: 32 })

      // nginx with the same octets as a file: the limit.
      const nginx = onPath('nginx')
      if (nginx) {
        const port = await freePort()
        const config = join(folder, 'nginx.conf')
        writeFileSync(config, `daemon off; worker_processes 1; error_log ${folder}/nginx.log; pid ${folder}/nginx.pid; events {}
http { access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s; keepalive_requests 10000000; open_file_cache max=10;
server { listen 127.0.0.1:${port}; root ${folder}; default_type application/ocsp-response; location / { rewrite ^ /answer.der break; error_page 405 =200 /answer.der; } } }\n`)
        const pid = launch(nginx, ['-c', config, '-p', folder, ...(process.getuid?.() === 0 ? ['-g', 'user root;'] : [])])
        const server = { name: 'nginx, same octets as a file', port, pid, ...same }
        await answering(port, body)
        for (const connections of [1, 32]) cases.push({ server, how: 'GET', connections })
      }
      const cfssl = onPath('cfssl')
      if (cfssl) {
        const port = await freePort()
        writeFileSync(join(folder, 'responses'), `${der.toString('base64')}\n`)
        const pid = launch(cfssl, ['ocspserve', '-address=127.0.0.1', `-port=${port}`, `-responses=${join(folder, 'responses')}`, '-loglevel=5'])
        const server = { name: 'cfssl ocspserve, signed beforehand', port, pid, ...same }
        await answering(port, body)
        // Debian's version refuses every GET: it takes the slash in front for base64.
        cases.push({ server, how: 'POST', connections: 32 })
      }
      // openssl signs each answer, one after the other.
      const issuing = foreign.certificate('issuing')
      writeFileSync(foreign.path('index.txt'), `V\t${'350101000000Z'}\t\t${SERIALS.good.toUpperCase()}\tunknown\t/C=JP/O=Test/CN=good\n`)
      const port = await freePort()
      const pid = launch('openssl', ['ocsp', '-port', String(port), '-index', 'index.txt', '-CA', 'issuing.pem', '-rsigner', 'responder.pem', '-rkey', 'responder.key', '-ndays', '1'], process.env, foreign.folder)
      const openssl: Server = { name: 'openssl ocsp', port, pid, path: '', body: requestFor(issuing, SERIALS.good) }
      await answering(port, openssl.body)
      cases.push({ server: openssl, how: 'nonce', connections: 1 })

      const { path: library } = hsmModule(hierarchy.config('status'))
      const signing = (): Figure => {
        const words = [join(SERVERS, 'bare-sign.mjs'), library, responder!.key.tokenLabel, readPin(hierarchy.config('status').hsm!.pinFile), responder!.key.label, String(SECONDS)]
        const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env: process.env })
        if (!stdout) throw new Error(stderr)
        const { made, cpu, seconds } = JSON.parse(stdout) as { made: number; cpu: number; seconds: number }
        return { cost: cpu / made, rate: made / seconds, p99: NaN }
      }

      const measure = (each: Case, seconds: number) => (each.server === openssl ? loadSerially(each, seconds) : load(folder, each, seconds))
      for (const each of cases) await measure(each, 1)
      const figures = new Map<Case | 'sign', Figure[]>()
      for (let round = 0; round < ROUNDS; round++) {
        for (const each of cases) figures.set(each, [...(figures.get(each) ?? []), await measure(each, SECONDS)])
        figures.set('sign', [...(figures.get('sign') ?? []), signing()])
      }
      const of = (key: Case | 'sign', what: keyof Figure) => median(figures.get(key)!.map((figure) => figure[what]))
      /** Of this case over another, round by round. */
      const ratio = (key: Case | 'sign', other: Case | 'sign', what: keyof Figure = 'cost') => median(figures.get(key)!.map((figure, round) => figure[what] / figures.get(other)![round]![what]))
      const like = (each: Case, server: Server) => cases.find((other) => other.server === server && other.how === each.how && other.connections === each.connections)
      const rows = cases.map((each) => {
        const base = like(each, bareServer)
        const cost = of(each, 'cost')
        return `| ${each.server.name} | ${each.how === 'nonce' ? 'POST with nonce (signed)' : each.how} | ${each.connections} | ${cost.toFixed(cost < 100 ? 1 : 0)} | ${base ? ratio(each, base).toFixed(2) : '–'} | ${Math.round(of(each, 'rate'))} | ${of(each, 'p99').toFixed(2)} |`
      })
      const nonce = cases.find(({ how }) => how === 'nonce')!
      const speed = /rsa (\d+) bits\s+[\d.]+s\s+[\d.]+s\s+([\d.]+)/.exec(spawnSync('openssl', ['speed', '-seconds', '2', `rsa${createPublicKey({ key: responder!.spkiDer, format: 'der', type: 'spki' }).asymmetricKeyDetails!.modulusLength}`], { encoding: 'utf8' }).stdout)
      return [
        `CPU time of the server's processes for one answer (microseconds, from /proc), and its ratio to bare node:http that sends the same octets and headers in the same way of asking; answers a second and the 99th hundredth in milliseconds stand beside it. wrk, one thread; medians of ${ROUNDS} rounds of ${SECONDS} s each, by turns. An answer has ${der.length} octets.`,
        '',
        '| server | asked by | connections | µs CPU | × bare | answers/s | p99 ms |',
        '|---|---|---|---|---|---|---|',
        ...rows,
        `| C_Sign alone, asynchronous, two sessions | – | – | ${of('sign', 'cost').toFixed(0)} | – | ${Math.round(of('sign', 'rate'))} | – |`,
        '',
        `A signed answer against the signature alone, same key and token: ${ratio(nonce, 'sign').toFixed(2)} × its CPU time, ${ratio(nonce, 'sign', 'rate').toFixed(2)} × its rate.${speed ? ` openssl speed: ${Math.round(Number(speed[2]))} RSA-${speed[1]} signatures a second on one core.` : ''}`,
      ].join('\n')
    } finally {
      for (const child of children) child.kill('SIGTERM')
      await Promise.all(children.map((child) => (child.exitCode !== null || child.signalCode !== null ? null : new Promise((done) => child.once('exit', done)))))
      foreign.remove()
      await hierarchy.remove()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
