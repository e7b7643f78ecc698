/** `npm run anchors`: the operator's changes of makers' keys, each by two persons. */
import { readConfig } from '../config.ts'
import { migrate } from '../database/database.ts'
import { explain, say } from '../process.ts'
import { openServices, type Services } from '../services.ts'
import { AnchorCommandRefused, changeAnchors, USAGE } from './anchor-changes.ts'
import { openQuestions } from './ask.ts'
import { answerHelp } from './words.ts'

answerHelp(USAGE)
const questions = openQuestions(() => new AnchorCommandRefused('Broken off: nothing was changed.'))
let services: Services | null = null
try {
  services = openServices(readConfig('command'))
  await migrate(services.database)
  await changeAnchors(services, process.argv.slice(2), { say, ask: (question) => questions.ask(question) })
} catch (error) {
  process.stderr.write(`anchors: ${explain(error)}\n`)
  process.exitCode = 1
} finally {
  questions.close()
  await services?.close()
}
