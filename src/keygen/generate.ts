/**
 * Generates the key, reads back what the module says of it, and has the key sign the certificate request and the report (ATT-3). A key that is not as
 * it must be, or whose files could not be written, is destroyed: none is left that nobody knows of.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { keyFaults, LIBRARY, REPORTED_ATTRIBUTES, reportOctets, toldText, versionText, writeKeyReport, type KeyReport } from '../key-protection/key-report.ts'
import { encodeName, type NameAttribute } from '../pki/name.ts'
import { encodePem } from '../pki/pem.ts'
import { assembleRequest, requestInfo } from '../pki/request-writer.ts'
import { versionWithin } from '../policy/version-range.ts'
import { SubscriberToken, type SubscriberKey, type TokenFacts } from '../signer/subscriber-key.ts'
import type { Task } from './arguments.ts'
import { fetchChallenge, type PortalAnswer } from './portal.ts'
import { Refusal } from './refusal.ts'

export type GenerateTask = Extract<Task, { do: 'generate' }>

export interface Surroundings {
  readonly now: () => Date
  /** Asked once the token is found, before anything is generated. */
  readonly pin: (token: TokenFacts) => Promise<string>
  readonly tell: (key: string, values: Readonly<Record<string, string>>) => void
}

export interface Generated {
  readonly request: string
  readonly report: string
  readonly spkiSha256: string
  readonly label: string
  readonly id: string
}

/** @throws Refusal, SignerUnavailable */
export async function generate(task: GenerateTask, { now, pin, tell }: Surroundings): Promise<Generated> {
  const files = freshFiles(task.out)
  const token = await SubscriberToken.open(task.module, task.token)
  try {
    tell('progress.token', tokenValues(token.facts))
    const answer = 'ticket' in task.source ? await fetchChallenge(task.source.portal, task.source.ticket) : null
    if (answer) {
      refuseEarly(answer, token.facts)
      tell('progress.challenge', { reference: answer.reference, until: answer.expiresAt })
    }
    await token.logIn(await pin(token.facts))
    tell('progress.generating', { bits: String(task.bits) })
    const key = await token.generate({ label: task.label, bits: task.bits })
    const challenge = 'challenge' in task.source ? task.source.challenge : answer!.challenge
    const subject = task.subject ?? [{ type: 'commonName', value: commonName(answer?.subject ?? task.label) } satisfies NameAttribute]
    try {
      await writeFiles(files, await describe(key, token, challenge, now()), subject, key)
    } catch (error) {
      key.destroy()
      throw error
    }
    tell('progress.attributes', {})
    return { ...files, spkiSha256: createHash('sha256').update(key.spki).digest('hex'), label: key.label, id: key.id }
  } finally {
    await token.close()
  }
}

export const tokenValues = (facts: TokenFacts): Readonly<Record<string, string>> => ({
  slot: String(facts.slot),
  label: toldText(facts.label),
  manufacturer: toldText(facts.manufacturer),
  model: toldText(facts.model),
  firmware: versionText(facts.firmwareVersion),
  serial: toldText(facts.serialNumber),
})

/** Looked at before a key is made, so that a refusal costs nothing. */
function freshFiles(out: string): { readonly request: string; readonly report: string } {
  const folder = resolve(out)
  const files = { request: join(folder, 'request.pem'), report: join(folder, 'key-report.json') }
  try {
    mkdirSync(folder, { recursive: true })
    const probe = join(folder, `.keygen-${process.pid}`)
    writeFileSync(probe, '', { flag: 'wx' })
    unlinkSync(probe)
  } catch (error) {
    throw new Refusal('error.folder', { folder, detail: (error as NodeJS.ErrnoException).code ?? (error as Error).message })
  }
  for (const file of Object.values(files)) if (existsSync(file)) throw new Refusal('error.exists', { file })
  return files
}

/** What the portal would refuse anyway. Its own judgement counts; this one spares a key. */
function refuseEarly({ libraryVersions, modules }: PortalAnswer, facts: TokenFacts): void {
  if (!libraryVersions.includes(LIBRARY.version)) throw new Refusal('error.library-version', { version: LIBRARY.version })
  const { manufacturer, model, firmware } = tokenValues(facts) as Record<'manufacturer' | 'model' | 'firmware', string>
  if (modules.some((row) => row.manufacturer === manufacturer && row.model === model && versionWithin(firmware, row.firmware))) return
  const permitted = modules.map((row) => `${row.manufacturer} ${row.model} ${row.firmware.from}–${row.firmware.to}`).join('; ') || '–'
  throw new Refusal('error.module-not-permitted', { manufacturer, model, firmware, permitted })
}

/** At most what a common name holds (RFC 5280 appendix A.1, ub-common-name). */
const commonName = (text: string): string => [...text].slice(0, 64).join('')

async function describe(key: SubscriberKey, { facts, module }: SubscriberToken, challenge: string, now: Date): Promise<KeyReport> {
  const report: KeyReport = {
    challenge,
    library: LIBRARY,
    generatedAt: `${now.toISOString().slice(0, 19)}Z`,
    module: { manufacturer: toldText(module.manufacturer), description: toldText(module.description), version: versionText(module.version), cryptokiVersion: versionText(module.cryptokiVersion) },
    token: {
      label: toldText(facts.label),
      manufacturer: toldText(facts.manufacturer),
      model: toldText(facts.model),
      serialNumber: toldText(facts.serialNumber),
      hardwareVersion: versionText(facts.hardwareVersion),
      firmwareVersion: versionText(facts.firmwareVersion),
    },
    key: { label: key.label, id: key.id, mechanism: key.mechanism, attributes: key.attributes(REPORTED_ATTRIBUTES), publicKey: key.spki },
  }
  const faults = keyFaults(report.key)
  if (faults.length > 0) throw new Refusal('error.key-exposed', { faults: faults.join(', ') })
  return report
}

async function writeFiles(files: { readonly request: string; readonly report: string }, report: KeyReport, subject: readonly NameAttribute[], key: SubscriberKey): Promise<void> {
  const info = requestInfo(encodeName(subject), key.spki)
  const request = encodePem('CERTIFICATE REQUEST', assembleRequest(info, await key.sign(info)))
  const signed = writeKeyReport(report, await key.sign(reportOctets(report)))
  const written: string[] = []
  try {
    for (const [file, text] of [[files.request, request], [files.report, signed]] as const) {
      writeFileSync(file, text, { flag: 'wx' })
      written.push(file)
    }
  } catch (error) {
    for (const file of written) unlinkSync(file)
    throw new Refusal('error.write', { detail: (error as NodeJS.ErrnoException).code ?? (error as Error).message })
  }
}
