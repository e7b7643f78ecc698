/**
 * A module that a document names in words, judged by the catalogues of all makers (ATT-8). A model that no catalogue knows is for an officer to look
 * up; where the policy asks for none, it proves nothing.
 */
import { certificateCheck, type DeviceRow } from '../attestation/catalogue.ts'
import { checkWriter } from '../attestation/check.ts'
import { CATALOGUES, DEMO_CATALOGUE } from '../attestation/makers.ts'
import { say, type Check, type Message } from '../attestation/verifier.ts'
import type { MethodNumber, ProtectionInput } from './protection.ts'

const AREA = 'key-protection-document'
const CLAUSE = 'CSBR 6.2.7.4.1'
const write = checkWriter(AREA, { source: CLAUSE, clause: CLAUSE })

export interface StatedModule {
  readonly model: string
  /** Null where the document names none. */
  readonly firmware: string | null
  /** As the document writes it: scheme, number, level. */
  readonly certificate: string
}

export interface ModuleJudgement {
  readonly checks: readonly Check[]
  readonly cautions: readonly Message[]
  readonly demo: boolean
}

export function judgeStatedModule(module: StatedModule, method: MethodNumber, { at, policy, facts }: Pick<ProtectionInput, 'at' | 'policy' | 'facts'>): ModuleJudgement {
  const values = { model: module.model, firmware: module.firmware ?? '–', certificate: module.certificate || '–' }
  const demo = facts.demoHierarchy ? rowsOf(module.model, DEMO_CATALOGUE.devices) : []
  const rows = [...rowsOf(module.model, CATALOGUES.flatMap(({ devices }) => devices)), ...demo]
  if (rows.length === 0) {
    const person = policy.keyProtection.personConfirms.includes(method) && module.certificate !== ''
    const check = write(person, person ? 'module.unknown-for-officer' : 'module.unknown', 'module.expected', values, { remedy: 'module.remedy-unknown' })
    return { checks: [check], cautions: person ? [say(`${AREA}.module.look-up`, values)] : [], demo: false }
  }
  // A row without firmware counts for all of its model's; a document without firmware may mean the best row.
  const fitting = rows.filter(({ firmware }) => firmware.length === 0 || module.firmware === null || firmware.includes(module.firmware))
  if (fitting.length === 0) {
    const known = { ...values, known: [...new Set(rows.flatMap(({ firmware }) => firmware))].join(', ') }
    return { checks: [write(false, 'module.firmware', 'module.expected', known, { remedy: 'module.remedy-firmware' })], cautions: [], demo: false }
  }
  const judged = fitting.map((row) => ({ row, ...certificateCheck(row, at, policy.attestation) }))
  const best = judged.find(({ check }) => check.outcome === 'pass') ?? judged[0]!
  const unsaid = module.firmware === null && best.row.firmware.length > 0
  const cautions = [...best.cautions, ...(unsaid ? [say(`${AREA}.module.firmware-unsaid`, { ...values, known: best.row.firmware.join(', ') })] : [])]
  return { checks: [best.check], cautions, demo: demo.includes(best.row) }
}

const plain = (text: string): string => text.normalize('NFKC').toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')

/** A model's rows: by the catalogue's name, what comes before its brackets or comma, or what its evidence calls it. */
function rowsOf(model: string, devices: readonly DeviceRow[]): readonly DeviceRow[] {
  const wanted = plain(model)
  return devices.filter((row) => [row.model, row.model.split(/[(,]/)[0]!, row.match ?? ''].some((name) => name !== '' && plain(name) === wanted))
}
