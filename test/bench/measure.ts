/** What the benches measure with: the CPU time of a server's processes, load by wrk on cores of its own, medians, free ports. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'

export const median = (values: readonly number[]): number => [...values].sort((one, other) => one - other)[values.length >> 1]!

export const onPath = (name: string): string | null => [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'].map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null

const TICK_US = 1e6 / Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout)

interface Processes {
  readonly below: ReadonlyMap<number, readonly number[]>
  readonly ticks: ReadonlyMap<number, number>
}
function processes(): Processes {
  const below = new Map<number, number[]>()
  const ticks = new Map<number, number>()
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    let stat: string
    try {
      stat = readFileSync(`/proc/${name}/stat`, 'utf8')
    } catch {
      // It ended meanwhile.
      continue
    }
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    below.set(Number(fields[1]), [...(below.get(Number(fields[1])) ?? []), Number(name)])
    ticks.set(Number(name), Number(fields[11]) + Number(fields[12]))
  }
  return { below, ticks }
}

/** A process and all below it. */
export function family(pid: number): readonly number[] {
  const { below } = processes()
  const all = (one: number): readonly number[] => [one, ...(below.get(one) ?? []).flatMap(all)]
  return all(pid)
}

/** What a process was started as, its words apart by NUL; empty when it is gone. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** Microseconds of CPU that a process and all below it have used. */
export function cpuOf(pid: number): number {
  const { below, ticks } = processes()
  const sum = (one: number): number => (ticks.get(one) ?? 0) + (below.get(one) ?? []).reduce((total, child) => total + sum(child), 0)
  return sum(pid) * TICK_US
}

/** MiB of memory that a process holds now, or held at most: VmRSS, VmHWM. */
export function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  return Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}

/** Every thread of a process onto these cores, as taskset writes them. */
export const pin = (pid: number, cores: string): void => void spawnSync('taskset', ['-a', '-cp', cores, String(pid)])

export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((ready) => probe.listen(0, '127.0.0.1', ready))
  const { port } = probe.address() as AddressInfo
  await new Promise((done) => probe.close(done))
  return port
}

/** Programs started for a bench, ended with it. */
export class Children {
  readonly #children: ChildProcess[] = []

  /** @returns its process id */
  launch(command: string, words: readonly string[], { env = process.env, cwd = '/' }: { env?: NodeJS.ProcessEnv; cwd?: string } = {}): number {
    const child = spawn(command, words, { cwd, env, stdio: 'ignore' })
    this.#children.push(child)
    return child.pid!
  }

  async end(): Promise<void> {
    for (const child of this.#children) child.kill('SIGTERM')
    await Promise.all(this.#children.map((child) => (child.exitCode !== null || child.signalCode !== null ? null : new Promise((done) => child.once('exit', done)))))
  }
}

export interface Figure {
  /** Microseconds of CPU for one answer. */
  readonly cost: number
  /** Answers a second. */
  readonly rate: number
  /** Milliseconds. */
  readonly p99: number
}

export interface Load {
  readonly connections: number
  /** One wrk for each, with its core or cores. */
  readonly cores?: readonly string[]
  /** Lua for wrk, in a file of this name. */
  readonly script: string
  readonly file: string
}

/** wrk in processes of its own, the server's CPU time around them. @throws when an answer was no 2xx */
export async function wrk(server: { readonly name: string; readonly port: number; readonly pid: number }, { connections, cores = [''], script, file }: Load, seconds: number): Promise<Figure> {
  writeFileSync(file, script)
  const before = cpuOf(server.pid)
  const told = await Promise.all(
    cores.map(
      (core) =>
        new Promise<string>((done) => {
          const words = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', file, `http://127.0.0.1:${server.port}`]
          const child = spawn('env', core === '' ? words : ['taskset', '-c', core, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
          let said = ''
          child.stdout.on('data', (chunk: Buffer) => void (said += chunk.toString()))
          child.once('close', () => done(said))
        }),
    ),
  )
  const used = cpuOf(server.pid) - before
  const answers = told.reduce((sum, said) => sum + Number(/(\d+) requests in/.exec(said)?.[1] ?? 0), 0)
  for (const said of told) if (/Non-2xx/.test(said) || answers === 0) throw new Error(`${server.name}: ${said}`)
  const slowest = told.map((said) => {
    const [, p99, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(said)!
    return Number(p99) * { us: 0.001, ms: 1, s: 1000 }[unit as 'ms']!
  })
  return { cost: used / answers, rate: answers / seconds, p99: Math.max(...slowest) }
}

/** Octets as a Lua string. */
export const lua = (bytes: Buffer): string => `"${[...bytes].map((byte) => `\\${byte}`).join('')}"`
