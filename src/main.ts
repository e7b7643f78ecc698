/** `npm start`: makes what is missing (development only), then runs `portal`, `ca` and `status` together. */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { makeHierarchy } from './commands/hierarchy.ts'
import { readConfig } from './config.ts'
import { listAuthorities } from './database/authority-store.ts'
import { migrate } from './database/database.ts'
import { createFirstAdministratorLink } from './people/first-administrator.ts'
import { explain, refuseSamples, say, StartRefused } from './process.ts'
import { openServices } from './services.ts'

const PROCESSES = ['portal', 'ca', 'status'] as const
const children: ChildProcess[] = []
let stopping = false

function stop(code: number): void {
  if (stopping) return
  stopping = true
  process.exitCode = code
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
  // Whatever hangs is ended, so that no process outlives its parent.
  setTimeout(() => {
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
  }, 10_000).unref()
}

function launch(name: (typeof PROCESSES)[number]): Promise<string> {
  return new Promise((ready, failed) => {
    const child = fork(fileURLToPath(new URL(`./${name}.ts`, import.meta.url)), [], { execArgv: process.execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    children.push(child)
    child.once('message', (message) => ready((message as { ready: string }).ready))
    child.once('exit', (code) => {
      failed(new StartRefused(`${name} ended`))
      stop(code === 0 && stopping ? 0 : 1)
    })
  })
}

process.on('SIGINT', () => stop(0))
process.on('SIGTERM', () => stop(0))

try {
  const config = readConfig('command')
  const services = openServices(config)
  let link: string | null
  try {
    refuseSamples(services)
    await migrate(services.database)
    if ((await listAuthorities(services.database)).length === 0) {
      if (config.production) throw new StartRefused('No hierarchy yet, and production never makes keys by itself: run  npm run ceremony  with two persons present')
      say('Making a demo hierarchy (its names begin with DEMO, its certificates prove nothing):')
      await makeHierarchy(services, { demo: true, persons: ['unattended set-up'] }, (step) => say(`  ${step}`))
    }
    link = await createFirstAdministratorLink(services)
  } finally {
    await services.close()
  }
  if (!stopping) {
    const lines = await Promise.all(PROCESSES.map(launch))
    say(['', ...lines, ...(link ? ['', 'Create the first administrator (this link works once):', `  ${link}`] : []), '', 'Ctrl-C stops everything.', ''].join('\n'))
  }
} catch (error) {
  // A child has said itself why it ended.
  if (!stopping || !StartRefused.is(error)) process.stderr.write(`${explain(error)}\n`)
  stop(1)
}
