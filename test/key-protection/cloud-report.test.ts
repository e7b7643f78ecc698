import { zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { attestationRecommended, cloudCommands, cloudReport } from '../../src/key-protection/cloud-report.ts'
import { modulesOf } from '../../src/key-protection/cloud/module.ts'
import { CLOUDS } from '../../src/key-protection/cloud/question.ts'
import type { Details } from '../../src/key-protection/protection.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { AWS_KEY, AWS_REGION, AWS_TRAIL, AZURE_HSM, AZURE_LOCATION, AZURE_VAULT, awsOutputs, azureKid, azureOutputs, GOOGLE_KEY, GOOGLE_LOCATION, googleOutputs, printed, TAKEN_ON, type AwsOutputs, type AzureOutputs, type GoogleOutputs, type Printed } from '../support/fake-cloud.ts'
import { mutate, random } from '../support/mutate.ts'
import { rsa, spkiOf } from '../support/fake-yubikey.ts'
import { ANOTHER, APPLIED, AT, judge, TAKING_HISTORICAL, verdictOf, type Verdict } from './cloud-judge.ts'

const stated = (cloud: string, region: string): Details => ({ cloud, region, 'taken-on': TAKEN_ON, 'taken-by': 'Sato Hanako, platform team' })
const AWS = stated('aws', AWS_REGION)
const GOOGLE = stated('google', GOOGLE_LOCATION)
const AZURE = stated('azure', AZURE_LOCATION)

type Change<Outputs> = (outputs: Outputs) => void
const changed = <Outputs>(outputs: Outputs, change: Change<Outputs>): Outputs => {
  const copy = structuredClone(outputs)
  change(copy)
  return copy
}
const ofAws = (change: Change<AwsOutputs> = () => {}): Verdict => verdictOf(judge(printed(changed(awsOutputs(APPLIED), change)), AWS))
const ofGoogle = (change: Change<GoogleOutputs & Printed> = () => {}): Verdict => verdictOf(judge(printed(changed(googleOutputs(APPLIED) as GoogleOutputs & Printed, change)), GOOGLE))
const ofAzure = (change: Change<AzureOutputs> = () => {}, managedHsm = false): Verdict => verdictOf(judge(printed(changed(azureOutputs(APPLIED, managedHsm), change)), AZURE))
const without = <Outputs>(name: keyof Outputs): Change<Outputs> => (outputs) => void delete outputs[name]

interface Case<Outputs> {
  readonly name: string
  readonly change: Change<Outputs>
  readonly expected: Verdict
}

describe('AWS KMS', () => {
  it('ATT-5: a key made in KMS, all of whose events are logged, is verified', () => {
    const report = judge(printed(awsOutputs(APPLIED)), AWS)
    expect(verdictOf(report)).toBe('verified')
    expect(report.about.map(({ value }) => value.values?.['text'] ?? value.key.split('.').at(-1))).toEqual(['aws', AWS_KEY, '210987654321', AWS_REGION, TAKEN_ON, 'Sato Hanako, platform team'])
    expect(report.findings!.map(({ question }) => question)).toEqual(['one-report', 'same-key', 'hardware-protected', 'certified-module', 'generated-inside', 'not-exportable', 'signing-only', 'everything-logged', 'recent'])
  })

  const META = (name: string, value: unknown): Change<AwsOutputs> => ({ 'describe-key.json': { KeyMetadata } }) => void (KeyMetadata[name] = value)
  const TRAIL = (name: string, value: unknown): Change<AwsOutputs> => ({ 'trails.json': { trailList } }) => void (trailList[1]![name] = value)
  const STATUS = (name: string, value: unknown): Change<AwsOutputs> => (outputs) => void (outputs['trail-status.json'][name] = value)
  const SELECTORS = (...EventSelectors: Printed[]): Change<AwsOutputs> => (outputs) => void (outputs['event-selectors.json'].EventSelectors = EventSelectors)
  const basic = (change: Printed = {}): Printed => ({ ReadWriteType: 'All', IncludeManagementEvents: true, DataResources: [], ExcludeManagementEventSources: [], ...change })
  const ADVANCED = (...selectors: Printed[][]): Change<AwsOutputs> => (outputs) => void (outputs['event-selectors.json'] = { TrailARN: AWS_TRAIL, AdvancedEventSelectors: selectors.map((FieldSelectors) => ({ Name: 'management', FieldSelectors })) })
  const management = { Field: 'eventCategory', Equals: ['Management'] }
  const both = (...changes: Change<AwsOutputs>[]): Change<AwsOutputs> => (outputs) => changes.forEach((change) => change(outputs))

  const DEFECTS: readonly Case<AwsOutputs>[] = [
    { name: 'another key', change: (outputs) => void (outputs['public-key.json']['PublicKey'] = ANOTHER.toString('base64')), expected: { 'same-key': 'same-key.differs' } },
    { name: 'a public key that is none', change: (outputs) => void (outputs['public-key.json']['PublicKey'] = 'AAAA'), expected: { 'same-key': 'same-key.form', 'certified-module': 'module.makes-not' } },
    { name: 'the public key of another KMS key', change: (outputs) => void (outputs['public-key.json']['KeyId'] = AWS_KEY.replace('0f5b', 'aaaa')), expected: { 'one-report': 'other-key' } },
    { name: 'a key imported', change: META('Origin', 'EXTERNAL'), expected: { 'generated-inside': 'origin.imported', 'not-exportable': 'origin.copy-outside' } },
    { name: 'a key in a key manager outside', change: META('Origin', 'EXTERNAL_KEY_STORE'), expected: { 'hardware-protected': 'origin.external-store', 'generated-inside': 'origin.external-store', 'not-exportable': 'origin.external-store' } },
    { name: 'a key in CloudHSM', change: META('Origin', 'AWS_CLOUDHSM'), expected: { 'hardware-protected': 'origin.cloudhsm', 'generated-inside': 'origin.cloudhsm', 'not-exportable': 'origin.cloudhsm' } },
    { name: 'an origin that nobody knows', change: META('Origin', 'ELSEWHERE'), expected: { 'hardware-protected': 'origin.unknown', 'generated-inside': 'origin.unknown', 'not-exportable': 'origin.unknown' } },
    { name: 'no origin', change: ({ 'describe-key.json': { KeyMetadata } }) => void delete KeyMetadata['Origin'], expected: { 'hardware-protected': 'origin.unknown', 'generated-inside': 'origin.unknown', 'not-exportable': 'origin.unknown' } },
    { name: 'a custom key store', change: META('CustomKeyStoreId', 'cks-0f5b6c1e7d2a4c399'), expected: { 'hardware-protected': 'origin.custom-store' } },
    { name: 'a key that is to be deleted', change: META('KeyState', 'PendingDeletion'), expected: { 'hardware-protected': 'state.not-usable' } },
    { name: 'a key for encryption', change: META('KeyUsage', 'ENCRYPT_DECRYPT'), expected: { 'signing-only': 'usage.other' } },
    { name: 'AWS in China, whose modules are others', change: both(META('Arn', AWS_KEY.replace('arn:aws:', 'arn:aws-cn:')), (outputs) => void (outputs['public-key.json']['KeyId'] = AWS_KEY.replace('arn:aws:', 'arn:aws-cn:'))), expected: { 'certified-module': 'module.unlisted' } },
    { name: 'no trail', change: (outputs) => void (outputs['trails.json'].trailList = []), expected: { 'everything-logged': 'trail.none' } },
    { name: 'selectors of a trail that is not listed', change: (outputs) => void outputs['trails.json'].trailList.pop(), expected: { 'everything-logged': 'trail.not-listed' } },
    { name: 'a trail of another account', change: both(TRAIL('TrailARN', AWS_TRAIL.replace('210987654321', '999999999999')), (outputs) => void (outputs['event-selectors.json'].TrailARN = AWS_TRAIL.replace('210987654321', '999999999999'))), expected: { 'everything-logged': 'trail.other-account' } },
    { name: 'a trail of another region', change: both(TRAIL('IsMultiRegionTrail', false), TRAIL('HomeRegion', 'us-east-1')), expected: { 'everything-logged': 'trail.other-region' } },
    { name: 'a multi-Region key with a trail of one region', change: both(META('MultiRegion', true), TRAIL('IsMultiRegionTrail', false)), expected: { 'everything-logged': 'trail.not-all-regions' } },
    { name: 'no selector', change: SELECTORS(), expected: { 'everything-logged': 'selectors.no-management' } },
    { name: 'a selector of data events alone', change: SELECTORS(basic({ IncludeManagementEvents: false })), expected: { 'everything-logged': 'selectors.no-management' } },
    { name: 'events of KMS excluded', change: SELECTORS(basic({ ExcludeManagementEventSources: ['rdsdata.amazonaws.com', 'kms.amazonaws.com'] })), expected: { 'everything-logged': 'selectors.excludes-kms' } },
    { name: 'writes alone', change: SELECTORS(basic({ ReadWriteType: 'WriteOnly' })), expected: { 'everything-logged': 'selectors.reads-missing' } },
    { name: 'reads alone', change: SELECTORS(basic({ ReadWriteType: 'ReadOnly' })), expected: { 'everything-logged': 'selectors.writes-missing' } },
    { name: 'reads, and writes without KMS', change: SELECTORS(basic({ ReadWriteType: 'ReadOnly' }), basic({ ReadWriteType: 'WriteOnly', ExcludeManagementEventSources: ['kms.amazonaws.com'] })), expected: { 'everything-logged': 'selectors.writes-missing' } },
    { name: 'advanced selectors of data events alone', change: ADVANCED([{ Field: 'eventCategory', Equals: ['Data'] }]), expected: { 'everything-logged': 'selectors.no-management' } },
    { name: 'advanced selectors without a category', change: ADVANCED([{ Field: 'eventSource', NotEquals: ['rdsdata.amazonaws.com'] }]), expected: { 'everything-logged': 'selectors.no-management' } },
    { name: 'an advanced selector that excludes KMS', change: ADVANCED([management, { Field: 'eventSource', NotEquals: ['kms.amazonaws.com'] }]), expected: { 'everything-logged': 'selectors.excludes-kms' } },
    { name: 'an advanced selector that excludes KMS by its beginning', change: ADVANCED([management, { Field: 'eventSource', NotStartsWith: ['kms.'] }]), expected: { 'everything-logged': 'selectors.excludes-kms' } },
    { name: 'an advanced selector that excludes KMS by its end', change: ADVANCED([management, { Field: 'eventSource', NotEndsWith: ['amazonaws.com'] }]), expected: { 'everything-logged': 'selectors.excludes-kms' } },
    { name: 'an advanced selector of another service', change: ADVANCED([management, { Field: 'eventSource', Equals: ['s3.amazonaws.com'] }]), expected: { 'everything-logged': 'selectors.excludes-kms' } },
    { name: 'an advanced selector of another beginning', change: ADVANCED([management, { Field: 'eventSource', StartsWith: ['s3.'] }]), expected: { 'everything-logged': 'selectors.excludes-kms' } },
    { name: 'an advanced selector of another end', change: ADVANCED([management, { Field: 'eventSource', EndsWith: ['.example'] }]), expected: { 'everything-logged': 'selectors.excludes-kms' } },
    { name: 'an operator that nobody knows', change: ADVANCED([management, { Field: 'eventSource', Like: ['kms.amazonaws.com'] }]), expected: { 'everything-logged': 'selectors.excludes-kms' } },
    { name: 'an advanced selector of writes alone', change: ADVANCED([management, { Field: 'readOnly', Equals: ['false'] }]), expected: { 'everything-logged': 'selectors.reads-missing' } },
    { name: 'an advanced selector of reads alone', change: ADVANCED([management, { Field: 'readOnly', Equals: ['true'] }]), expected: { 'everything-logged': 'selectors.writes-missing' } },
    { name: 'an advanced selector narrowed to one event', change: ADVANCED([management, { Field: 'eventName', Equals: ['Sign'] }]), expected: { 'everything-logged': 'selectors.narrowed' } },
    { name: 'a trail that does not log', change: STATUS('IsLogging', false), expected: { 'everything-logged': 'logging.off' } },
    { name: 'a trail that cannot deliver', change: STATUS('LatestDeliveryError', 'AccessDenied'), expected: { 'everything-logged': 'logging.delivery-error' } },
    { name: 'a trail that never delivered', change: (outputs) => void delete outputs['trail-status.json']['LatestDeliveryTime'], expected: { 'everything-logged': 'logging.never' } },
    { name: 'a log file after the day stated', change: STATUS('LatestDeliveryTime', '2026-11-03T00:00:00+09:00'), expected: { recent: 'recent.before-files' } },
    { name: 'a last log file of last year', change: STATUS('LatestDeliveryTime', '2025-09-01T00:00:00+09:00'), expected: { recent: 'recent.log-old' } },
    { name: 'a key made after the day stated', change: META('CreationDate', '2026-11-03T12:00:00+09:00'), expected: { recent: 'recent.before-key' } },
    { name: 'no description of the key', change: without('describe-key.json'), expected: { 'one-report': 'missing', 'hardware-protected': 'missing', 'certified-module': 'missing', 'generated-inside': 'missing', 'not-exportable': 'missing', 'signing-only': 'missing', 'everything-logged': 'missing' } },
    { name: 'no public key', change: without('public-key.json'), expected: { 'same-key': 'missing', 'certified-module': 'missing' } },
    { name: 'no list of trails', change: without('trails.json'), expected: { 'everything-logged': 'missing' } },
    { name: 'no selectors', change: without('event-selectors.json'), expected: { 'everything-logged': 'missing' } },
    { name: 'no status', change: without('trail-status.json'), expected: { 'everything-logged': 'missing' } },
  ]
  it.each(DEFECTS)('ATT-5: refuses $name', ({ change, expected }) => {
    expect(ofAws(change)).toEqual(expected)
  })

  const GOOD: readonly Omit<Case<AwsOutputs>, 'expected'>[] = [
    { name: 'advanced selectors of all management events', change: ADVANCED([management]) },
    { name: 'advanced selectors that leave out another service', change: ADVANCED([management, { Field: 'eventSource', NotEquals: ['rdsdata.amazonaws.com'] }]) },
    { name: 'reads and writes in two selectors', change: SELECTORS(basic({ ReadWriteType: 'ReadOnly' }), basic({ ReadWriteType: 'WriteOnly' })) },
    { name: 'a trail of the key\'s region alone', change: TRAIL('IsMultiRegionTrail', false) },
    { name: 'a trail of the organisation', change: both(TRAIL('TrailARN', AWS_TRAIL.replace('210987654321', '999999999999')), TRAIL('IsOrganizationTrail', true), (outputs) => void (outputs['event-selectors.json'].TrailARN = AWS_TRAIL.replace('210987654321', '999999999999'))) },
    { name: 'a multi-Region key with a trail of all regions', change: META('MultiRegion', true) },
    { name: 'times as version 1 of the CLI prints them', change: both(META('CreationDate', 1791163230.456), STATUS('LatestDeliveryTime', 1793501883.12)) },
    { name: 'a number of seconds that is no date', change: META('CreationDate', 1e300) },
    { name: 'a key named by its identifier', change: (outputs) => void (outputs['public-key.json']['KeyId'] = AWS_KEY.split('/')[1]) },
  ]
  it.each(GOOD)('ATT-5: takes $name', ({ change }) => {
    expect(ofAws(change)).toBe('verified')
  })

  it('ATT-8: under the shipped policy KMS is taken while its certificate is active, and refused after its last day', () => {
    const at = (moment: string) => verdictOf(judge(printed(awsOutputs(APPLIED)), AWS, { policy: shippedPolicy, at: new Date(moment) }))
    expect(at('2026-11-17T23:59:59Z')).toBe('verified')
    expect(at('2026-11-18T00:00:00Z')).toEqual({ 'certified-module': 'certificate.historical' })
  })

  it('ATT-9: a remedy is the whole command, with the report\'s own names', () => {
    const report = judge(printed(changed(awsOutputs(APPLIED), SELECTORS(basic({ ExcludeManagementEventSources: ['kms.amazonaws.com'] })))), AWS)
    const logged = report.findings!.find(({ question }) => question === 'everything-logged')!.finding
    expect(logged.remedy!.values!['command']).toBe(`aws cloudtrail put-event-selectors --trail-name ${AWS_TRAIL} --event-selectors '[{"ReadWriteType":"All","IncludeManagementEvents":true}]'`)
  })

  it('ATT-9: where there is no trail at all, the remedy makes one', () => {
    const logged = (change: Change<AwsOutputs>) => judge(printed(changed(awsOutputs(APPLIED), change)), AWS).findings!.find(({ question }) => question === 'everything-logged')!.finding.remedy!
    expect(logged((outputs) => void (outputs['trails.json'].trailList = []))).toMatchObject({ key: 'key-protection-cloud-report.fix.trail-create', values: { command: expect.stringMatching(/^aws cloudtrail create-trail .* && aws cloudtrail start-logging/) as string } })
    expect(logged((outputs) => void outputs['trails.json'].trailList.pop())).toMatchObject({ key: 'key-protection-cloud-report.fix.run' })
  })

  it('ATT-9: no word of a file reaches a command that could do something there', () => {
    const report = judge(printed(changed(awsOutputs(APPLIED), both(META('KeyState', 'Disabled'), META('Arn', '$(rm -rf ~)')))), AWS)
    const held = report.findings!.find(({ question }) => question === 'hardware-protected')!.finding
    expect(held.remedy!.values!['command']).toBe('aws kms enable-key --key-id KEY')
  })
})

describe('Google Cloud KMS', () => {
  it('ATT-5: a key made in Cloud HSM, all of whose uses are logged, is verified', () => {
    const report = judge(printed(googleOutputs(APPLIED)), GOOGLE)
    expect(verdictOf(report)).toBe('verified')
    expect(report.about.map(({ value }) => value.values?.['text'])).toEqual([undefined, 'signing/releases/1', 'sample-signing', GOOGLE_LOCATION, TAKEN_ON, 'Sato Hanako, platform team'])
    expect(report.findings!.find(({ question }) => question === 'generated-inside')!.finding.cautions.map(({ key }) => key)).toEqual(['key-protection-cloud-report.caution.attestation'])
  })

  const VERSION = (name: string, value: unknown): Change<GoogleOutputs> => (outputs) => void (outputs['key-version.json'][name] = value)
  const IMPORTED = `projects/sample-signing/locations/${GOOGLE_LOCATION}/keyRings/signing/importJobs/in`
  const KMS = (change: (kms: { service: string; auditLogConfigs: Printed[] }) => void): Change<GoogleOutputs> => (outputs) => change(outputs['audit-config.json'].auditConfigs[1]!)
  const drop = (type: string) => KMS((kms) => void (kms.auditLogConfigs = kms.auditLogConfigs.filter(({ logType }) => logType !== type)))

  const DEFECTS: readonly Case<GoogleOutputs & Printed>[] = [
    { name: 'another key', change: (outputs) => void (outputs['public-key.pem'] = googleOutputs(ANOTHER)['public-key.pem']), expected: { 'same-key': 'same-key.differs' } },
    { name: 'a key kept in software', change: VERSION('protectionLevel', 'SOFTWARE'), expected: { 'hardware-protected': 'google.software', 'not-exportable': 'google.software' } },
    { name: 'a key outside', change: VERSION('protectionLevel', 'EXTERNAL_VPC'), expected: { 'hardware-protected': 'google.external', 'not-exportable': 'google.external' } },
    { name: 'a level that nobody knows', change: VERSION('protectionLevel', 'PROTECTION_LEVEL_UNSPECIFIED'), expected: { 'hardware-protected': 'google.level-unknown', 'not-exportable': 'google.level-unknown' } },
    { name: 'a version destroyed', change: VERSION('state', 'DESTROYED'), expected: { 'hardware-protected': 'state.not-usable' } },
    { name: 'a key imported, by its job', change: VERSION('importJob', IMPORTED), expected: { 'generated-inside': 'origin.imported', 'not-exportable': 'origin.copy-outside' } },
    { name: 'a key imported, by its time', change: VERSION('importTime', '2026-10-05T01:20:31Z'), expected: { 'generated-inside': 'origin.imported', 'not-exportable': 'origin.copy-outside' } },
    { name: 'a key that can be imported again', change: VERSION('reimportEligible', true), expected: { 'generated-inside': 'origin.imported', 'not-exportable': 'origin.copy-outside' } },
    { name: 'a key without a time of generation', change: (outputs) => void delete outputs['key-version.json']['generateTime'], expected: { 'generated-inside': 'google.not-generated' } },
    { name: 'a key for decryption', change: VERSION('algorithm', 'RSA_DECRYPT_OAEP_3072_SHA256'), expected: { 'signing-only': 'usage.other' } },
    { name: 'a key whose purpose is another', change: (outputs) => void (outputs['key.json'] = { name: GOOGLE_KEY, purpose: 'ASYMMETRIC_DECRYPT' }), expected: { 'signing-only': 'usage.other' } },
    { name: 'the description of another key', change: (outputs) => void (outputs['key.json'] = { name: `${GOOGLE_KEY}2`, purpose: 'ASYMMETRIC_SIGN' }), expected: { 'one-report': 'other-key' } },
    { name: 'the public key of another version', change: (outputs) => void ((outputs as Printed)['public-key.pem'] = { pem: outputs['public-key.pem'], name: `${GOOGLE_KEY}/cryptoKeyVersions/2` }), expected: { 'one-report': 'other-key' } },
    { name: 'no log of reading configuration', change: drop('ADMIN_READ'), expected: { 'everything-logged': 'google.log-missing' } },
    { name: 'no log of reading', change: drop('DATA_READ'), expected: { 'everything-logged': 'google.log-missing' } },
    { name: 'no log of use', change: drop('DATA_WRITE'), expected: { 'everything-logged': 'google.log-missing' } },
    { name: 'somebody exempted', change: KMS((kms) => void (kms.auditLogConfigs[2]!['exemptedMembers'] = ['user:admin@sample.example'])), expected: { 'everything-logged': 'google.log-exempts' } },
    { name: 'somebody exempted for all services', change: (outputs) => void outputs['audit-config.json'].auditConfigs.push({ service: 'allServices', auditLogConfigs: [{ logType: 'DATA_READ', exemptedMembers: ['user:admin@sample.example'] }] }), expected: { 'everything-logged': 'google.log-exempts' } },
    { name: 'logs of another service', change: KMS((kms) => void (kms.service = 'compute.googleapis.com')), expected: { 'everything-logged': 'google.log-missing' } },
    { name: 'no configuration at all', change: (outputs) => void ((outputs as Printed)['audit-config.json'] = {}), expected: { 'everything-logged': 'google.log-missing' } },
    { name: 'null in place of a configuration', change: (outputs) => void ((outputs as Printed)['audit-config.json'] = 'null\n'), expected: { 'everything-logged': 'google.log-missing' } },
    { name: 'a whole policy without a configuration', change: (outputs) => void ((outputs as Printed)['audit-config.json'] = { bindings: [], etag: 'BwXh', version: 1 }), expected: { 'everything-logged': 'google.log-missing' } },
    { name: 'a key made after the day stated', change: VERSION('createTime', '2026-11-03T00:00:00Z'), expected: { recent: 'recent.before-key' } },
    { name: 'a key generated after the day stated', change: VERSION('generateTime', '2026-11-03T00:00:00Z'), expected: { recent: 'recent.before-files' } },
    { name: 'no description of the version', change: without('key-version.json'), expected: { 'one-report': 'missing', 'hardware-protected': 'missing', 'certified-module': 'missing', 'generated-inside': 'missing', 'not-exportable': 'missing', 'signing-only': 'missing' } },
    { name: 'no public key', change: without('public-key.pem'), expected: { 'same-key': 'missing', 'certified-module': 'missing' } },
    { name: 'no audit configuration', change: without('audit-config.json'), expected: { 'everything-logged': 'missing' } },
  ]
  it.each(DEFECTS)('ATT-5: refuses $name', ({ change, expected }) => {
    expect(ofGoogle(change)).toEqual(expected)
  })

  const GOOD: readonly Omit<Case<GoogleOutputs & Printed>, 'expected'>[] = [
    { name: 'a single-tenant key', change: VERSION('protectionLevel', 'HSM_SINGLE_TENANT') },
    { name: 'the key\'s description beside it', change: (outputs) => void (outputs['key.json'] = { name: GOOGLE_KEY, purpose: 'ASYMMETRIC_SIGN' }) },
    { name: 'the public key as the API prints it', change: (outputs) => void ((outputs as Printed)['public-key.pem'] = { pem: outputs['public-key.pem'], name: `${GOOGLE_KEY}/cryptoKeyVersions/1` }) },
    { name: 'logs of all services', change: KMS((kms) => void (kms.service = 'allServices')) },
    {
      name: 'logs that project and organisation record together',
      change: (outputs) => {
        drop('DATA_WRITE')(outputs)
        outputs['organisation.json'] = { auditConfigs: [{ service: 'allServices', auditLogConfigs: [{ logType: 'DATA_WRITE' }] }], bindings: [], etag: 'BwXh', version: 1 }
      },
    },
  ]
  it.each(GOOD)('ATT-5: takes $name', ({ change }) => {
    expect(ofGoogle(change)).toBe('verified')
  })

  it('ATT-8: under the shipped policy Cloud HSM is refused while its certificate is historical', () => {
    expect(verdictOf(judge(printed(googleOutputs(APPLIED)), GOOGLE, { policy: shippedPolicy }))).toEqual({ 'certified-module': 'certificate.historical' })
  })
})

describe('Azure Key Vault and Managed HSM', () => {
  it('ATT-5: a key made in a Premium vault or a Managed HSM, all of whose events are logged, is verified by the shipped policy', () => {
    expect(ofAzure()).toBe('verified')
    expect(ofAzure(() => {}, true)).toBe('verified')
    expect(verdictOf(judge(printed(azureOutputs(APPLIED)), AZURE, { policy: shippedPolicy, at: new Date('2026-11-22T00:00:00Z') }))).toBe('verified')
  })

  const ATTRIBUTE = (name: string, value: unknown): Change<AzureOutputs> => (outputs) => void (outputs['key.json'].attributes[name] = value)
  const KEY = (name: string, value: unknown): Change<AzureOutputs> => (outputs) => void (outputs['key.json'].key[name] = value)
  const LOG = (change: Printed): Change<AzureOutputs> => (outputs) => void Object.assign(outputs['key-log.json'][0]!, change)
  const KID_ALONE = azureKid(false).split('/').slice(0, -1).join('/')

  const DEFECTS: readonly Case<AzureOutputs>[] = [
    { name: 'another key', change: (outputs) => void (outputs['key.json'].key['n'] = azureOutputs(ANOTHER)['key.json'].key['n']), expected: { 'same-key': 'same-key.differs' } },
    { name: 'a key without an exponent', change: KEY('e', null), expected: { 'same-key': 'same-key.form', 'certified-module': 'module.makes-not' } },
    { name: 'a key without a modulus', change: KEY('n', null), expected: { 'same-key': 'same-key.form', 'certified-module': 'module.makes-not' } },
    { name: 'a key kept in software', change: KEY('kty', 'RSA'), expected: { 'hardware-protected': 'azure.software' } },
    { name: 'a Standard vault', change: ({ 'vault.json': { properties } }) => void (properties.sku!['name'] = 'standard'), expected: { 'hardware-protected': 'azure.standard' } },
    { name: 'a key disabled', change: ATTRIBUTE('enabled', false), expected: { 'hardware-protected': 'state.not-usable' } },
    { name: 'another vault', change: ({ 'vault.json': { properties } }) => void (properties['vaultUri'] = 'https://another.vault.azure.net/'), expected: { 'one-report': 'other-vault' } },
    { name: 'another location', change: (outputs) => void (outputs['vault.json']['location'] = 'westeurope'), expected: { 'one-report': 'stated.other-region' } },
    { name: 'the older platform', change: ATTRIBUTE('hsmPlatform', '1'), expected: { 'certified-module': 'azure.platform-old' } },
    { name: 'a platform that is not printed', change: ({ 'key.json': { attributes } }) => void delete attributes['hsmPlatform'], expected: { 'certified-module': 'azure.platform-missing' } },
    { name: 'an exportable key', change: ATTRIBUTE('exportable', true), expected: { 'not-exportable': 'azure.exportable' } },
    { name: 'a CLI that does not print whether', change: ({ 'key.json': { attributes } }) => void delete attributes['exportable'], expected: { 'not-exportable': 'azure.export-not-stated' } },
    { name: 'a release policy', change: (outputs) => void (outputs['key.json'].releasePolicy = { contentType: 'application/json; charset=utf-8', encodedPolicy: 'e30', immutable: false }), expected: { 'not-exportable': 'azure.release-policy' } },
    { name: 'no line on the release policy', change: (outputs) => void delete (outputs['key.json'] as Printed)['releasePolicy'], expected: { 'not-exportable': 'azure.export-not-stated' } },
    { name: 'a key that decrypts too', change: KEY('keyOps', ['sign', 'verify', 'decrypt']), expected: { 'signing-only': 'usage.other' } },
    { name: 'a key that does not sign', change: KEY('keyOps', ['verify']), expected: { 'signing-only': 'usage.other' } },
    { name: 'a key imported', change: LOG({ OperationName: 'KeyImport' }), expected: { 'generated-inside': 'origin.imported' } },
    { name: 'a key restored from a backup', change: LOG({ OperationName: 'KeyRestore' }), expected: { 'generated-inside': 'origin.imported' } },
    { name: 'a key created and then imported over', change: (outputs) => void outputs['key-log.json'].push({ ...outputs['key-log.json'][0]!, OperationName: 'KeyImport' }), expected: { 'generated-inside': 'origin.imported' } },
    { name: 'the creation of another version', change: LOG({ id_s: azureKid(false).replace('4f1c', 'aaaa') }), expected: { 'generated-inside': 'azure.creation-not-logged' } },
    { name: 'a creation at another time', change: LOG({ id_s: KID_ALONE, TimeGenerated: '2026-10-05T01:26:00Z' }), expected: { 'generated-inside': 'azure.creation-not-logged' } },
    { name: 'a creation that was refused', change: LOG({ httpStatusCode_d: '403' }), expected: { 'generated-inside': 'azure.creation-not-logged' } },
    { name: 'a creation that failed', change: LOG({ ResultType: 'Failed' }), expected: { 'generated-inside': 'azure.creation-not-logged' } },
    { name: 'another operation', change: LOG({ OperationName: 'KeyGet' }), expected: { 'generated-inside': 'azure.creation-not-logged' } },
    { name: 'no diagnostic setting', change: (outputs) => void (outputs['diagnostics.json'] = []), expected: { 'everything-logged': 'diagnostics.none' } },
    { name: 'the setting of another vault', change: (outputs) => void (outputs['diagnostics.json'][0]!['id'] = `${AZURE_VAULT}2/providers/microsoft.insights/diagnosticSettings/audit`), expected: { 'everything-logged': 'diagnostics.other-vault' } },
    { name: 'audit events off', change: (outputs) => void (outputs['diagnostics.json'][0]!.logs[0]!['enabled'] = false), expected: { 'everything-logged': 'diagnostics.no-audit' } },
    { name: 'another category alone', change: (outputs) => void (outputs['diagnostics.json'][0]!.logs = [{ category: 'AzurePolicyEvaluationDetails', categoryGroup: null, enabled: true }]), expected: { 'everything-logged': 'diagnostics.no-audit' } },
    { name: 'events that go nowhere', change: (outputs) => void delete outputs['diagnostics.json'][0]!['workspaceId'], expected: { 'everything-logged': 'diagnostics.no-sink' } },
    { name: 'a key made after the day stated', change: ATTRIBUTE('created', '2026-11-03T00:00:00+00:00'), expected: { recent: 'recent.before-key' } },
    { name: 'a key changed after the day stated', change: ATTRIBUTE('updated', '2026-11-03T00:00:00+00:00'), expected: { recent: 'recent.before-files' } },
    { name: 'no key', change: without('key.json'), expected: { 'same-key': 'missing', 'hardware-protected': 'missing', 'certified-module': 'missing', 'generated-inside': 'missing', 'not-exportable': 'missing', 'signing-only': 'missing' } },
    { name: 'no vault', change: without('vault.json'), expected: { 'one-report': 'missing', 'hardware-protected': 'missing', 'everything-logged': 'missing' } },
    { name: 'no log', change: without('key-log.json'), expected: { 'generated-inside': 'missing' } },
    { name: 'no diagnostic settings', change: without('diagnostics.json'), expected: { 'everything-logged': 'missing' } },
  ]
  it.each(DEFECTS)('ATT-5: refuses $name', ({ change, expected }) => {
    expect(ofAzure(change)).toEqual(expected)
  })

  const GOOD: readonly Omit<Case<AzureOutputs>, 'expected'>[] = [
    { name: 'a log that names the key alone, at that moment', change: LOG({ id_s: KID_ALONE }) },
    { name: 'a version that a rotation made', change: LOG({ OperationName: 'KeyRotate' }) },
    { name: 'a record as a storage account keeps it', change: (outputs) => void ((outputs as unknown as Printed)['key-log.json'] = { time: '2026-10-05T01:20:30.81Z', category: 'AuditEvent', operationName: 'KeyCreate', resultType: 'Success', properties: { id: KID_ALONE, httpStatusCode: 200 } }) },
    { name: 'the import of another version beside it', change: (outputs) => void outputs['key-log.json'].push({ ...outputs['key-log.json'][0]!, OperationName: 'KeyImport', id_s: azureKid(false).replace('4f1c', 'aaaa') }) },
    { name: 'the category by its own name', change: (outputs) => void (outputs['diagnostics.json'][0]!.logs = [{ category: 'AuditEvent', categoryGroup: null, enabled: true }]) },
    { name: 'all logs', change: (outputs) => void (outputs['diagnostics.json'][0]!.logs = [{ category: null, categoryGroup: 'allLogs', enabled: true }]) },
    { name: 'a storage account', change: (outputs) => void Object.assign(outputs['diagnostics.json'][0]!, { workspaceId: undefined, storageAccountId: '/subscriptions/x/storageAccounts/logs' }) },
    { name: 'settings as an older CLI prints them', change: (outputs) => void ((outputs as unknown as Printed)['diagnostics.json'] = { value: outputs['diagnostics.json'].map(({ id, ...properties }) => ({ id, properties })) }) },
    { name: 'a location with a space', change: (outputs) => void (outputs['vault.json']['location'] = 'Japan East') },
    { name: 'octets as the service writes them', change: (outputs) => void (outputs['key.json'].key['n'] = Buffer.from(String(outputs['key.json'].key['n']), 'base64').toString('base64url')) },
  ]
  it.each(GOOD)('ATT-5: takes $name', ({ change }) => {
    expect(ofAzure(change)).toBe('verified')
  })

  it('ATT-9: the line of the diagnostic settings that fails is shown', () => {
    const line = (change: Change<AzureOutputs>) => {
      const { path, value } = judge(printed(changed(azureOutputs(APPLIED), change)), AZURE).findings!.find(({ question }) => question === 'everything-logged')!.finding.observed.values!
      return `${path}: ${value}`
    }
    expect(line(() => {})).toBe(`id: ${AZURE_VAULT.toLowerCase()}/providers/microsoft.insights/diagnosticSettings/audit`)
    expect(line((outputs) => void delete outputs['diagnostics.json'][0]!['workspaceId'])).toBe('workspaceId: –')
    expect(line((outputs) => void (outputs['diagnostics.json'][0]!.logs[0]!['enabled'] = false))).toBe('logs: audit: false, allLogs: false')
    expect(line((outputs) => void (outputs['diagnostics.json'] = []))).toBe('id: –')
  })

  it('ATT-5: a Managed HSM is judged by its own settings', () => {
    expect(ofAzure((outputs) => void (outputs['diagnostics.json'][0]!['id'] = `${AZURE_HSM}2/providers/microsoft.insights/diagnosticSettings/audit`), true)).toEqual({ 'everything-logged': 'diagnostics.other-vault' })
    expect(ofAzure(({ 'vault.json': { properties } }) => void (properties['hsmUri'] = 'https://another.managedhsm.azure.net/'), true)).toEqual({ 'one-report': 'other-vault' })
    expect(ofAzure((outputs) => void delete outputs['vault.json']['sku'], true)).toEqual({ 'hardware-protected': 'azure.standard' })
  })
})

describe('what the applicant states', () => {
  const at = (details: Details, moment = AT) => verdictOf(judge(printed(awsOutputs(APPLIED)), details, { at: moment }))

  it('ATT-5: the region must be the key\'s, and the cloud that of the files', () => {
    expect(at({ ...AWS, region: 'eu-west-1' })).toEqual({ 'one-report': 'stated.other-region' })
    expect(at({ 'taken-on': TAKEN_ON })).toEqual({ 'one-report': 'stated.nothing' })
    expect(at({ ...AWS, cloud: 'google' })).toMatchObject({ 'one-report': 'stated.other-cloud.aws', 'same-key': 'missing', 'everything-logged': 'missing' })
    expect(verdictOf(judge([...printed(awsOutputs(APPLIED)), ...printed({ 'key-version.json': googleOutputs(APPLIED)['key-version.json'] })], AWS))).toEqual({ 'one-report': 'stated.other-cloud.google' })
    expect(verdictOf(judge([...printed(awsOutputs(APPLIED)), ...printed({ 'vault.json': azureOutputs(APPLIED)['vault.json'] })], AWS))).toEqual({ 'one-report': 'stated.other-cloud.azure' })
  })

  it('VET-5: the report counts for 13 months from the day stated, and from no other', () => {
    expect(shippedPolicy.periods.keyProtectionReuseMonths).toBe(13)
    const late = (moment: string) => verdictOf(judge(printed(azureOutputs(APPLIED)), AZURE, { at: new Date(moment) }))
    expect(late('2027-12-01T23:59:59Z')).toBe('verified')
    expect(late('2027-12-02T00:00:00Z')).toEqual({ recent: 'recent.old' })
    const shorter = { ...TAKING_HISTORICAL, periods: { ...TAKING_HISTORICAL.periods, keyProtectionReuseMonths: 2 } }
    expect(verdictOf(judge(printed(azureOutputs(APPLIED)), AZURE, { at: new Date('2027-01-02T00:00:00Z'), policy: shorter }))).toEqual({ recent: 'recent.old' })
  })

  it('ATT-5: the day must be one, and not in the future anywhere', () => {
    expect(at({ ...AWS, 'taken-on': '2026-11-31' })).toEqual({ recent: 'recent.not-stated' })
    expect(at({ cloud: 'aws', region: AWS_REGION })).toEqual({ recent: 'recent.not-stated' })
    expect(at({ ...AWS, 'taken-on': '2026-11-02' }, new Date('2026-11-01T00:00:00Z'))).toBe('verified')
    expect(at({ ...AWS, 'taken-on': '2026-11-02' }, new Date('2026-10-31T23:59:59Z'))).toEqual({ recent: 'recent.future' })
  })
})

describe('what the page tells beforehand', () => {
  it('ATT-8: whether the modules of a cloud are accepted at that moment', () => {
    const accepted = (cloud: 'aws' | 'google' | 'azure', moment: string) => modulesOf(cloud, new Date(moment), shippedPolicy).map(({ accepted: yes }) => yes)
    expect(accepted('aws', '2026-11-17T00:00:00Z')).toEqual([true])
    expect(accepted('aws', '2026-11-22T00:00:00Z')).toEqual([false])
    expect(accepted('google', '2026-11-22T00:00:00Z')).toEqual([false])
    expect(accepted('azure', '2026-11-22T00:00:00Z')).toEqual([true, true])
  })

  it('ATT-5: that attestation would show the same, where the files speak of it', () => {
    expect(attestationRecommended(printed(googleOutputs(APPLIED)))).toBe('google')
    expect(attestationRecommended(printed(azureOutputs(APPLIED, true)))).toBe('azure')
    expect(attestationRecommended([...printed(azureOutputs(APPLIED)), ...printed(awsOutputs(APPLIED))])).toBeNull()
  })

  it('ATT-5: every command names the file that it writes', () => {
    for (const cloud of CLOUDS) for (const { command } of cloudCommands(cloud)) expect(command).toMatch(/(> |--output-file=)[a-z-]+\.(json|pem)$/)
  })
})

describe('keys', () => {
  it('ATT-8: a kind of key that the policy does not take is refused, in a certified module too', () => {
    const small = spkiOf(rsa(2048))
    expect(verdictOf(judge(printed(awsOutputs(small)), AWS, { publicKeySpki: small }))).toEqual({ 'certified-module': 'attestation.key-type.not-in-policy'.replace('attestation.', '') })
  })
})

describe('files', () => {
  const [key, ...others] = printed(awsOutputs(APPLIED))
  const rest = (bytes: Buffer, name = 'describe-key.json') => verdictOf(judge([{ name, bytes }, ...others], AWS))
  const malformed = (reason: string, file = 'describe-key.json'): Verdict => ({ malformed: file, reason })

  it('ATT-5: any order and any names will do', () => {
    expect(verdictOf(judge([...printed(awsOutputs(APPLIED))].reverse().map(({ bytes }, index) => ({ name: `${index}.txt`, bytes })), AWS))).toBe('verified')
  })

  it('ATT-5: takes what PowerShell writes: UTF-16 and UTF-8 with a mark', () => {
    expect(rest(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(key!.bytes.toString().replaceAll('\n', '\r\n'), 'utf16le')]))).toBe('verified')
    expect(rest(Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(key!.bytes.toString(), 'utf16le').swap16()]))).toBe('verified')
    expect(rest(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), key!.bytes]))).toBe('verified')
  })

  it('ATT-5: takes them out of a zip file', () => {
    const zip = Buffer.from(zipSync(Object.fromEntries(printed(awsOutputs(APPLIED)).map(({ name, bytes }) => [name, new Uint8Array(bytes)]))))
    expect(verdictOf(judge([{ name: 'report.zip', bytes: zip }], AWS))).toBe('verified')
    const bomb = Buffer.from(zipSync({ 'describe-key.json': new Uint8Array(1_000_000) }))
    expect(verdictOf(judge([{ name: 'report.zip', bytes: bomb }], AWS))).toEqual({ malformed: 'report.zip', reason: 'malformed.unpacked-too-large' })
  })

  const PDF = Buffer.from('%PDF-1.7\n')
  it('ATT-5: keeps a document for the person who checks, and reads nothing of it', () => {
    const report = judge([...printed(awsOutputs(APPLIED)), { name: 'signed.pdf', bytes: Buffer.concat([PDF, Buffer.alloc(300_000)]) }], AWS)
    expect(verdictOf(report)).toBe('verified')
    expect(report.about.at(-1)!.value.values!['text']).toBe('signed.pdf')
  })

  const text = key!.bytes.toString()
  const CASES: readonly { name: string; bytes: Buffer; expected: Verdict }[] = [
    { name: 'nothing', bytes: Buffer.alloc(0), expected: malformed('malformed.empty') },
    { name: 'YAML', bytes: Buffer.from('KeyMetadata:\n  Origin: AWS_KMS\n'), expected: malformed('malformed.not-json') },
    { name: 'octets that are no text', bytes: Buffer.from([0, 1, 2, 0xff]), expected: malformed('malformed.not-json') },
    { name: 'an odd number of octets of UTF-16', bytes: Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le'), Buffer.from([0x20])]), expected: malformed('malformed.json') },
    { name: 'JSON cut short', bytes: key!.bytes.subarray(0, -4), expected: malformed('malformed.json') },
    { name: 'more after the JSON', bytes: Buffer.from(`${text}{}`), expected: malformed('malformed.json') },
    { name: 'a name twice', bytes: Buffer.from(text.replace('"Origin"', '"Origin": "EXTERNAL", "Origin"')), expected: malformed('malformed.json-twice') },
    { name: 'JSON nested too deeply', bytes: Buffer.from(`${'['.repeat(50)}${']'.repeat(50)}`), expected: malformed('malformed.json') },
    { name: 'the output of something else', bytes: Buffer.from('{"Account": "210987654321"}'), expected: malformed('malformed.stray') },
    { name: 'the description twice', bytes: others[0]!.bytes, expected: malformed('malformed.several', 'public-key.json') },
    { name: 'more than is ever printed', bytes: Buffer.concat([key!.bytes, Buffer.alloc(65_536, ' ')]), expected: malformed('malformed.output-too-large') },
    { name: 'more than is taken', bytes: Buffer.concat([PDF, Buffer.alloc(2 * 1024 * 1024)]), expected: malformed('malformed.too-large') },
    { name: 'a private key', bytes: Buffer.from('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'), expected: malformed('malformed.private-key') },
    { name: 'a private key as JSON', bytes: Buffer.from('{"kty": "RSA", "n": "AA", "d": "AA"}'), expected: malformed('malformed.private-key') },
    { name: 'a certificate', bytes: Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'), expected: malformed('malformed.not-a-public-key') },
    { name: 'two public keys', bytes: Buffer.from(googleOutputs(APPLIED)['public-key.pem'] + googleOutputs(ANOTHER)['public-key.pem']), expected: malformed('malformed.not-a-public-key') },
    { name: 'damaged PEM', bytes: Buffer.from('-----BEGIN PUBLIC KEY-----\nAAAA\n'), expected: malformed('malformed.pem') },
  ]
  it.each(CASES)('ATT-5: refuses $name', ({ bytes, expected }) => {
    expect(rest(bytes)).toEqual(expected)
  })

  it('ATT-5: refuses more files than are taken', () => {
    expect(verdictOf(judge(Array.from({ length: 17 }, (_, index) => ({ name: `${index}`, bytes: PDF })), AWS))).toEqual({ malformed: '16', reason: 'malformed.too-many-files' })
  })

  it('ATT-5: nothing is judged before there is a file', () => {
    expect(cloudReport.begun({ files: [] } as unknown as Parameters<typeof cloudReport.begun>[0])).toBe(false)
  })

  /** One value somewhere in what a tool printed, replaced by one of another kind. */
  function disturb(json: unknown, next: () => number): unknown {
    if (typeof json === 'object' && json !== null && Object.keys(json).length > 0 && next() < 0.9) {
      const names = Object.keys(json)
      const name = names[Math.floor(next() * names.length)]!
      const inner = (json as Record<string, unknown>)[name]
      return Array.isArray(json) ? json.map((each, index) => (String(index) === name ? disturb(each, next) : (each as unknown))) : { ...json, [name]: disturb(inner, next) }
    }
    return [null, true, false, 0, -1, 1e300, '', 'x', [], {}, [[]], { value: [null] }][Math.floor(next() * 12)]
  }

  it('ATT-5: 600 damaged reports crash nothing and verify no other key', () => {
    const next = random(5)
    const sets = [printed(awsOutputs(APPLIED)), printed(googleOutputs(APPLIED)), printed(azureOutputs(APPLIED))]
    const tally = { verified: 0, refused: 0, malformed: 0 }
    for (let round = 0; round < 600; round++) {
      const files = sets[round % 3]!
      const which = Math.floor(next() * files.length)
      const damage = (bytes: Buffer) => (round % 2 === 0 || bytes[0] === 0x2d ? mutate(bytes, next) : Buffer.from(JSON.stringify(disturb(JSON.parse(bytes.toString()), next))))
      const report = judge(files.map((file, index) => (index === which ? { ...file, bytes: damage(file.bytes) } : file)), [AWS, GOOGLE, AZURE][round % 3]!)
      tally['verified' in report.verdict ? 'verified' : 'refused' in report.verdict ? 'refused' : 'malformed']++
    }
    expect(tally.refused).toBeGreaterThan(70)
    expect(tally.malformed).toBeGreaterThan(150)
    // Another key never passes, however its description is damaged.
    for (let round = 0; round < 100; round++) {
      const files = printed(azureOutputs(ANOTHER))
      expect(judge(files.map((file) => (file.name === 'key.json' ? { ...file, bytes: mutate(file.bytes, next) } : file)), AZURE).verdict).not.toHaveProperty('verified')
    }
  })
})
