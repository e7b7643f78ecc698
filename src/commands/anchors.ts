/** `npm run anchors`: the operator's changes of makers' keys, each by two persons. */
import { changeAnchors, USAGE } from './anchor-changes.ts'
import { runAskedCommand } from './asked-command.ts'
import { answerHelp } from './words.ts'

answerHelp(USAGE)
await runAskedCommand('anchors', 'changed', (services, terminal) => changeAnchors(services, process.argv.slice(2), terminal))
