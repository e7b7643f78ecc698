/** Prepares a module for shipping (ATT-1, ATT-10): a new token, its keys generated inside, its activation data on a letter alone, all of it in the inventory. */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { areTwoPersons } from '../ceremony/refused.ts'
import { bitsOf, drawLetters } from '../application/draw-letters.ts'
import { enterModule, type ModuleKey } from '../application/modules.ts'
import { moduleStore } from '../database/module-store.ts'
import { keyFaults, REPORTED_ATTRIBUTES, toldText, versionText } from '../key-protection/key-report.ts'
import { versionWithin } from '../policy/version-range.ts'
import { StartRefused } from '../process.ts'
import type { Services } from '../services.ts'
import { SubscriberToken, type SubscriberKey } from '../signer/subscriber-key.ts'
import { initialiseToken } from '../signer/token.ts'
import { translate } from '../web/locales.ts'

/** 27 letters of 30 hold 132 bits. */
const PIN_LETTERS = 27

export interface Preparation {
  /** Path of the PKCS #11 library. */
  readonly module: string
  readonly tokenLabel: string
  readonly keys: number
  readonly bits: number
  /** Where the letter is written; it must not exist. */
  readonly letterFile: string
}

export interface PreparedModule {
  readonly id: string
  readonly model: string
  readonly serialNumber: string
  readonly letter: string
  readonly keys: readonly ModuleKey[]
}

/** What the persons read before they confirm. */
export const preparationLines = ({ module, tokenLabel, keys, bits, letterFile }: Preparation): readonly string[] =>
  [`Module            ${module}`, `New token         ${tokenLabel}`, `Keys              ${keys}, RSA ${bits}`, `Letter            ${letterFile}`]

/** Two different persons by name (ATT-1). @throws StartRefused */
export function twoPersons(names: readonly string[]): readonly [string, string] {
  const [one, other] = names
  if (one === undefined || other === undefined || !areTwoPersons(names) || names.some((name) => name.length > 100 || /\p{C}/u.test(name)))
    throw new StartRefused('Two different persons are needed, each by name: nothing was done')
  return [one, other]
}

/**
 * The letter is written before the token has its PIN, so that no module is made whose PIN nobody knows; it is taken away again when the module
 * did not come to be.
 * @throws StartRefused, SignerUnavailable
 */
export async function prepareModule(services: Services, wanted: Preparation, [preparedBy, witnessedBy]: readonly [string, string]): Promise<PreparedModule> {
  const { module, tokenLabel, keys, bits, letterFile } = wanted
  const { policy, random } = services
  if (!policy.keys.subscriber.rsaBits.includes(bits)) throw new StartRefused(`The policy takes keys of ${policy.keys.subscriber.rsaBits.join(' and ')} bits only`)
  if (existsSync(letterFile)) throw new StartRefused(`${letterFile} is there already: a letter is written once`)
  const [pin, soPin, letter] = [drawLetters(random, PIN_LETTERS), drawLetters(random, PIN_LETTERS), drawLetters(random, 8)]
  mkdirSync(dirname(resolve(letterFile)), { recursive: true, mode: 0o700 })
  writeFileSync(letterFile, '', { flag: 'wx', mode: 0o600 })
  const made: SubscriberKey[] = []
  let token: SubscriberToken | null = null
  try {
    const outcome = await initialiseToken({ module, label: tokenLabel, soPin, userPin: pin, lockFile: join(tmpdir(), `prepare-${createHash('sha256').update(module).digest('hex').slice(0, 16)}.lock`) })
    if (outcome === 'present') throw new StartRefused(`A token ${tokenLabel} is in the module already: only a new one is shipped`)
    token = await SubscriberToken.open(module, { label: tokenLabel })
    const { facts } = token
    const about = { manufacturer: toldText(facts.manufacturer), model: toldText(facts.model), firmware: versionText(facts.firmwareVersion), serialNumber: toldText(facts.serialNumber) }
    const permitted = policy.keyProtection.shippedModules?.modules ?? []
    const row = permitted.find((each) => each.manufacturer === about.manufacturer && each.model === about.model && versionWithin(about.firmware, each.firmware))
    if (!row) throw new StartRefused(`${about.manufacturer} ${about.model} ${about.firmware} is none of the policy's modules (keyProtection.shippedModules): ${permitted.map((each) => `${each.manufacturer} ${each.model} ${each.firmware.from}–${each.firmware.to}`).join('; ') || '–'}`)
    if (row.demo && !(await services.demoHierarchy())) throw new StartRefused('A demo module is prepared under a demo hierarchy alone')
    writeFileSync(letterFile, letterText({ ...about, letter, token: tokenLabel, pin, soPin }))
    await token.logIn(pin)
    for (let number = 1; number <= keys; number++) made.push(await token.generate({ label: `code-signing-${number}`, bits }))
    const entered = made.map(readBack)
    const id = randomUUID()
    const entry = { id, ...about, tokenLabel, preparedBy, witnessedBy, letter, activationBits: bitsOf(PIN_LETTERS), keys: entered }
    const isNew = await services.work('command:token-prepare', (work, trx) => enterModule(work, moduleStore(trx), entry))
    if (!isNew) throw new StartRefused(`The module ${about.serialNumber} is in the inventory already`)
    return { id, model: `${about.manufacturer} ${about.model}`, serialNumber: about.serialNumber, letter, keys: entered }
  } catch (error) {
    // No key is left in a module that the inventory does not know.
    for (const key of made) key.destroy()
    rmSync(letterFile, { force: true })
    throw error
  } finally {
    await token?.close()
  }
}

function readBack(key: SubscriberKey): ModuleKey {
  const attributes = key.attributes(REPORTED_ATTRIBUTES)
  const faults = keyFaults({ attributes, mechanism: key.mechanism })
  if (faults.length > 0) throw new StartRefused(`The module made a key that is not protected as it must be: ${faults.join(', ')}`)
  return { spkiSha256: createHash('sha256').update(key.spki).digest('hex'), spki: key.spki, label: key.label, keyId: key.id, mechanism: key.mechanism, attributes }
}

const letterText = ({ manufacturer, model, serialNumber, ...rest }: { manufacturer: string; model: string; serialNumber: string; letter: string; token: string; pin: string; soPin: string }): string =>
  (['ja', 'en'] as const).map((language) => `${translate(language, 'key-protection-shipped-module.letter', { ...rest, model: `${manufacturer} ${model}`, serial: serialNumber })}\n`).join('\n')
