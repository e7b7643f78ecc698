/** A program of the product as a process of its own, with nothing of the tester's own environment. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import { ENTRIES } from '../../src/config.ts'
import { withDatabase } from './database.ts'
import { TYPESCRIPT } from './typescript.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface Program {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Both streams so far. */
  output(): string
  /** Waits for a text in the output. @throws with the output when the program ends first, or after a minute */
  said(text: string | RegExp): Promise<void>
  /** Types a line. */
  type(line: string): void
  /** Sends a signal to the whole process group, as a terminal does; one that has ended needs none. */
  signalGroup(signal: NodeJS.Signals): void
}

const running = new Set<Program>()
afterAll(() => {
  for (const program of running) if (groupLives(program.child.pid!)) process.kill(-program.child.pid!, 'SIGKILL')
})

export const groupLives = (pid: number): boolean => {
  try {
    process.kill(-pid, 0)
    return true
  } catch {
    return false
  }
}

/** The environment without the entries that the product reads, but where the module lies. */
export function cleanEnvironment(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const clean: NodeJS.ProcessEnv = { ...process.env }
  for (const { name } of ENTRIES) if (name !== 'SOFTHSM2_MODULE') delete clean[name]
  for (const name of Object.keys(clean)) if (/^(VITEST|SOFTHSM2_CONF$)/.test(name)) delete clean[name]
  return { ...clean, ...NO_PRIVATE_PORTS, ...withDatabase(env) }
}

/** Several of one process run beside each other in tests. */
export const NO_PRIVATE_PORTS = { PORTAL_METRICS_PORT: 'none', CA_METRICS_PORT: 'none', STATUS_METRICS_PORT: 'none' } as const

/** @param file below src/, without .ts */
export function start(file: string, env: Readonly<Record<string, string>>, parameters: readonly string[] = []): Program {
  const child = spawn(process.execPath, [...TYPESCRIPT, join('src', `${file}.ts`), ...parameters], { cwd: ROOT, env: cleanEnvironment(env), stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  let [out, err] = ['', '']
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (err += text))
  child.stdin!.on('error', () => undefined)
  let over = false
  const ended = new Promise<Ended>((done) =>
    child.once('close', (code, signal) => {
      over = true
      done({ code, signal, out, err })
    }),
  )
  const program: Program = {
    child,
    ended,
    output: () => out + err,
    async said(text) {
      const found = () => (typeof text === 'string' ? (out + err).includes(text) : text.test(out + err))
      for (const deadline = Date.now() + 60_000; !found(); await new Promise((turn) => setTimeout(turn, 30))) if (over || Date.now() > deadline) throw new Error(`never said ${text}:\n${out}${err}`)
    },
    type: (line) => void child.stdin!.write(`${line}\n`),
    signalGroup: (signal) => void (groupLives(child.pid!) && process.kill(-child.pid!, signal)),
  }
  running.add(program)
  return program
}

/** Runs a program to its end, with what is typed into it. */
export async function run(file: string, env: Readonly<Record<string, string>>, parameters: readonly string[] = [], typed = ''): Promise<Ended> {
  const program = start(file, env, parameters)
  program.child.stdin!.end(typed)
  return program.ended
}

/** One line on standard error that says what is wrong, and nothing of where in the code. */
export function oneLine(ended: Ended): string {
  const lines = ended.err.split('\n').filter((line) => line.trim() !== '')
  if (ended.code === 0 || ended.code === null || lines.length !== 1 || /\bat .*:\d+:\d+\)?|node:internal|Error:/.test(ended.err)) throw new Error(`ended with ${ended.signal ?? ended.code}, and said:\n${ended.out}\n--\n${ended.err}`)
  return lines[0]!
}

/** Ports that were free a moment ago. */
export async function freePorts(): Promise<{ readonly PORTAL_PORT: string; readonly STATUS_PORT: string; readonly PORTAL_URL: string; readonly STATUS_URL: string }> {
  const servers = await Promise.all([0, 1].map(() => new Promise<ReturnType<typeof createServer>>((ready, failed) => {
    const server = createServer().once('error', failed)
    server.listen(0, '127.0.0.1', () => ready(server))
  })))
  const [portal, status] = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return { PORTAL_PORT: String(portal), STATUS_PORT: String(status), PORTAL_URL: `http://localhost:${portal}`, STATUS_URL: `http://localhost:${status}` }
}
