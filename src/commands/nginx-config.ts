/** `npm run --silent nginx:config -- --certificate FILE --key FILE [--portal HOST:PORT]… [--status HOST:PORT]…`: prints nginx's configuration for these addresses and nodes. */
import { readConfig } from '../config.ts'
import { explain } from '../process.ts'
import { nginxFacts, USAGE } from './nginx-arguments.ts'
import { nginxFile } from './nginx-file.ts'
import { answerHelp } from './words.ts'

answerHelp(USAGE)
try {
  process.stdout.write(nginxFile(nginxFacts(process.argv.slice(2), readConfig('command'))))
} catch (error) {
  process.stderr.write(`nginx:config: ${explain(error)}\n`)
  process.exitCode = 2
}
