import { expect, test } from 'vitest'
import { CERTIFICATE_KINDS, type CertificateKind } from '../../src/certificate/profile.ts'
import { addDays, addMonths, addYears, periodEnd } from '../../src/certificate/validity.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import { profileTables, type ProfileTable } from '../../src/repository/profile-table.ts'

const policy = loadPolicy()
const place = { statusUrl: 'http://status.example', portalUrl: 'https://portal.example', root: 'root-g1', issuing: 'issuing-g2', timestamp: 'timestamp-g1' }
const tables = profileTables(policy, place)
const tableOf = (kind: CertificateKind): ProfileTable => tables.find((table) => table.kind === kind)!
const extension = (kind: CertificateKind, name: string) => tableOf(kind).rows.find(({ field }) => 'extension' in field && field.extension === name)
const field = (kind: CertificateKind, name: string) => tableOf(kind).rows.find(({ field: found }) => 'say' in found && found.say === name)!

test('REP-2: there is a table for each kind that the policy makes, and none for time-stamps without them', () => {
  expect(tables.map(({ kind }) => kind)).toEqual(CERTIFICATE_KINDS)
  const { timestamp: _, ...without } = policy
  expect(profileTables(without, place).map(({ kind }) => kind)).toEqual(['root', 'issuing', 'subscriber', 'responder'])
})

test('REP-2: a subscriber’s table tells the extensions of CP table 7.1-5 with their criticality and values', () => {
  expect(tableOf('subscriber').rows.flatMap(({ field: found }) => ('extension' in found ? [`${found.extension}${found.critical ? ' critical' : ''}`] : []))).toEqual(['authorityKeyIdentifier', 'subjectKeyIdentifier', 'keyUsage critical', 'extKeyUsage', 'certificatePolicies', 'cRLDistributionPoints', 'authorityInfoAccess'])
  expect(extension('subscriber', 'certificatePolicies')!.values).toEqual([{ text: policy.policyOids.codeSigning }, { text: 'cPSuri = https://portal.example/repository' }, { text: policy.policyOids.reservedCodeSigning }])
  expect(extension('subscriber', 'authorityInfoAccess')!.values).toEqual([{ text: 'id-ad-ocsp = http://status.example/ocsp' }, { text: 'id-ad-caIssuers = http://status.example/ca/issuing-g2.cer' }])
  expect(field('subscriber', 'key').values).toEqual([{ text: 'RSA 3072' }, { text: 'RSA 4096' }])
  expect(field('subscriber', 'serial').values).toEqual([{ say: 'serial', values: { octets: '17', bits: '128' } }])
})

test('REP-2: the table follows the policy, not the code', () => {
  const other = profileTables({ ...policy, policyOids: { ...policy.policyOids, codeSigning: '2.999.7' }, periods: { ...policy.periods, subscriberDays: 90 } }, place).find(({ kind }) => kind === 'subscriber')!
  expect(JSON.stringify(other)).toContain('2.999.7')
  expect(JSON.stringify(other)).not.toContain(policy.policyOids.codeSigning)
  expect(other.rows.find(({ field: found }) => 'say' in found && found.say === 'validity')!.values).toEqual([{ say: 'days', values: { count: '90' } }])
})

test.each(CERTIFICATE_KINDS)('REP-2: the period told of %s is the one that its certificates get', (kind) => {
  const from = new Date('2026-01-31T00:00:00Z')
  const [value] = field(kind, 'validity').values
  const { say, values } = value as { say: 'years' | 'months' | 'days'; values: { count: string } }
  expect({ years: addYears, months: addMonths, days: addDays }[say](from, Number(values.count))).toEqual(periodEnd(kind, from, policy))
})

test('REP-2: where lists are in shards, a subscriber’s distribution point is told as one of them', () => {
  const [table] = profileTables({ ...policy, crl: { shards: 8 } }, place).filter(({ kind }) => kind === 'subscriber')
  expect(table!.rows.find(({ field: found }) => 'extension' in found && found.extension === 'cRLDistributionPoints')!.values).toEqual([{ say: 'shard', values: { count: '8', first: 'http://status.example/crl/issuing-g2/1.crl', last: 'http://status.example/crl/issuing-g2/8.crl' } }])
})
