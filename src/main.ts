/** `npm start`: makes what is missing (development only), then runs `portal`, `ca` and `status` together. */
import { fork, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { makeHierarchy } from './commands/hierarchy.ts'
import { readConfig, type Config } from './config.ts'
import { listAuthorities } from './database/authority-store.ts'
import { migrate } from './database/database.ts'
import { holdDataFolder } from './instance-lock.ts'
import { takesNoWords } from './no-words.ts'
import { createFirstAdministratorLink } from './people/first-administrator.ts'
import { log, nameLog } from './log.ts'
import { addressNotice, explain, onStopSignal, refuseSamples, say, StartRefused } from './process.ts'
import { openServices } from './services.ts'

const PROCESSES = ['portal', 'ca', 'status'] as const
const children: ChildProcess[] = []
let stopping = false

function stop(code: number): void {
  if (stopping) return
  stopping = true
  say(code === 0 ? 'Stopping …' : 'Stopping the others …')
  process.exitCode = code
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
  // Whatever hangs is ended, so that no process outlives its parent.
  setTimeout(killAll, 10_000).unref()
}

function killAll(): void {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
}

function launch(name: (typeof PROCESSES)[number]): Promise<string> {
  return new Promise((ready, failed) => {
    const child = fork(fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), [], { execArgv: process.execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    children.push(child)
    let started = false
    child.once('message', (message) => {
      started = true
      ready((message as { ready: string }).ready)
    })
    child.once('exit', (code, signal) => {
      failed(new StartRefused(`${name} ended`))
      if (started && children.length === PROCESSES.length && children.every((each) => each.exitCode !== null || each.signalCode !== null)) say('Stopped.')
      // Ctrl-C, systemd and others tell the whole process group: a child that still loads ends by it at once, one that runs ends in order, each perhaps
      // before this process is told. Whoever heard it first, it was the word to stop.
      if (code === 0 || signal === 'SIGINT' || signal === 'SIGTERM') return stop(0)
      if (stopping) {
        process.exitCode = 1
        return
      }
      // One that refuses to start says so itself.
      if (started || signal) log({ level: 'alert', child: name, error: `ended by itself (${signal ?? `exit code ${code}`}): stopping the others` })
      stop(1)
    })
  })
}

/** Before anything is made: addresses with the ports go into certificates. All that are taken are named at once. */
async function refuseTakenPorts({ portal, status }: Config): Promise<void> {
  const asked = [
    { name: 'PORTAL_PORT', host: portal.host, port: portal.port },
    { name: 'STATUS_PORT', host: status.host, port: status.port },
  ]
  const taken: string[] = []
  for (const { name, host, port } of asked) if (await isTaken(host, port)) taken.push(`Port ${port} is in use: stop what uses it, or set ${name}`)
  if (taken.length > 0) throw new StartRefused(taken.join('\n'))
}

/** Any other trouble with a port is told by the process that opens it. */
const isTaken = (host: string, port: number): Promise<boolean> =>
  new Promise((told) => {
    const server = createServer()
    server.once('error', ({ code }: NodeJS.ErrnoException) => told(code === 'EADDRINUSE'))
    server.listen(port, host, () => server.close(() => told(false)))
  })

takesNoWords('start')
onStopSignal(() => stop(0), killAll)

try {
  const config = readConfig('command')
  nameLog({ process: 'main', node: config.node })
  await holdDataFolder(config.dataDir)
  await refuseTakenPorts(config)
  const services = openServices(config)
  let link: string | null
  let notices: readonly string[]
  try {
    refuseSamples(services)
    await migrate(services.database)
    if ((await listAuthorities(services.database)).length === 0) {
      if (config.production) throw new StartRefused('No hierarchy yet, and production never makes keys by itself: run  npm run ceremony  with two persons present')
      say('Making a demo hierarchy (its names begin with DEMO, its certificates prove nothing):')
      await makeHierarchy(services, { demo: true, persons: ['unattended set-up'] }, (step) => say(`  ${step}`))
    }
    notices = await addressNotice(services)
    link = await createFirstAdministratorLink(services)
  } finally {
    await services.close()
  }
  if (!stopping) {
    const lines = await Promise.all(PROCESSES.map(launch))
    // ISS-6: what one user, one file and one soft token can't do, is said.
    const embedded = config.databaseUrl.startsWith('sqlite:') ? ['', 'Embedded: one user, SQLite, and tokens of the same owner. The three processes are not isolated from each other.'] : []
    say(['', ...lines, ...embedded, ...(notices.length > 0 ? ['', ...notices] : []), ...(link ? ['', 'Create the first administrator (this link works once):', `  ${link}`] : []), '', 'Ctrl-C stops everything.', ''].join('\n'))
  }
} catch (error) {
  // A child has said itself why it ended.
  if (!stopping || !StartRefused.is(error)) process.stderr.write(`${explain(error)}\n`)
  stop(1)
}
