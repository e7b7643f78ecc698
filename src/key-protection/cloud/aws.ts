/** AWS KMS, as the AWS CLI prints its key and CloudTrail its configuration. */
import { base64Octets, isObject, type Json } from '../../attestation/strict-json.ts'
import { say, type Check, type Message } from '../../attestation/verifier.ts'
import type { CloudFile } from './files.ts'
import { later, lineCheck, listOf, LOGGING_CLAUSE, member, missingOutput, momentOf, textOf, word } from './line.ts'
import { moduleChecks } from './module.ts'
import { AREA, type CloudAnswer, type CloudReader, type FoundOutputs } from './question.ts'
import { sameKeyCheck } from './same-key.ts'
import { stated } from './stated.ts'
import { trailCoverage } from './trail-coverage.ts'

const has = (file: CloudFile, name: string): boolean => isObject(file.json) && file.json.has(name)

const OUTPUTS = [
  { id: 'aws-key', command: 'aws kms describe-key --key-id KEY --output json > describe-key.json', is: (file: CloudFile) => has(file, 'KeyMetadata') },
  { id: 'aws-public-key', command: 'aws kms get-public-key --key-id KEY --output json > public-key.json', is: (file: CloudFile) => has(file, 'PublicKey') && has(file, 'KeyId') },
  { id: 'aws-trails', command: 'aws cloudtrail describe-trails --output json > trails.json', is: (file: CloudFile) => has(file, 'trailList') },
  {
    id: 'aws-selectors',
    command: 'aws cloudtrail get-event-selectors --trail-name TRAIL --output json > event-selectors.json',
    is: (file: CloudFile) => has(file, 'TrailARN') && (has(file, 'EventSelectors') || has(file, 'AdvancedEventSelectors')),
  },
  { id: 'aws-status', command: 'aws cloudtrail get-trail-status --name TRAIL --output json > trail-status.json', is: (file: CloudFile) => has(file, 'IsLogging') },
] as const

const commandOf = (id: (typeof OUTPUTS)[number]['id']): string => OUTPUTS.find((output) => output.id === id)!.command
const KMS_ORIGIN = 'https://docs.aws.amazon.com/kms/latest/APIReference/API_KeyMetadata.html'
const KMS_SECURITY = 'https://docs.aws.amazon.com/kms/latest/developerguide/data-protection.html'
const TRAIL_LOGGING = 'https://docs.aws.amazon.com/kms/latest/developerguide/logging-using-cloudtrail.html'

export const aws: CloudReader = {
  id: 'aws',
  outputs: OUTPUTS,
  examine(found, input): CloudAnswer {
    const file = (id: (typeof OUTPUTS)[number]['id']): CloudFile | undefined => found.get(id)?.[0]
    const key = file('aws-key')
    const publicKey = file('aws-public-key')
    const arn = arnOf(textOf(key?.json, 'KeyMetadata', 'Arn'))
    const described = publicKey ? base64Octets(textOf(publicKey.json, 'PublicKey') ?? '', 'base64') : null
    const module = moduleChecks(arn && !HSM_PARTITIONS.includes(arn.partition) ? `aws-kms (${arn.partition})` : 'aws-kms', described, input.at, input.policy)
    const noKey = [missingOutput(commandOf('aws-key'))]
    const noPublicKey = [missingOutput(commandOf('aws-public-key'))]
    const logging = loggingChecks(found, key, arn)
    return {
      checks: {
        'one-report': [...stated(input.region, arn?.region ?? null, key ?? null, 'KeyMetadata.Arn', commandOf('aws-key')), ...(key && publicKey ? [oneKeyCheck(key, publicKey)] : [])],
        'same-key': publicKey ? [sameKeyCheck(described, input.publicKeySpki, publicKey.name, commandOf('aws-public-key'))] : noPublicKey,
        'hardware-protected': key ? [originCheck(key, 'stays'), storeCheck(key), stateCheck(key)] : noKey,
        'certified-module': key ? (publicKey ? module.checks : noPublicKey) : noKey,
        'generated-inside': key ? [originCheck(key, 'made')] : noKey,
        'not-exportable': key ? [originCheck(key, 'kept')] : noKey,
        'signing-only': key ? [usageCheck(key)] : noKey,
        'everything-logged': logging.checks,
      },
      cautions: { 'certified-module': module.cautions, 'everything-logged': logging.cautions },
      about: arn ? [line('key', arn.text), line('account', arn.account), line('region', arn.region)] : [],
      created: momentOf(member(key?.json, 'KeyMetadata', 'CreationDate')),
      latest: later(momentOf(member(file('aws-status')?.json, 'LatestDeliveryTime')), momentOf(member(key?.json, 'KeyMetadata', 'CreationDate'))),
      lastLog: momentOf(member(file('aws-status')?.json, 'LatestDeliveryTime')),
    }
  },
}

const line = (label: string, text: string) => ({ label: say(`${AREA}.about.${label}`), value: say('key-protection.text', { text }) })

