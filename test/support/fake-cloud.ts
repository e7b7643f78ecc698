/** What the tools of AWS, Google Cloud and Azure print of one key and of its logging: the shapes are theirs, all names, numbers and keys are invented. */
import { createPublicKey } from 'node:crypto'
import { encodePem } from '../../src/pki/pem.ts'

export type Printed = Record<string, unknown>
/** File name to what the tool prints; null for a file that is not there. */
export type Outputs = Record<string, unknown>

const DAY = '2026-11-01'
export const TAKEN_ON = DAY
const ACCOUNT = '210987654321'
export const AWS_REGION = 'ap-northeast-1'
export const AWS_KEY = `arn:aws:kms:${AWS_REGION}:${ACCOUNT}:key/0f5b6c1e-7d2a-4c39-9a41-5e8b2d7f6a10`
export const AWS_TRAIL = `arn:aws:cloudtrail:${AWS_REGION}:${ACCOUNT}:trail/everything`
const SIGNING = ['RSASSA_PKCS1_V1_5_SHA_256', 'RSASSA_PKCS1_V1_5_SHA_384', 'RSASSA_PKCS1_V1_5_SHA_512', 'RSASSA_PSS_SHA_256', 'RSASSA_PSS_SHA_384', 'RSASSA_PSS_SHA_512']

export interface AwsOutputs {
  'describe-key.json': { KeyMetadata: Printed }
  'public-key.json': Printed
  'trails.json': { trailList: Printed[] }
  'event-selectors.json': { TrailARN: string; EventSelectors?: Printed[]; AdvancedEventSelectors?: Printed[] }
  'trail-status.json': Printed
}

/** As version 2 of the AWS CLI prints it: four spaces, times in ISO 8601. */
export const awsOutputs = (spki: Buffer): AwsOutputs => ({
  'describe-key.json': {
    KeyMetadata: {
      AWSAccountId: ACCOUNT,
      KeyId: AWS_KEY.split('/')[1]!,
      Arn: AWS_KEY,
      CreationDate: '2026-10-05T10:20:30.456000+09:00',
      Enabled: true,
      Description: 'code signing',
      KeyUsage: 'SIGN_VERIFY',
      KeyState: 'Enabled',
      Origin: 'AWS_KMS',
      KeyManager: 'CUSTOMER',
      CustomerMasterKeySpec: 'RSA_3072',
      KeySpec: 'RSA_3072',
      SigningAlgorithms: SIGNING,
      MultiRegion: false,
    },
  },
  'public-key.json': { KeyId: AWS_KEY, PublicKey: spki.toString('base64'), CustomerMasterKeySpec: 'RSA_3072', KeySpec: 'RSA_3072', KeyUsage: 'SIGN_VERIFY', SigningAlgorithms: SIGNING },
  'trails.json': {
    trailList: [
      { Name: 'other', S3BucketName: 'logs-of-others', IncludeGlobalServiceEvents: false, IsMultiRegionTrail: false, HomeRegion: 'eu-west-1', TrailARN: `arn:aws:cloudtrail:eu-west-1:${ACCOUNT}:trail/other`, LogFileValidationEnabled: false, HasCustomEventSelectors: false, HasInsightSelectors: false, IsOrganizationTrail: false },
      { Name: 'everything', S3BucketName: 'logs-of-signing', IncludeGlobalServiceEvents: true, IsMultiRegionTrail: true, HomeRegion: AWS_REGION, TrailARN: AWS_TRAIL, LogFileValidationEnabled: true, HasCustomEventSelectors: true, HasInsightSelectors: false, IsOrganizationTrail: false },
    ],
  },
  'event-selectors.json': { TrailARN: AWS_TRAIL, EventSelectors: [{ ReadWriteType: 'All', IncludeManagementEvents: true, DataResources: [], ExcludeManagementEventSources: [] }] },
  'trail-status.json': {
    IsLogging: true,
    LatestDeliveryTime: '2026-11-01T11:58:03.120000+09:00',
    StartLoggingTime: '2026-03-02T09:00:11.004000+09:00',
    LatestDigestDeliveryTime: '2026-11-01T11:20:44.871000+09:00',
    LatestDeliveryAttemptTime: '2026-11-01T02:58:03Z',
    LatestNotificationAttemptTime: '',
    LatestNotificationAttemptSucceeded: '',
    LatestDeliveryAttemptSucceeded: '2026-11-01T02:58:03Z',
    TimeLoggingStarted: '2026-03-02T00:00:11Z',
    TimeLoggingStopped: '',
  },
})

export const GOOGLE_LOCATION = 'asia-northeast1'
export const GOOGLE_KEY = `projects/sample-signing/locations/${GOOGLE_LOCATION}/keyRings/signing/cryptoKeys/releases`

export interface GoogleOutputs {
  'key-version.json': Printed
  'public-key.pem': string
  'audit-config.json': { auditConfigs: { service: string; auditLogConfigs: Printed[] }[] }
}

