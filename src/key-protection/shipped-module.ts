/**
 * Method 1 of CP 6.2.7: the CA ships a module with keys that it generated in it (CSBR 6.2.7.4.2 (1)). The key applied for must be one of the
 * inventory, in a module that this organisation received, and whose activation data went another way (CP 6.1.2, CSBR 6.1.2).
 */
import { certificateCheck } from '../attestation/catalogue.ts'
import { checkWriter } from '../attestation/check.ts'
import { finding, type Check, type Finding, type Message } from '../attestation/verifier.ts'
import type { PermittedModule } from '../policy/module-certificate.ts'
import { versionWithin } from '../policy/version-range.ts'
import { GENERATED_INSIDE, generates, hasWanted, NOT_EXPORTABLE, SIGNS_ALONE, type ReportedAttributes, type WantedAttribute } from './key-report.ts'
import { about, standingOf, type Examination, type MethodRules, type ProtectionInput } from './protection.ts'

export type ModuleState = 'prepared' | 'shipped' | 'received' | 'activated' | 'withdrawn'

/** A key of the inventory with the module that it was generated in. */
export interface ShippedKey {
  readonly moduleId: string
  readonly manufacturer: string
  readonly model: string
  readonly firmware: string
  readonly serialNumber: string
  readonly state: ModuleState
  /** Whom it was shipped to, and whose order it was: an organisation's name is only a claim, so the account counts too. Null before. */
  readonly organisationId: string | null
  readonly orderedBy: string | null
  readonly preparedBy: string
  readonly witnessedBy: string
  readonly preparedAt: string
  readonly letter: string
  readonly activationBits: number
  readonly shipped: { readonly by: string; readonly at: string; readonly carrier: string } | null
  readonly received: { readonly by: string; readonly at: string } | null
  readonly letterSent: { readonly by: string; readonly at: string; readonly route: string } | null
  /** Label and CKA_ID (hexadecimal) of the key in the module. */
  readonly label: string
  readonly keyId: string
  readonly mechanism: number | null
  readonly attributes: ReportedAttributes
  /** False when the audit log does not bear out what the rows say; only `ca` asks it. */
  readonly onRecord: boolean
}

const AREA = 'key-protection-shipped-module'
const CLAUSE = 'CSBR 6.2.7.4.2 (1)'
/** CSBR 6.1.2 */
export const ACTIVATION_BITS = 128

const QUESTIONS = {
  'from-inventory': `${AREA}.question.from-inventory`,
  'shipped-to-you': `${AREA}.question.shipped-to-you`,
  'generated-inside': `${AREA}.question.generated-inside`,
  'not-exportable': `${AREA}.question.not-exportable`,
  'activation-apart': `${AREA}.question.activation-apart`,
  'certified-module': `${AREA}.question.certified-module`,
} as const
export type ShippedModuleQuestion = keyof typeof QUESTIONS

const check = checkWriter(AREA, { source: CLAUSE, clause: CLAUSE })

export const shippedModule: MethodRules<ShippedModuleQuestion> = {
  number: 1,
  id: 'shipped-module',
  row: 'ATT-1',
  options: ['own-module'],
  questions: QUESTIONS,
  limits: { bytes: 0, files: 0 },
  endings: [],
  fields: [],
  reviewerItem: null,
  makesRequest: true,
  standing: ({ facts, policy }) => standingOf(policy.keyProtection.shippedModules?.modules ?? [], facts.demoHierarchy),
  begun: () => true,
  examine(input): Examination<ShippedModuleQuestion> {
    const { facts } = input
    const key = facts.shippedKey
    const known = check(key !== null, key ? 'inventory.known' : 'inventory.unknown', 'inventory.expected', { serial: key?.serialNumber ?? '–' }, { remedy: 'inventory.remedy' })
    if (!key) return { findings: mapAll(() => finding([known])), about: [], trusted: true, demo: false }
    const record = check(key.onRecord, key.onRecord ? 'record.holds' : 'record.lacks', 'record.expected', undefined, { source: 'LOG-1' })
    const persons = check(key.preparedBy !== key.witnessedBy, 'persons.seen', 'persons.expected', { one: key.preparedBy, other: key.witnessedBy }, { remedy: 'persons.remedy' })
    const permitted = input.policy.keyProtection.shippedModules?.modules.find((row) => isModule(row, key))
    const { checks, cautions } = moduleChecks(key, permitted, input)
    return {
      findings: {
        'from-inventory': finding([record, persons, known]),
        'shipped-to-you': finding(shippingChecks(key, input)),
        'generated-inside': finding([...attributeChecks(key, GENERATED_INSIDE), mechanismCheck(key)]),
        'not-exportable': finding([...attributeChecks(key, NOT_EXPORTABLE), ...attributeChecks(key, SIGNS_ALONE)]),
        'activation-apart': finding(activationChecks(key)),
        'certified-module': finding(checks, { cautions }),
      },
      about: aboutModule(key),
      trusted: true,
      demo: permitted?.demo ?? false,
    }
  },
}