/** AWS in China runs other modules than those that the FIPS certificates are about. */
const HSM_PARTITIONS: readonly string[] = ['aws', 'aws-us-gov']

interface Arn {
  readonly text: string
  readonly partition: string
  readonly service: string
  readonly region: string
  readonly account: string
  readonly id: string
}

function arnOf(text: string | null): Arn | null {
  const parts = /^arn:(aws[a-z-]{0,20}):(kms|cloudtrail):([a-z0-9-]{1,30}):(\d{12}):((?:key|trail)\/[A-Za-z0-9._-]{1,128})$/.exec(text ?? '')
  return parts ? { text: parts[0], partition: parts[1]!, service: parts[2]!, region: parts[3]!, account: parts[4]!, id: parts[5]! } : null
}

/** The public key's file names the key by its ARN, that of an older CLI by its identifier alone. */
function oneKeyCheck(key: CloudFile, publicKey: CloudFile): Check {
  const named = textOf(publicKey.json, 'KeyId')
  const same = named !== null && (named === textOf(key.json, 'KeyMetadata', 'Arn') || named === textOf(key.json, 'KeyMetadata', 'KeyId'))
  return lineCheck(same, publicKey, 'KeyId', member(publicKey.json, 'KeyId'), 'other-key', 'one-key', {
    fix: 'run',
    command: commandOf('aws-public-key').replace('KEY', word(textOf(key.json, 'KeyMetadata', 'Arn'), 'KEY')),
    expectedValues: { key: textOf(key.json, 'KeyMetadata', 'Arn') ?? '–' },
  })
}

const newKey = (key: CloudFile): string =>
  `aws kms create-key --key-spec RSA_3072 --key-usage SIGN_VERIFY --origin AWS_KMS --region ${word(arnOf(textOf(key.json, 'KeyMetadata', 'Arn'))?.region ?? null, 'REGION')}`

/** One line answers three questions; key material of other origins is judged apart, by what each question asks. */
function originCheck(key: CloudFile, asked: 'stays' | 'made' | 'kept'): Check {
  const origin = textOf(key.json, 'KeyMetadata', 'Origin')
  // Imported material is in KMS's modules too; what it lacks is that it was made there, and nowhere else.
  const passes = origin === 'AWS_KMS' || (asked === 'stays' && origin === 'EXTERNAL')
  const reasons: Readonly<Record<string, string>> = { EXTERNAL: asked === 'kept' ? 'origin.copy-outside' : 'origin.imported', EXTERNAL_KEY_STORE: 'origin.external-store', AWS_CLOUDHSM: 'origin.cloudhsm' }
  return lineCheck(passes, key, 'KeyMetadata.Origin', member(key.json, 'KeyMetadata', 'Origin'), reasons[origin ?? ''] ?? 'origin.unknown', `aws.${asked}`, {
    fix: 'new-key',
    command: newKey(key),
    source: asked === 'kept' ? KMS_SECURITY : KMS_ORIGIN,
    clause: LOGGING_CLAUSE,
  })
}

function storeCheck(key: CloudFile): Check {
  const store = member(key.json, 'KeyMetadata', 'CustomKeyStoreId')
  return lineCheck(store === undefined, key, 'KeyMetadata.CustomKeyStoreId', store, 'origin.custom-store', 'aws.no-store', { fix: 'new-key', command: newKey(key), source: KMS_ORIGIN, clause: LOGGING_CLAUSE })
}

function stateCheck(key: CloudFile): Check {
  const state = member(key.json, 'KeyMetadata', 'KeyState')
  return lineCheck(state === 'Enabled', key, 'KeyMetadata.KeyState', state, 'state.not-usable', 'state', {
    fix: 'enable',
    command: `aws kms enable-key --key-id ${word(textOf(key.json, 'KeyMetadata', 'Arn'), 'KEY')}`,
    source: KMS_ORIGIN,
    expectedValues: { state: 'Enabled' },
  })
}

function usageCheck(key: CloudFile): Check {
  const usage = member(key.json, 'KeyMetadata', 'KeyUsage')
  return lineCheck(usage === 'SIGN_VERIFY', key, 'KeyMetadata.KeyUsage', usage, 'usage.other', 'usage', { fix: 'new-key', command: newKey(key), source: KMS_ORIGIN, expectedValues: { usage: 'SIGN_VERIFY' } })
}

