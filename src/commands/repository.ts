/** `npm run repository`: what an operator publishes in the repository beside what the product publishes by itself. */
import { readConfig } from '../config.ts'
import { migrate } from '../database/database.ts'
import { explain, say } from '../process.ts'
import { openServices, type Services } from '../services.ts'
import { openQuestions } from './ask.ts'
import { publishStatements, StatementRefused, USAGE } from './publish-statement.ts'
import { answerHelp } from './words.ts'

answerHelp(USAGE)
const questions = openQuestions(() => new StatementRefused('Broken off: nothing was published'))
let services: Services | null = null
try {
  services = openServices(readConfig('command'))
  await migrate(services.database)
  await publishStatements(services, process.argv.slice(2), { say, ask: (question) => questions.ask(question) })
} catch (error) {
  process.stderr.write(`repository: ${explain(error)}\n`)
  process.exitCode = 1
} finally {
  questions.close()
  await services?.close()
}