const mapAll = (make: () => Finding): Examination<ShippedModuleQuestion>['findings'] =>
  Object.fromEntries(Object.keys(QUESTIONS).map((question) => [question, make()])) as unknown as Examination<ShippedModuleQuestion>['findings']

function shippingChecks({ state, organisationId, orderedBy, shipped, received }: ShippedKey, { application }: ProtectionInput): Check[] {
  const write = (passes: boolean, observed: string) => check(passes, `shipping.${observed}`, 'shipping.expected', { at: day(shipped?.at), received: day(received?.at) }, { remedy: 'shipping.remedy' })
  if (state === 'withdrawn') return [write(false, 'withdrawn')]
  if (!shipped || organisationId === null) return [write(false, 'not-shipped')]
  if (organisationId !== application.organisationId || orderedBy !== application.applicantId) return [{ ...write(false, 'to-others'), alert: true }]
  return [write(received !== null, received ? 'received' : 'under-way')]
}

/** CSBR 6.1.2: as strong as 128 bits; CP 6.1.2: not by the way that the module went. The letter goes when the module has arrived, by another person. */
function activationChecks({ activationBits, shipped, received, letterSent }: ShippedKey): Check[] {
  const bits = String(activationBits)
  const write = (passes: boolean, observed: string, remedy = 'activation.remedy') =>
    check(passes, `activation.${observed}`, 'activation.expected', { bits, wanted: String(ACTIVATION_BITS), route: letterSent?.route ?? '–', at: day(letterSent?.at) }, { source: 'CP 6.1.2; CSBR 6.1.2', clause: 'CP 6.1.2; CSBR 6.1.2', remedy })
  if (activationBits < ACTIVATION_BITS) return [write(false, 'weak')]
  if (!letterSent) return [write(false, 'not-sent', 'activation.remedy-wait')]
  if (!received || letterSent.at < received.at || letterSent.by === shipped?.by) return [write(false, 'together')]
  return [write(true, 'apart')]
}

const isModule = ({ manufacturer, model, firmware }: PermittedModule, key: ShippedKey): boolean => manufacturer === key.manufacturer && model === key.model && versionWithin(key.firmware, firmware)

function moduleChecks({ manufacturer, model, firmware }: ShippedKey, permitted: PermittedModule | undefined, { policy, at, facts }: ProtectionInput): { checks: Check[]; cautions: Message[] } {
  const listed = check(permitted !== undefined, permitted ? 'module.listed' : 'module.unlisted', 'module.expected', { module: `${manufacturer} ${model} ${firmware}` }, { source: 'CP 6.2.7', remedy: 'module.remedy' })
  if (!permitted) return { checks: [listed], cautions: [] }
  // ISS-6: SoftHSM keeps keys in files. It stands for a module where everything is for show.
  const real = !permitted.demo || facts.demoHierarchy
  const demo = permitted.demo ? [check(real, real ? 'module.demo' : 'module.demo-refused', 'module.demo-expected', undefined, { remedy: 'module.remedy' })] : []
  const { check: certified, cautions } = certificateCheck(permitted, at, policy.attestation)
  return { checks: [...demo, certified, listed], cautions: permitted.demo ? [] : cautions }
}

const attributeChecks = ({ attributes }: ShippedKey, all: readonly WantedAttribute[]): Check[] =>
  all.map((wanted) => check(hasWanted(attributes, wanted), attributes[wanted.name] === null ? 'attribute.untold' : 'attribute.told', 'attribute.expected', { name: wanted.cka, value: truth(attributes[wanted.name]), wanted: truth(wanted.value) }, { remedy: 'attribute.remedy' }))

const mechanismCheck = ({ mechanism }: ShippedKey): Check =>
  check(generates(mechanism), 'attribute.told', 'attribute.expected-generation', { name: 'CKA_KEY_GEN_MECHANISM', value: mechanism === null ? '–' : `0x${mechanism.toString(16)}` }, { remedy: 'attribute.remedy' })

const truth = (value: boolean | null): string => (value === null ? '–' : value ? 'TRUE' : 'FALSE')
const day = (instant: string | undefined): string => (instant ? `${instant.slice(0, 16).replace('T', ' ')} UTC` : '–')

function aboutModule(key: ShippedKey): Examination<ShippedModuleQuestion>['about'] {
  const line = (label: string, text: string) => about(`${AREA}.about.${label}`, text)
  return [
    line('model', `${key.manufacturer} ${key.model}`),
    line('firmware', key.firmware),
    line('serial', key.serialNumber),
    line('key', `${key.label} (${key.keyId})`),
    line('prepared', `${day(key.preparedAt)}, ${key.preparedBy}, ${key.witnessedBy}`),
    ...(key.shipped ? [line('shipped', `${day(key.shipped.at)}, ${key.shipped.carrier}`)] : []),
    ...(key.received ? [line('received', day(key.received.at))] : []),
  ]
}
