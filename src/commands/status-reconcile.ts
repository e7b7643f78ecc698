/**
 * `npm run status:reconcile`: do the database, the newest lists and the OCSP answers of the running `status` (at STATUS_URL) say the same of every
 * certificate? Writes nothing; the product itself does the same once a day and keeps the result.
 * Exit code: 0 they agree, 1 they differ, 2 could not be compared.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { ConfigRefused, readConfig } from '../config.ts'
import { openDatabase } from '../database/database.ts'
import { compareNow } from '../jobs/reconciliation.ts'
import { loadPolicy, PolicyRefused } from '../policy/policy.ts'
import { statusClient, StatusUnanswered } from '../status-client.ts'

async function main(): Promise<number> {
  const config = readConfig('command')
  const policy = loadPolicy(config.policyFile)
  // Opening would make an empty file, and in an empty database nothing differs.
  const file = config.databaseUrl.startsWith('sqlite:') ? config.databaseUrl.slice('sqlite:'.length) : null
  if (file !== null && !existsSync(file)) {
    console.error(`There is no database at ${file}.`)
    return 2
  }
  const database = openDatabase(config.databaseUrl)
  try {
    const found = await compareNow({ policy, database, clock: () => new Date(), random: randomBytes, client: statusClient(config.status.url) })
    const looked = `${found.certificates} certificates, ${found.listEntries} list entries, asked at ${config.status.url}`
    if (found.differences === 0) {
      console.log(`Database, lists and OCSP agree: ${looked}.`)
      return 0
    }
    for (const line of found.lines) console.error(line)
    if (found.differences > found.lines.length) console.error(`… and ${found.differences - found.lines.length} more`)
    console.error(`Database, lists and OCSP DIFFER in ${found.differences}: ${looked}.`)
    return 1
  } finally {
    await database.destroy()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  const told = ConfigRefused.is(error) || PolicyRefused.is(error) || StatusUnanswered.is(error)
  console.error(told ? error.message : `Nothing could be compared: ${(error as Error).message}`)
  process.exitCode = 2
}
