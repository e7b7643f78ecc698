/** What the commands share that persons at the terminal decide on: they open this installation's services and tables, and say one line, with exit code 1, when nothing was done. */
import { readConfig } from '../config.ts'
import { migrate } from '../database/database.ts'
import { explain, say, StartRefused } from '../process.ts'
import { openServices, type Services } from '../services.ts'
import { openQuestions, type Terminal } from './ask.ts'

/** @param broken what nothing was, when the answers end before their time */
export async function runAskedCommand(name: string, broken: 'done' | 'changed' | 'published', act: (services: Services, terminal: Terminal) => Promise<void>): Promise<void> {
  const questions = openQuestions(() => new StartRefused(`Broken off: nothing was ${broken}`))
  let services: Services | null = null
  try {
    services = openServices(readConfig('command'))
    await migrate(services.database)
    await act(services, { say, ask: questions.ask })
  } catch (error) {
    process.stderr.write(`${name}: ${explain(error)}\n`)
    process.exitCode = 1
  } finally {
    questions.close()
    await services?.close()
  }
}
