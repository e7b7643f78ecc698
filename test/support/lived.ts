/** A data folder that has been in use for some days: its hierarchy and its examples were made then, by the real ceremony and the real jobs, under a clock of their own. */
import { makeHierarchy } from '../../src/commands/hierarchy.ts'
import { readConfig } from '../../src/config.ts'
import { migrate } from '../../src/database/database.ts'
import { issueCrl } from '../../src/jobs/crl.ts'
import { keepExamples } from '../../src/jobs/examples.ts'
import { currentAuthority } from '../../src/jobs/issuing-authority.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { openServices } from '../../src/services.ts'
import { openConfiguredToken } from '../../src/signer/open-token.ts'
import { exampleParts } from './example-life.ts'

/** @param days how long ago it began */
export async function liveDays(env: NodeJS.ProcessEnv, days: number): Promise<void> {
  let now = new Date(Date.now() - days * 86_400_000)
  const own = ['DATA_DIR', 'PORTAL_URL', 'STATUS_URL'] as const
  for (const name of own) process.env[name] = env[name]
  const services = openServices(readConfig('ca', env), { clock: () => now })
  await migrate(services.database)
  await makeHierarchy(services, { demo: true, persons: ['test'] }, () => undefined)
  const ca = await openConfiguredToken(readConfig('ca', env))
  const status = await openConfiguredToken(readConfig('status', env))
  try {
    const authority = (await currentAuthority(services.database, ca, services.config))!
    const parts = await exampleParts(services, ca, status)
    const later = () => void (now = new Date(now.getTime() + 60_000))
    later()
    await renewResponderCertificates(services, authority)
    for (let turn = await keepExamples(parts, authority); turn.done.length > 0; turn = await keepExamples(parts, authority)) later()
    await issueCrl(services, ca, authority)
  } finally {
    await status.close()
    await ca.close()
    await services.close()
  }
}