/** As gcloud prints it: members in the order of the alphabet, the statement of the module left out. */
export const googleOutputs = (spki: Buffer): GoogleOutputs => ({
  'key-version.json': {
    algorithm: 'RSA_SIGN_PKCS1_3072_SHA256',
    attestation: { format: 'CAVIUM_V2_COMPRESSED' },
    createTime: '2026-10-05T01:20:30.456789012Z',
    generateTime: '2026-10-05T01:20:31.987654321Z',
    name: `${GOOGLE_KEY}/cryptoKeyVersions/1`,
    protectionLevel: 'HSM',
    state: 'ENABLED',
  },
  'public-key.pem': encodePem('PUBLIC KEY', spki),
  'audit-config.json': {
    auditConfigs: [
      { auditLogConfigs: [{ logType: 'DATA_READ' }], service: 'storage.googleapis.com' },
      { auditLogConfigs: [{ logType: 'ADMIN_READ' }, { logType: 'DATA_READ' }, { logType: 'DATA_WRITE' }], service: 'cloudkms.googleapis.com' },
    ],
  },
})

export const AZURE_LOCATION = 'japaneast'
const SUBSCRIPTION = '/subscriptions/6d0b7a52-0c1f-4b8e-9a77-3f5f1c2d4e90/resourceGroups/signing'
export const AZURE_VAULT = `${SUBSCRIPTION}/providers/Microsoft.KeyVault/vaults/sample-signing`
export const AZURE_HSM = `${SUBSCRIPTION}/providers/Microsoft.KeyVault/managedHSMs/sample-hsm`
const VERSION = '4f1c0b9d8e7a465392817a6b5c4d3e2f'
export const azureKid = (managedHsm: boolean): string => (managedHsm ? `https://sample-hsm.managedhsm.azure.net/keys/releases/${VERSION}` : `https://sample-signing.vault.azure.net/keys/releases/${VERSION}`)

export interface AzureOutputs {
  'key.json': { attributes: Printed; key: Printed; managed: null; releasePolicy: unknown; tags: unknown }
  'vault.json': Printed & { properties: Printed & { sku?: Printed } }
  'diagnostics.json': (Printed & { logs: Printed[] })[]
  'key-log.json': Printed[]
}

/** As the Azure CLI prints it: the octets of the key in base64, unset members null. */
export function azureOutputs(spki: Buffer, managedHsm = false): AzureOutputs {
  const { n, e } = createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'jwk' })
  const base64 = (text: string | undefined) => Buffer.from(text!, 'base64url').toString('base64')
  const id = managedHsm ? AZURE_HSM : AZURE_VAULT
  return {
    'key.json': {
      attributes: { created: '2026-10-05T01:20:30+00:00', enabled: true, expires: null, exportable: false, hsmPlatform: managedHsm ? null : '2', notBefore: null, recoverableDays: 90, recoveryLevel: 'Recoverable', updated: '2026-10-05T01:20:30+00:00' },
      key: { crv: null, d: null, dp: null, dq: null, e: base64(e), k: null, keyOps: ['sign', 'verify'], kid: azureKid(managedHsm), kty: 'RSA-HSM', n: base64(n), p: null, q: null, qi: null, t: null, x: null, y: null },
      managed: null,
      releasePolicy: null,
      tags: null,
    },
    'vault.json': managedHsm
      ? { id, location: AZURE_LOCATION, name: 'sample-hsm', properties: { enablePurgeProtection: true, enableSoftDelete: true, hsmUri: 'https://sample-hsm.managedhsm.azure.net/', provisioningState: 'Succeeded', publicNetworkAccess: 'Enabled', softDeleteRetentionInDays: 90 }, resourceGroup: 'signing', sku: { family: 'B', name: 'Standard_B1' }, tags: {}, type: 'Microsoft.KeyVault/managedHSMs' }
      : { id, location: AZURE_LOCATION, name: 'sample-signing', properties: { enablePurgeProtection: true, enableRbacAuthorization: true, enableSoftDelete: true, provisioningState: 'Succeeded', publicNetworkAccess: 'Enabled', sku: { family: 'A', name: 'premium' }, softDeleteRetentionInDays: 90, vaultUri: 'https://sample-signing.vault.azure.net/' }, resourceGroup: 'signing', tags: {}, type: 'Microsoft.KeyVault/vaults' },
    'diagnostics.json': [
      {
        id: `${id.toLowerCase()}/providers/microsoft.insights/diagnosticSettings/audit`,
        logs: [
          { category: null, categoryGroup: 'audit', enabled: true, retentionPolicy: { days: 0, enabled: false } },
          { category: null, categoryGroup: 'allLogs', enabled: false, retentionPolicy: { days: 0, enabled: false } },
        ],
        metrics: [{ category: 'AllMetrics', enabled: false, retentionPolicy: { days: 0, enabled: false } }],
        name: 'audit',
        resourceGroup: 'signing',
        type: 'Microsoft.Insights/diagnosticSettings',
        workspaceId: `${SUBSCRIPTION}/providers/Microsoft.OperationalInsights/workspaces/security`,
      },
    ],
    'key-log.json': [{ OperationName: 'KeyCreate', ResultType: 'Success', TableName: 'PrimaryResult', TimeGenerated: '2026-10-05T01:20:30.8173244Z', httpStatusCode_d: '200', id_s: azureKid(managedHsm) }],
  }
}

/** The files as the tools write them; what is null or undefined is not there. */
export function printed(outputs: object): { name: string; bytes: Buffer }[] {
  return Object.entries(outputs as Outputs)
    .filter(([, output]) => output !== null && output !== undefined)
    .map(([name, output]) => ({ name, bytes: Buffer.from(typeof output === 'string' ? output : `${JSON.stringify(output, null, name in AWS_NAMES ? 4 : 2)}\n`) }))
}
const AWS_NAMES: Readonly<Record<string, true>> = { 'describe-key.json': true, 'public-key.json': true, 'trails.json': true, 'event-selectors.json': true, 'trail-status.json': true }
