import { beforeAll, describe, expect, test } from 'vitest'
import { judgeBy } from '../../src/key-protection/judge-protection.ts'
import { shippedModule, type ShippedKey } from '../../src/key-protection/shipped-module.ts'
import { checkPolicy, type Policy } from '../../src/policy/policy.ts'
import { WORDS } from '../../src/web/locales.ts'
import { rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { ATTRIBUTES, inputOf } from '../support/key-reports.ts'
import { SHIPPED_KEY } from '../support/shipped-modules.ts'

let keys: KeyPair
beforeAll(() => void (keys = rsaKeyPair(2048)))

interface Given {
  readonly key?: ShippedKey | null
  readonly policy?: Policy
  readonly demoHierarchy?: boolean
}

function outcome({ key = SHIPPED_KEY, policy = shippedPolicy, demoHierarchy = true }: Given = {}): unknown {
  const application = { id: 'application-1', reference: 'AAAAA-BBBBB', organisationId: 'organisation-1', applicantId: 'applicant-1', legalName: 'Example K.K.' }
  const input = inputOf(keys, [], { policy, application, facts: { demoHierarchy, shippedKey: key } })
  const { verdict, findings } = judgeBy(shippedModule, input)!
  for (const { title, finding } of findings ?? [])
    for (const { key } of [{ key: title }, finding.observed, finding.expected, ...(finding.remedy ? [finding.remedy] : [])]) for (const language of ['en', 'ja'] as const) expect(WORDS[language].has(key), key).toBe(true)
  if ('verified' in verdict) return verdict.verified.demo ? 'verified (demo)' : 'verified'
  return Object.fromEntries(findings!.filter(({ finding }) => finding.outcome === 'fail').map(({ question, finding }) => [question, finding.observed.key.replace('key-protection-shipped-module.', '')]))
}
const change = (changed: Partial<ShippedKey>): Given => ({ key: { ...SHIPPED_KEY, ...changed } })
const attribute = (changed: Partial<ShippedKey['attributes']>): Given => change({ attributes: { ...ATTRIBUTES, ...changed } })

const REAL = {
  id: 'real-module',
  manufacturer: 'Module Maker',
  model: 'Token 7',
  firmware: { from: '7.3', to: '7.10' },
  demo: false,
  certificates: [{ scheme: 'FIPS 140-3', number: '4321', level: 2, validFrom: '2025-01-01', validUntil: '2030-01-01', historicalSince: null, revokedSince: null, source: 'https://register.example', confirmed: true }],
}
const realPolicy = (row: object = {}): Policy => ({ ...shippedPolicy, keyProtection: { ...shippedPolicy.keyProtection, shippedModules: { modules: [{ ...REAL, ...row }] } } })
const real = (row: object = {}): Given => ({ ...change({ manufacturer: 'Module Maker', model: 'Token 7', firmware: '7.4' }), policy: realPolicy(row), demoHierarchy: false })

describe('a key that the CA generated in a module that it shipped', () => {
  test('ATT-1, ATT-10: is taken when the module was shipped to this organisation, arrived, and the letter followed another way', () => {
    expect(outcome()).toBe('verified (demo)')
    expect(outcome(real())).toBe('verified')
  })

  test('ATT-1: a key that is not in the inventory answers every question with no', () => {
    expect(Object.keys(outcome({ key: null }) as object)).toEqual(Object.keys(shippedModule.questions))
    expect(outcome({ key: null })).toMatchObject({ 'from-inventory': 'inventory.unknown' })
  })

  test.each<[string, Given, unknown]>([
    ['of a module whose steps the audit log does not bear out', change({ onRecord: false }), { 'from-inventory': 'record.lacks' }],
    ['of a module that one person prepared', change({ witnessedBy: 'Aoki Hanako' }), { 'from-inventory': 'persons.seen' }],
    ['of a module on the shelf', change({ state: 'prepared', organisationId: null, shipped: null, received: null, letterSent: null }), { 'shipped-to-you': 'shipping.not-shipped', 'activation-apart': 'activation.not-sent' }],
    ['of a module that went to another organisation', change({ organisationId: 'organisation-2' }), { 'shipped-to-you': 'shipping.to-others' }],
    ['of a module that somebody else of the same name ordered', change({ orderedBy: 'applicant-2' }), { 'shipped-to-you': 'shipping.to-others' }],
    ['of a module under way', change({ state: 'shipped', received: null, letterSent: null }), { 'shipped-to-you': 'shipping.under-way', 'activation-apart': 'activation.not-sent' }],
    ['of a module that was withdrawn', change({ state: 'withdrawn' }), { 'shipped-to-you': 'shipping.withdrawn' }],
    ['that was brought into the module', attribute({ local: false }), { 'generated-inside': 'attribute.told' }],
    ['that another mechanism made', change({ mechanism: 1 }), { 'generated-inside': 'attribute.told' }],
    ['whose mechanism the module does not tell', change({ mechanism: null }), { 'generated-inside': 'attribute.told' }],
    ['that may leave the module', attribute({ extractable: true }), { 'not-exportable': 'attribute.told' }],
    ['that might have left the module', attribute({ neverExtractable: false }), { 'not-exportable': 'attribute.told' }],
    ['of which the module does not tell whether it may leave', attribute({ extractable: null }), { 'not-exportable': 'attribute.untold' }],
    ['that decrypts too', attribute({ decrypt: true }), { 'not-exportable': 'attribute.told' }],
    ['whose letter has not gone out', change({ state: 'received', letterSent: null }), { 'activation-apart': 'activation.not-sent' }],
    ['whose letter went out before the module arrived', change({ letterSent: { by: 'officer-2', at: '2026-10-02T10:00:00.000Z', route: 'mail' } }), { 'activation-apart': 'activation.together' }],
    ['whose letter was sent by who shipped the module', change({ letterSent: { ...SHIPPED_KEY.letterSent!, by: 'officer-1' } }), { 'activation-apart': 'activation.together' }],
    ['whose activation data has 127 bits', change({ activationBits: 127 }), { 'activation-apart': 'activation.weak' }],
    ['in a model that we do not ship', change({ model: 'SoftHSM v3' }), { 'certified-module': 'module.unlisted' }],
    ['in a module with older firmware', change({ firmware: '2.4' }), { 'certified-module': 'module.unlisted' }],
    ['in a demo module, under a CA that is none', { demoHierarchy: false }, { 'certified-module': 'module.demo-refused' }],
    ['in a module whose certificate was revoked', real({ certificates: [{ ...REAL.certificates[0]!, revokedSince: '2026-01-01' }] }), { 'certified-module': 'attestation.certificate.revoked' }],
    ['in a module of level 1', real({ certificates: [{ ...REAL.certificates[0]!, level: 1 }] }), { 'certified-module': 'attestation.certificate.level' }],
  ])('ATT-1, ATT-10: refuses a key %s', (_name, given, expected) => expect(outcome(given)).toEqual(expected))

  test('ATT-10: takes activation data of 128 bits', () => expect(outcome(change({ activationBits: 128 }))).toBe('verified (demo)'))

  test('ATT-1: a policy that opens method 1 names the modules', () => {
    const { texts: _texts, earlierTexts: _earlier, ...data } = shippedPolicy
    const { shippedModules: _modules, ...keyProtection } = data.keyProtection
    expect(checkPolicy({ ...data, keyProtection })).toEqual({ reasons: ['keyProtection.shippedModules: method 1 is open: name the modules'] })
  })
})
