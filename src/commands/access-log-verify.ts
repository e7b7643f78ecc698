/** `npm run access-log:verify`: are the kept files of this node's OCSP access log what was put on record (OCS-8)? */
import { verifyAccessLogs } from '../access-log/keeper.ts'
import { readConfig } from '../config.ts'
import { StartRefused } from '../start-refused.ts'
import { lookInto, tellVerdict } from './verdict.ts'
import { readOptions } from './words.ts'

const USAGE = `npm run access-log:verify

Compares the kept files of this node's OCSP access log (ACCESS_LOG_DIR, NODE_NAME) with their SHA-256 on record.
Exit code: 0 all whole, 1 not, 2 could not be checked.`

readOptions(USAGE, [])
await tellVerdict('The access log could not be checked', async () => {
  const { databaseUrl, accessLogDir, node } = readConfig('command')
  if (accessLogDir === null) throw new StartRefused('ACCESS_LOG_DIR=none: no access log is kept.')
  return lookInto(databaseUrl, async (database) => {
    const verdicts = await verifyAccessLogs({ folder: accessLogDir, node, database })
    const wrong = verdicts.filter(({ verdict }) => verdict !== 'whole')
    for (const { name, verdict } of wrong) console.error(`${name}: ${verdict === 'false-name' ? 'no kept file of this node and day has such a name' : verdict === 'missing' ? 'it is not there' : 'its SHA-256 is not the one on record'}`)
    if (wrong.length > 0) return 1
    console.log(`${verdicts.length} ${verdicts.length === 1 ? 'file' : 'files'} of ${node} in ${accessLogDir}: each is what was put on record.`)
    return 0
  })
})