/** CSBR 6.2.7.4.1 (2): all access, operations and configuration changes. */
function loggingChecks(found: FoundOutputs, key: CloudFile | undefined, arn: Arn | null): { checks: readonly Check[]; cautions: readonly Message[] } {
  const [trails, selectors, status] = (['aws-trails', 'aws-selectors', 'aws-status'] as const).map((id) => found.get(id)?.[0])
  const missing = [
    ...(key ? [] : [commandOf('aws-key')]),
    ...(trails ? [] : [commandOf('aws-trails')]),
    ...(selectors ? [] : [commandOf('aws-selectors')]),
    ...(status ? [] : [commandOf('aws-status')]),
  ].map((command) => missingOutput(command, LOGGING_CLAUSE))
  if (!key || !trails || !selectors || !status) return { checks: missing, cautions: [] }
  const rows = listOf(trails.json, 'trailList')
  const trailArn = textOf(selectors.json, 'TrailARN')
  const row = trailArn === null ? undefined : rows.find((each) => textOf(each, 'TrailARN') === trailArn)
  const name = word(trailArn, 'TRAIL')
  const base = { source: TRAIL_LOGGING, clause: LOGGING_CLAUSE }
  const foundCheck = lineCheck(row !== undefined, trails, 'trailList[].TrailARN', trailArn ?? undefined, rows.length === 0 ? 'trail.none' : 'trail.not-listed', 'trail.listed', {
    ...base,
    fix: rows.length === 0 ? 'trail-create' : 'run',
    command:
      rows.length === 0
        ? 'aws cloudtrail create-trail --name TRAIL --s3-bucket-name BUCKET --is-multi-region-trail && aws cloudtrail start-logging --name TRAIL'
        : 'aws cloudtrail describe-trails --output json > trails.json',
  })
  const coverage = trailCoverage(selectors.json)
  return {
    checks: [
      foundCheck,
      ...(row === undefined ? [] : trailChecks(trails, row, key, arn, name)),
      lineCheck(coverage.gap === null, selectors, listOf(selectors.json, 'AdvancedEventSelectors').length > 0 ? 'AdvancedEventSelectors' : 'EventSelectors', coverage.gap === null ? 'Management, All' : coverage.field, `selectors.${coverage.gap ?? 'whole'}`, 'selectors', {
        ...base,
        fix: 'trail-selectors',
        command: `aws cloudtrail put-event-selectors --trail-name ${name} --event-selectors '[{"ReadWriteType":"All","IncludeManagementEvents":true}]'`,
      }),
      ...statusChecks(status, name),
    ],
    cautions: [say(`${AREA}.caution.status-unnamed`, { file: status.name }), ...(row !== undefined && member(row, 'LogFileValidationEnabled') !== true ? [say(`${AREA}.caution.no-validation`, { trail: trailArn ?? '–' })] : [])],
  }
}

function trailChecks(trails: CloudFile, row: Json, key: CloudFile, arn: Arn | null, name: string): readonly Check[] {
  const multiRegion = member(row, 'IsMultiRegionTrail') === true
  const multiRegionKey = member(key.json, 'KeyMetadata', 'MultiRegion') === true
  const home = textOf(row, 'HomeRegion')
  const account = arnOf(textOf(row, 'TrailARN'))?.account ?? null
  const covers = multiRegion || (!multiRegionKey && arn !== null && home === arn.region)
  const base = { source: TRAIL_LOGGING, clause: LOGGING_CLAUSE }
  return [
    // A trail of the organisation's management account records all accounts of the organisation.
    lineCheck(arn !== null && (account === arn.account || member(row, 'IsOrganizationTrail') === true), trails, 'TrailARN', textOf(row, 'TrailARN') ?? undefined, 'trail.other-account', 'trail.account', {
      ...base,
      fix: 'run',
      command: 'aws cloudtrail describe-trails --output json > trails.json',
      expectedValues: { account: arn?.account ?? '–' },
    }),
    lineCheck(covers, trails, multiRegion || multiRegionKey ? 'IsMultiRegionTrail' : 'HomeRegion', multiRegion || multiRegionKey ? member(row, 'IsMultiRegionTrail') : member(row, 'HomeRegion'), multiRegionKey ? 'trail.not-all-regions' : 'trail.other-region', 'trail.region', {
      ...base,
      fix: 'trail-regions',
      command: `aws cloudtrail update-trail --name ${name} --is-multi-region-trail`,
      expectedValues: { region: arn?.region ?? '–' },
    }),
  ]
}

function statusChecks(status: CloudFile, name: string): readonly Check[] {
  const base = { source: 'https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html', clause: LOGGING_CLAUSE }
  const logging = member(status.json, 'IsLogging')
  const error = member(status.json, 'LatestDeliveryError')
  const delivered = member(status.json, 'LatestDeliveryTime')
  return [
    lineCheck(logging === true, status, 'IsLogging', logging, 'logging.off', 'logging.on', { ...base, fix: 'trail-start', command: `aws cloudtrail start-logging --name ${name}` }),
    lineCheck(error === undefined || error === '', status, 'LatestDeliveryError', error, 'logging.delivery-error', 'logging.delivers', { ...base, fix: 'trail-delivery', command: `aws cloudtrail get-trail-status --name ${name} --output json > trail-status.json` }),
    lineCheck(momentOf(delivered) !== null, status, 'LatestDeliveryTime', delivered, 'logging.never', 'logging.delivered', { ...base, fix: 'trail-delivery', command: `aws cloudtrail get-trail-status --name ${name} --output json > trail-status.json` }),
  ]
}

