/** What the demo commands share: they open the services of a demo installation, say one line when something is wrong, and end. */
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { readConfig } from '../config.ts'
import { migrate } from '../database/database.ts'
import { explain, StartRefused } from '../process.ts'
import { openServices, type Services } from '../services.ts'
import { refuseUnlessDemo } from './demo-maker.ts'

export async function runDemoCommand<T extends NonNullable<ParseArgsConfig['options']>>(name: string, options: T, run: (services: Services, given: { [K in keyof T]?: string }) => Promise<void>): Promise<void> {
  let services: Services | null = null
  try {
    const given = readOptions(options)
    const config = readConfig('command')
    // Before anything is opened or made.
    if (config.production) throw new StartRefused('Demo commands are refused in production')
    services = openServices(config)
    await migrate(services.database)
    await refuseUnlessDemo(services)
    await run(services, given as { [K in keyof T]?: string })
    await services.close()
    process.exit(0)
  } catch (error) {
    process.stderr.write(`${name}: ${explain(error)}\n`)
    await services?.close().catch(() => undefined)
    process.exit(1)
  }
}

function readOptions<T extends NonNullable<ParseArgsConfig['options']>>(options: T) {
  try {
    return parseArgs({ options, strict: true }).values
  } catch (error) {
    throw new StartRefused((error as Error).message)
  }
}
