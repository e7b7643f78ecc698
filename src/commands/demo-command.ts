/** What the demo commands share: they open the services of a demo installation, say one line when something is wrong, and end. */
import { readConfig } from '../config.ts'
import { migrate } from '../database/database.ts'
import { explain, StartRefused } from '../process.ts'
import { openServices, type Services } from '../services.ts'
import { refuseUnlessDemo } from './demo-maker.ts'
import { readOptions } from './words.ts'

/** @param options those that take a text */
export async function runDemoCommand<const T extends readonly string[]>(name: string, usage: string, options: T, run: (services: Services, given: { readonly [name in T[number]]?: string }) => Promise<void>): Promise<void> {
  const given = readOptions(usage, options)
  let services: Services | null = null
  try {
    const config = readConfig('command')
    // Before anything is opened or made.
    if (config.production) throw new StartRefused('Demo commands are refused in production')
    services = openServices(config)
    await migrate(services.database)
    await refuseUnlessDemo(services)
    await run(services, given)
    await services.close()
    process.exit(0)
  } catch (error) {
    process.stderr.write(`${name}: ${explain(error)}\n`)
    await services?.close().catch(() => undefined)
    process.exit(1)
  }
}
