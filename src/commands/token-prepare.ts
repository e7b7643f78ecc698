/**
 * `npm run token:prepare -- --label LABEL --letter FILE [--module PATH] [--keys N] [--bits 3072|4096]`: prepares a module for shipping with two persons
 * present (ATT-1). Without --module, under a demo hierarchy, SoftHSM2 stands for it, its files in the data folder.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { StartRefused } from '../process.ts'
import type { Services } from '../services.ts'
import { findSoftHsm } from '../signer/find-softhsm.mjs'
import { useSoftHsm } from '../signer/softhsm.ts'
import { runAskedCommand } from './asked-command.ts'
import { preparationLines, prepareModule, twoPersons, type Preparation } from './prepare-module.ts'
import { askPersons, confirmPlan } from './two-persons.ts'
import { answerHelp } from './words.ts'

const USAGE = 'usage: npm run token:prepare -- --label LABEL --letter FILE [--module PATH] [--keys N] [--bits 3072|4096]'

function words() {
  try {
    const text = { type: 'string' } as const
    const { values } = parseArgs({ options: { label: text, letter: text, module: text, keys: text, bits: text }, strict: true })
    const { label, letter, module, keys = '1', bits = '3072' } = values
    if (!label || !letter || !/^[1-9]\d?$/.test(keys) || !/^\d{4,5}$/.test(bits)) return null
    return { label, letter, module, keys: Number(keys), bits: Number(bits) }
  } catch {
    return null
  }
}

async function modulePath(services: Services, given: string | undefined, label: string): Promise<string> {
  if (given !== undefined) return given
  if (!(await services.demoHierarchy())) throw new StartRefused(`Say which module: --module PATH\n${USAGE}`)
  const module = findSoftHsm({ dataDir: services.config.dataDir })
  if (!module) throw new StartRefused('SoftHSM2 was not found: run  npm start  once')
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(label)) throw new StartRefused('--label: letters, digits, - and _ only, since the demo module takes its folder from it')
  useSoftHsm(join(services.config.dataDir, 'shipped-modules', label))
  return module
}

answerHelp(USAGE)
const given = words()
if (!given) {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
await runAskedCommand('token:prepare', 'done', async (services, terminal) => {
  const wanted: Preparation = { module: await modulePath(services, given.module, given.label), tokenLabel: given.label, keys: given.keys, bits: given.bits, letterFile: given.letter }
  const persons = twoPersons(await askPersons(terminal))
  await confirmPlan(terminal, preparationLines(wanted), persons, 'done')
  const made = await prepareModule(services, wanted, persons)
  terminal.say(`\nPrepared: ${made.model}, serial number ${made.serialNumber}`)
  for (const key of made.keys) terminal.say(`  ${key.label}  SHA-256 ${key.spkiSha256}`)
  terminal.say(`\nLetter ${made.letter} is in ${given.letter}. Print and seal it, then destroy the file: the PIN is nowhere else.`)
  terminal.say(`Ship the module from ${services.config.portal.url}/modules/${made.id}`)
})
