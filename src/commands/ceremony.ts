/**
 * `npm run ceremony`: makes the first hierarchy with two persons present; `npm run ceremony -- NAME [SERIAL] [REASON]` holds a later one
 * (`--help` names them). Each types their name, reads what will be done, and types the code that stands under it: a digest of exactly that plan.
 */
import { createHash } from 'node:crypto'
import { CeremonyRefused, planCeremony, type CeremonyPlan } from '../ceremony/ceremony.ts'
import { LATER_CEREMONIES, type LaterCeremonyKind, planLater } from '../ceremony/later.ts'
import { twoPersons } from '../ceremony/refused.ts'
import { readConfig } from '../config.ts'
import { migrate } from '../database/database.ts'
import { listAuthorities } from '../database/authority-store.ts'
import { displayName, decodeName, encodeName } from '../pki/name.ts'
import { explain, refuseSamples, say } from '../process.ts'
import { openServices } from '../services.ts'
import { openQuestions } from './ask.ts'
import { changeHierarchy, makeHierarchy } from './hierarchy.ts'

function describe(plan: CeremonyPlan, services: ReturnType<typeof openServices>): string {
  const { policy, config } = services
  const name = (attributes: CeremonyPlan['rootName']) => displayName(decodeName(encodeName(attributes)))
  return [
    `Policy            ${policy.id}`,
    `Root              ${name(plan.rootName)}`,
    `                  RSA ${policy.keys.authority.rsaBits}, ${policy.periods.rootYears} years`,
    `Issuing CA        ${name(plan.issuingName)}`,
    `                  RSA ${policy.keys.authority.rsaBits}, ${policy.periods.issuingYears} years`,
    `Responder keys    RSA ${policy.keys.responder.rsaBits}`,
    ...(policy.timestamp
      ? [
          `Time-stamp CA     ${name(policy.timestamp.names.authority)}`,
          `                  RSA ${policy.keys.authority.rsaBits}, ${policy.timestamp.periods.authorityYears} years, offline with the root`,
          `Time-stamp key    RSA ${policy.timestamp.keys.rsaBits}, used ${policy.timestamp.periods.keyUseMonths} months`,
        ]
      : []),
    `Addresses         ${config.status.url} (status), ${config.portal.url}/repository`,
    `Present           ${plan.persons.join(' and ')}`,
  ].join('\n')
}

const [kind, serial = null, reason = null] = process.argv.slice(2)
if (kind !== undefined && !Object.hasOwn(LATER_CEREMONIES, kind)) {
  say(['npm run ceremony                     makes the first hierarchy', ...Object.entries(LATER_CEREMONIES).map(([name, what]) => `npm run ceremony -- ${name.padEnd(28)} ${what}`)].join('\n'))
  process.exit(kind === '--help' ? 0 : 1)
}

const services = openOrExit()
const { ask } = openQuestions(() => new CeremonyRefused(`The ceremony was broken off: nothing was ${kind === undefined ? 'made' : 'done'}`))

try {
  refuseSamples(services)
  await migrate(services.database)
  if (kind === undefined) await holdFirst()
  else await hold(kind as LaterCeremonyKind)
  await services.close()
  process.exit(0)
} catch (error) {
  process.stderr.write(`ceremony: ${explain(error)}\n`)
  await services.close()
  process.exit(1)
}

async function holdFirst(): Promise<void> {
  if ((await listAuthorities(services.database)).length > 0) throw new CeremonyRefused('A hierarchy stands already: a ceremony makes the first one only')
  say('This makes a certification authority: a root, an issuing CA and the keys of its OCSP responder.')
  const persons = [await ask('Name of the first person: '), await ask('Name of the second person: ')]
  await confirm(persons, describe(planCeremony(services, { demo: false, persons }), services), 'made')
  const made = await makeHierarchy(services, { demo: false, persons }, (step) => say(`  ${step}`))
  say('\nMade. Key generation report: table ceremonies; audit event ceremony.held.')
  for (const authority of made) say(`${authority.id.padEnd(12)} SHA-256 ${createHash('sha256').update(authority.certificateDer).digest('hex')}`)
}

async function hold(later: LaterCeremonyKind): Promise<void> {
  const plan = await planLater(services, later, { serial, reason })
  const persons = [await ask('Name of the first person: '), await ask('Name of the second person: ')]
  twoPersons(persons)
  await confirm(persons, [`Ceremony          ${later}`, ...plan.lines, `Present           ${persons.join(' and ')}`].join('\n'), 'done')
  await changeHierarchy(services, plan, persons, (step) => say(`  ${step}`))
  say('\nDone. Report: table ceremonies; audit event ceremony.held.')
}

async function confirm(persons: readonly string[], text: string, undone: 'made' | 'done'): Promise<void> {
  const code = createHash('sha256').update(text).digest('hex').slice(0, 8)
  say(`\n${text}\n\nCode of this plan  ${code}\n`)
  for (const person of persons) {
    const given = await ask(`${person}, type the code to confirm: `)
    if (given !== code) throw new CeremonyRefused(`${person} did not confirm: nothing was ${undone}`)
  }
}

function openOrExit() {
  try {
    return openServices(readConfig('ceremony'))
  } catch (error) {
    process.stderr.write(`ceremony: ${explain(error)}\n`)
    return process.exit(1)
  }
}
