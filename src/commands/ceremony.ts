/**
 * `npm run ceremony`: makes the first hierarchy with two persons present; `npm run ceremony -- NAME [SERIAL] [REASON]` holds a later one
 * (`--help` names them). Each types their name, reads what will be done, and types the code that stands under it: a digest of exactly that plan.
 */
import { createHash } from 'node:crypto'
import { CeremonyRefused, planCeremony } from '../ceremony/ceremony.ts'
import { ceremonyLines, LATER_CEREMONIES, planLater, TIMESTAMP_REVOCATION_REASONS } from '../ceremony/later.ts'
import { planResponderKeys, RESPONDER_CEREMONIES } from '../ceremony/responder-keys.ts'
import { twoPersons } from '../ceremony/refused.ts'
import { readConfig } from '../config.ts'
import { migrate } from '../database/database.ts'
import { listAuthorities } from '../database/authority-store.ts'
import { explain, refuseSamples, say } from '../process.ts'
import { openServices } from '../services.ts'
import { openQuestions } from './ask.ts'
import { changeHierarchy, changeResponderKeys, makeHierarchy } from './hierarchy.ts'
import { askPersons, confirmPlan } from './two-persons.ts'
import { readWords, refuseWords } from './words.ts'

const CEREMONIES = { ...LATER_CEREMONIES, ...RESPONDER_CEREMONIES }
type Later = keyof typeof CEREMONIES
const LINES = [['npm run ceremony', 'makes the first hierarchy'], ...Object.entries(CEREMONIES).map(([name, { words, what }]) => [`npm run ceremony -- ${name} ${words}`, what])] as const
const USAGE = `${LINES.map(([command, what]) => `${command.trim().padEnd(64)} ${what}`).join('\n')}

Two persons each time: each gives a name, reads the plan, and types the code that stands under it.
Exit code: 0 it was held; 1 it was refused or broken off; 2 the command does not know the words.`
const { kind, serial, reason } = readCeremony()

const services = openOrExit()
const terminal = { say, ask: openQuestions(() => new CeremonyRefused(`The ceremony was broken off: nothing was ${kind === undefined ? 'made' : 'done'}`)).ask }

try {
  refuseSamples(services)
  await migrate(services.database)
  if (kind === undefined) await holdFirst()
  else await hold(kind)
  await services.close()
  process.exit(0)
} catch (error) {
  process.stderr.write(`ceremony: ${explain(error)}\n`)
  await services.close()
  process.exit(1)
}

/** `serial`: of a certificate; the name of a CA or of a key where the ceremony asks for one. What is missing is asked for with what there is. */
function readCeremony(): { readonly kind: Later | undefined; readonly serial: string | null; readonly reason: string | null } {
  const [kind, serial = null, reason = null, ...others] = readWords(USAGE, []).positionals
  if (kind === undefined) return { kind, serial, reason }
  if (!isCeremony(kind)) return refuseWords(`Unknown ceremony '${kind}'`)
  const { words } = CEREMONIES[kind]
  const most = words.split(' ').filter((word) => word !== '').length
  const extra = [serial, reason, ...others][most] ?? null
  if (extra !== null) return refuseWords(`Unexpected argument '${extra}': ${words === '' ? `${kind} takes none` : `${kind} takes ${words}`}`)
  if (reason !== null && !Object.hasOwn(TIMESTAMP_REVOCATION_REASONS, reason)) return refuseWords(`Unknown reason '${reason}': there are ${Object.keys(TIMESTAMP_REVOCATION_REASONS).join(', ')}`)
  return { kind, serial, reason }
}

function isCeremony(name: string): name is Later {
  return Object.hasOwn(CEREMONIES, name)
}

async function holdFirst(): Promise<void> {
  if ((await listAuthorities(services.database)).length > 0) throw new CeremonyRefused('A hierarchy stands already: a ceremony makes the first one only')
  say('This makes a certification authority: a root, an issuing CA and the keys of its OCSP responder.')
  say('Each person gives a name and, after a comma, the role that the key generation report tells: Aoki Hanako, CA administrator')
  const persons = await askPersons(terminal)
  await confirmPlan(terminal, planCeremony(services, { demo: false, persons }).lines, persons, 'made')
  const made = await makeHierarchy(services, { demo: false, persons }, (step) => say(`  ${step}`))
  say(`\nMade. ${whereReported()}`)
  for (const authority of made) say(`${authority.id.padEnd(12)} SHA-256 ${createHash('sha256').update(authority.certificateDer).digest('hex')}`)
}

async function hold(later: Later): Promise<void> {
  const held = await planned(later)
  const persons = await askPersons(terminal)
  twoPersons(persons)
  await confirmPlan(terminal, held.lines, persons, 'done')
  await held.carryOut(persons)
  say(`\nDone. ${whereReported()}`)
}

function whereReported(): string {
  return `What made keys is published at ${services.config.portal.url}/repository/key-generation and listed by  npm run repository -- ceremonies; every ceremony stands on the audit log (ceremony.held).`
}

async function planned(later: Later): Promise<{ readonly lines: readonly string[]; carryOut(persons: readonly string[]): Promise<void> }> {
  const progress = (step: string) => say(`  ${step}`)
  if (later === 'add-responder-key' || later === 'remove-responder-key') {
    const plan = await planResponderKeys(services, later, serial)
    return { lines: plan.lines, carryOut: (persons) => changeResponderKeys(services, plan, persons, progress) }
  }
  const plan = await planLater(services, later, { serial, reason })
  return { lines: ceremonyLines(plan), carryOut: (persons) => changeHierarchy(services, plan, persons, progress) }
}

function openOrExit() {
  try {
    return openServices(readConfig('ceremony'))
  } catch (error) {
    process.stderr.write(`ceremony: ${explain(error)}\n`)
    return process.exit(1)
  }
}
