/**
 * The real issuing code as a process of its own that dies by SIGKILL at one point; run by crash.test.ts. The points wrap what issuing is given,
 * so that nothing in the product knows of them.
 * Arguments: DATABASE_URL, point (or `none`), milliseconds that its clock runs ahead.
 */
import { fileURLToPath } from 'node:url'
import { readConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/database/database.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { openServices } from '../../src/services.ts'
import { openConfiguredToken } from '../../src/signer/open-token.ts'

export const POINTS = ['in-lease', 'before-record', 'in-record', 'after-record', 'after-sign', 'in-store', 'after-store'] as const
export type Point = (typeof POINTS)[number]
export const THIS_FILE = fileURLToPath(import.meta.url)

/** SIGKILL does not return; the wait keeps anything from running on while it arrives. */
async function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => undefined)
}

async function run(url: string, point: Point | 'none', ahead: number): Promise<void> {
  const config = readConfig('ca')
  const services = openServices(config, { database: openDatabase(url), clock: () => new Date(Date.now() + ahead) })
  const signer = await openConfiguredToken(config)
  const parts = issuingParts(services, {
    async sign(...parameters) {
      if (point === 'after-record') await die()
      const signature = await signer.sign(...parameters)
      if (point === 'after-sign') await die()
      return signature
    },
  })
  const TRANSACTIONS = ['lease', 'record', 'store']
  let turn = 0
  const turns = await issueWaiting({
    ...parts,
    async change(act) {
      const name = TRANSACTIONS[turn++]
      if (point === `before-${name}`) await die()
      const done = await parts.change(async (work, store) => {
        const made = await act(work, store)
        if (point === `in-${name}`) await die()
        return made
      })
      if (point === `after-${name}` && name === 'store') await die()
      return done
    },
  })
  process.stdout.write(JSON.stringify(turns))
  await signer.close()
  await services.close()
}

if (process.argv[1] === THIS_FILE) await run(process.argv[2]!, process.argv[3] as Point, Number(process.argv[4]))
