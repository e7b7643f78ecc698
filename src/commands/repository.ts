/** `npm run repository`: what an operator publishes in the repository beside what the product publishes by itself. */
import { runAskedCommand } from './asked-command.ts'
import { publishStatements, USAGE } from './publish-statement.ts'
import { answerHelp } from './words.ts'

answerHelp(USAGE)
await runAskedCommand('repository', 'published', (services, terminal) => publishStatements(services, process.argv.slice(2), terminal))
