/** The whole product as `npm start` runs it: three processes in a fresh data folder, on free ports. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { makeDemoKey, parseSubject, type DemoKey } from '../../src/commands/make-demo-key.ts'
import { ENTRIES, readConfig } from '../../src/config.ts'
import { NO_PRIVATE_PORTS } from './program.ts'
import { openServices, type Services } from '../../src/services.ts'
import { ENGINE, withDatabase } from './database.ts'
import { takePlace } from './kept-instance.ts'
import { TYPESCRIPT } from './typescript.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const START_SECONDS = 90
const STOP_SECONDS = 20

export interface Instance {
  readonly dataDir: string
  /** Without a slash at the end. */
  readonly portalUrl: string
  readonly statusUrl: string
  /** The printed link; null when there is an administrator already. */
  readonly firstAdministratorLink: string | null
  /** The environment that a command (`demo:life`, `audit:verify`) needs to reach this instance. */
  readonly env: NodeJS.ProcessEnv
  /** The same database and secrets, opened in the test's own process, for what a person does outside the browser. */
  readonly services: Services
  /** Everything printed so far, both streams. */
  output(): string
  /** What its processes wrote to their log as faults. A journey that expects none asserts that this is empty. */
  faults(): readonly string[]
  /** A key in a SoftHSM token of its own with request and demo attestation; `subject` as `npm run demo:key` takes it. */
  demoKey(subject: string, bits?: 2048 | 3072 | 4096): Promise<DemoKey>
  /** Ends it as Ctrl-C does. @throws when it does not end by itself, not with code 0, or leaves a process behind */
  stop(): Promise<void>
}

/**
 * @param options.fromNothing true: this one makes its own hierarchy, as a first `npm start` does; otherwise it may begin with a copy of one made in this run
 * @param options.prepare works on the data folder, which nobody else has, before anything is started in it
 * @throws when it does not get ready; the error holds what was printed
 */
export async function startInstance(options: { readonly env?: Readonly<Record<string, string>>; readonly fromNothing?: boolean; readonly prepare?: (env: NodeJS.ProcessEnv) => Promise<void> } = {}): Promise<Instance> {
  const dataDir = mkdtempSync(join(tmpdir(), 'instance-'))
  const place = ENGINE === 'SQLite' && options.env === undefined && !options.fromNothing && !options.prepare ? await takePlace(dataDir) : null
  const [portalPort, statusPort] = place ? [place.portalPort, place.statusPort] : await freePorts()
  const env: NodeJS.ProcessEnv = { ...process.env }
  // What the person who runs the tests has set for an instance of their own does not reach this one.
  for (const { name } of ENTRIES) if (name !== 'SOFTHSM2_MODULE') delete env[name]
  for (const name of Object.keys(env)) if (/^(VITEST|SOFTHSM2_CONF$)/.test(name)) delete env[name]
  Object.assign(env, { DATA_DIR: dataDir, PORTAL_PORT: String(portalPort), STATUS_PORT: String(statusPort), PORTAL_URL: `http://localhost:${portalPort}`, STATUS_URL: `http://localhost:${statusPort}` }, NO_PRIVATE_PORTS, options.env)
  Object.assign(env, withDatabase(env))

  await options.prepare?.(env)
  // A process group of its own, so that a process left behind can be seen.
  const child = spawn(process.execPath, [...TYPESCRIPT, join('src', 'main.ts')], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => void (output += text))
  const ended = new Promise<string>((done) => child.once('exit', (code, signal) => done(signal ?? `exit ${code}`)))
  const running = () => child.exitCode === null && child.signalCode === null
  const killGroup = () => {
    if (groupLives(child.pid!)) process.kill(-child.pid!, 'SIGKILL')
  }
  process.once('exit', killGroup)

  for (const deadline = Date.now() + START_SECONDS * 1000; !output.includes('Ctrl-C stops everything.'); await sleep(50)) {
    if (running() && Date.now() < deadline) continue
    killGroup()
    place?.leave()
    throw new Error(`The instance did not get ready:\n${output}`)
  }

  let services: Services | null = null
  const opened = () => (services ??= openServices(readConfig('command', env)))
  await place?.keep(opened().database)
  let keys = 0
  return {
    dataDir,
    portalUrl: env['PORTAL_URL']!,
    statusUrl: env['STATUS_URL']!,
    firstAdministratorLink: /^\s*(\S+\/first-administrator\/\S+)\s*$/m.exec(output)?.[1] ?? null,
    env,
    get services() {
      return opened()
    },
    output: () => output,
    faults: () => output.split('\n').filter((line) => line.startsWith('{') && line.includes('"level":"error"')),
    demoKey: (subject, bits = 3072) => makeDemoKey(opened(), { subject: parseSubject(subject), bits, folder: join(dataDir, 'demo-keys', String(++keys)) }),
    async stop() {
      await services?.close()
      if (!running()) throw new Error(`The instance had ended by itself (${await ended}):\n${output}`)
      child.kill('SIGTERM')
      const how = await Promise.race([ended, sleep(STOP_SECONDS * 1000, 'still running')])
      // Its children leave the process table a moment after it.
      for (const deadline = Date.now() + 2000; groupLives(child.pid!) && Date.now() < deadline; ) await sleep(20)
      const left = groupLives(child.pid!)
      killGroup()
      process.removeListener('exit', killGroup)
      rmSync(dataDir, { recursive: true, force: true })
      place?.leave()
      if (how !== 'exit 0') throw new Error(`SIGTERM ended the instance with ${how}:\n${output}`)
      if (left) throw new Error(`The instance left a process behind:\n${output}`)
    },
  }
}

function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0)
    return true
  } catch {
    return false
  }
}

async function freePorts(): Promise<readonly [number, number]> {
  const servers = await Promise.all([0, 1].map(() => new Promise<ReturnType<typeof createServer>>((ready, failed) => {
    const server = createServer().once('error', failed)
    server.listen(0, '127.0.0.1', () => ready(server))
  })))
  const [first, second] = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return [first!, second!]
}
