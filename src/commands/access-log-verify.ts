/**
 * `npm run access-log:verify`: are the kept files of this node's OCSP access log what was put on record (OCS-8)?
 * Exit code: 0 all whole, 1 not, 2 could not be checked.
 */
import { verifyAccessLogs } from '../access-log/keeper.ts'
import { readConfig } from '../config.ts'
import { openDatabase } from '../database/database.ts'
import { explain } from '../process.ts'

async function main(): Promise<number> {
  const { databaseUrl, accessLogDir, node } = readConfig('command')
  if (accessLogDir === null) {
    console.error('ACCESS_LOG_DIR=none: no access log is kept.')
    return 2
  }
  const database = openDatabase(databaseUrl)
  try {
    const verdicts = await verifyAccessLogs({ folder: accessLogDir, node, database })
    const wrong = verdicts.filter(({ verdict }) => verdict !== 'whole')
    for (const { name, verdict } of wrong) console.error(`${name}: ${verdict === 'missing' ? 'it is not there' : 'its SHA-256 is not the one on record'}`)
    if (wrong.length > 0) return 1
    console.log(`${verdicts.length} ${verdicts.length === 1 ? 'file' : 'files'} of ${node} in ${accessLogDir}: each is what was put on record.`)
    return 0
  } finally {
    await database.destroy()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(explain(error))
  process.exitCode = 2
}
