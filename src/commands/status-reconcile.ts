/**
 * `npm run status:reconcile`: do the database, the newest lists and the OCSP answers of the running `status` (at STATUS_URL) say the same of every
 * certificate, and do the addresses that certificates name lead there? Writes nothing; the product itself does the same once a day and keeps the result.
 */
import { randomBytes } from 'node:crypto'
import { readConfig } from '../config.ts'
import { compareNow } from '../jobs/reconciliation.ts'
import { loadPolicy } from '../policy/policy.ts'
import { statusClient } from '../status-client.ts'
import { lookInto, tellVerdict } from './verdict.ts'
import { readOptions } from './words.ts'

const USAGE = `npm run status:reconcile

Holds the database, the revocation lists and the OCSP answers at STATUS_URL against each other, for every certificate, and fetches each
distinct address that certificates name for their list, OCSP and issuer's certificate. One line for each difference. Writes nothing.
A difference is looked at again after 3, 10 and 45 seconds, so that one takes a minute.
Exit code: 0 they agree, 1 they differ, 2 could not be compared.`

readOptions(USAGE, [])
await tellVerdict('Nothing could be compared', async () => {
  const { policyFile, databaseUrl, status } = readConfig('command')
  const policy = loadPolicy(policyFile)
  return lookInto(databaseUrl, async (database) => {
    const found = await compareNow({ policy, database, clock: () => new Date(), random: randomBytes, client: statusClient(status.url), statusUrl: status.url })
    const looked = `${found.certificates} certificates, ${found.listEntries} list entries, ${found.addresses} addresses, asked at ${status.url}`
    if (found.differences === 0) {
      console.log(`Database, lists and OCSP agree: ${looked}.`)
      return 0
    }
    for (const line of found.lines) console.error(line)
    if (found.differences > found.lines.length) console.error(`… and ${found.differences - found.lines.length} more`)
    console.error(`Database, lists and OCSP DIFFER in ${found.differences}: ${looked}.`)
    return 1
  })
})
