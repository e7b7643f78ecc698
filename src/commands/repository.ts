/** `npm run repository`: what an operator publishes in the repository beside what the product publishes by itself. */
import { runAskedCommand } from './asked-command.ts'
import { publishStatements, readOrder, USAGE } from './publish-statement.ts'
import { readWords, refuseWords } from './words.ts'

const order = readOrder(readWords(USAGE, ['as']))
if ('wrong' in order) refuseWords(order.wrong)
else await runAskedCommand('repository', 'published', (services, terminal) => publishStatements(services, order, terminal))
