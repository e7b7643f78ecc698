// `npm run portal`, `ca`, `status`, `ceremony` …: one program of src/, with its packages in place. Nothing is installed on the machine itself.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { asksForHelp, become, command, ROOT, SetUpRefused, setUp } from './setup.mjs'

/** They look at what is there and change nothing: where there is no data folder, none is made for them. */
const READING = ['access-log-verify', 'audit-verify', 'check-key', 'nginx-config', 'status-probe', 'status-reconcile'].map((name) => `commands/${name}`)

await command(async () => {
  const [name, ...args] = process.argv.slice(2)
  const file = join(ROOT, 'src', `${name}.ts`)
  if (!name || !existsSync(file)) throw new SetUpRefused(`usage: node src/commands/run.mjs NAME [arguments], where src/NAME.ts exists${name ? `; ${file} doesn't` : ''}`, 2)
  // What a command writes may be read by another program: the set-up speaks beside it.
  const { write } = process.stdout
  process.stdout.write = process.stderr.write.bind(process.stderr)
  try {
    await setUp({ system: false, folder: !READING.includes(name) && !asksForHelp(args) })
  } finally {
    process.stdout.write = write
  }
  await become(file, args)
})
