/** Azure Key Vault (Premium) and Managed HSM, as the Azure CLI prints the key, its vault, the vault's diagnostic settings and the log of the key's creation. */
import { base64Octets, isObject, type Json } from '../../attestation/strict-json.ts'
import { say, type Check, type Message } from '../../attestation/verifier.ts'
import { bitString, integer, nullValue, oid, sequence } from '../../pki/der.ts'
import type { CloudFile } from './files.ts'
import { later, lineCheck, listOf, LOGGING_CLAUSE, member, missingOutput, momentOf, textOf, word } from './line.ts'
import { moduleChecks } from './module.ts'
import { AREA, type CloudAnswer, type CloudReader } from './question.ts'
import { sameKeyCheck } from './same-key.ts'
import { stated } from './stated.ts'

const isVault = (file: CloudFile): boolean => /^Microsoft\.KeyVault\/(vaults|managedHSMs)$/i.test(textOf(file.json, 'type') ?? '')
/** `az` prints some lists bare and some under `value`. */
const rowsOf = (json: Json | undefined): readonly Json[] => (Array.isArray(json) ? (json as readonly Json[]) : listOf(json, 'value'))
const isList = (json: Json | undefined): boolean => Array.isArray(json) || (isObject(json) && Array.isArray(json.get('value')))
const isLog = (row: Json): boolean => textOf(row, 'OperationName') !== null || textOf(row, 'operationName') !== null

/** Asks the log how versions of a key came about. */
export function creationQuery(kid: { readonly host: string; readonly key: string } | null): string {
  return `AzureDiagnostics | where OperationName in ('KeyCreate','KeyRotate','KeyImport','KeyRestore') and id_s startswith 'https://${kid ? `${word(kid.host, 'HOST')}/keys/${word(kid.key, 'KEY')}` : 'HOST/keys/KEY'}' | project TimeGenerated, OperationName, ResultType, httpStatusCode_d, id_s`
}

const OUTPUTS = [
  { id: 'azure-key', command: 'az keyvault key show --id KEY-URL --output json > key.json', is: (file: CloudFile) => textOf(file.json, 'key', 'kid') !== null },
  { id: 'azure-vault', command: 'az keyvault show --name VAULT --output json > vault.json', is: isVault },
  {
    id: 'azure-log',
    command: 'az monitor log-analytics query --workspace WORKSPACE-ID --output json --analytics-query "QUERY" > key-log.json'.replace('QUERY', creationQuery(null)),
    is: (file: CloudFile) => (isObject(file.json) && isLog(file.json)) || (isList(file.json) && rowsOf(file.json).length > 0 && rowsOf(file.json).every(isLog)),
  },
  {
    id: 'azure-diagnostics',
    command: 'az monitor diagnostic-settings list --resource VAULT-RESOURCE-ID --output json > diagnostics.json',
    // Without any setting the list is empty.
    is: (file: CloudFile) => isList(file.json) && !rowsOf(file.json).some(isLog),
  },
] as const

const KID = /^https:\/\/([a-z0-9-]{1,60})\.((?:vault|managedhsm)\.[a-z.]{5,40})\/keys\/([A-Za-z0-9-]{1,127})\/([0-9a-f]{32})$/
const KEYS = 'https://learn.microsoft.com/azure/key-vault/keys/about-keys-details'
const LOGS = 'https://learn.microsoft.com/azure/key-vault/general/logging'
const RELEASE = 'https://learn.microsoft.com/azure/key-vault/keys/about-keys-details#key-release-policy'
const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'

interface Kid {
  readonly text: string
  readonly name: string
  readonly host: string
  readonly key: string
  readonly managedHsm: boolean
}

function kidOf(file: CloudFile | undefined): Kid | null {
  const parts = KID.exec(textOf(file?.json, 'key', 'kid') ?? '')
  return parts ? { text: parts[0], name: parts[1]!, host: `${parts[1]}.${parts[2]}`, key: parts[3]!, managedHsm: parts[2]!.startsWith('managedhsm.') } : null
}

/** The command with the names of the file's own key in place of the words to fill in. */
function commandOf(id: (typeof OUTPUTS)[number]['id'], kid: Kid | null, vault?: CloudFile): string {
  const { command } = OUTPUTS.find((output) => output.id === id)!
  return command
    .replace('KEY-URL', word(kid?.text ?? null, 'KEY-URL'))
    .replace(/--name VAULT/, `${kid?.managedHsm ? '--hsm-name' : '--name'} ${word(kid?.name ?? null, 'VAULT')}`)
    .replace('VAULT-RESOURCE-ID', word(textOf(vault?.json, 'id'), 'VAULT-RESOURCE-ID'))
    .replace(creationQuery(null), creationQuery(kid))
}

export const azure: CloudReader = {
  id: 'azure',
  outputs: OUTPUTS,
  examine(found, input): CloudAnswer {
    const key = found.get('azure-key')?.[0]
    const vault = found.get('azure-vault')?.[0]
    const kid = kidOf(key)
    const described = key ? rsaKey(key) : null
    const platform = textOf(key?.json, 'attributes', 'hsmPlatform')
    const module = moduleChecks(kid?.managedHsm ? 'azure-managed-hsm' : `azure-hsm-platform-${platform ?? '?'}`, described, input.at, input.policy)
    const noKey = [missingOutput(commandOf('azure-key', null))]
    const noVault = [missingOutput(commandOf('azure-vault', kid))]
    const created = momentOf(member(key?.json, 'attributes', 'created'))
    return {
      checks: {
        'one-report': [
          ...stated(input.region, textOf(vault?.json, 'location'), vault ?? null, 'location', commandOf('azure-vault', kid)),
          ...(key && vault ? [oneVaultCheck(key, vault, kid)] : []),
        ],
        'same-key': key ? [sameKeyCheck(described, input.publicKeySpki, key.name, commandOf('azure-key', null))] : noKey,
        'hardware-protected': key ? [typeCheck(key, kid), ...(vault ? [skuCheck(vault)] : noVault), enabledCheck(key, kid)] : noKey,
        'certified-module': key ? [...(kid?.managedHsm ? [] : [platformCheck(key, kid)]), ...module.checks] : noKey,
        'generated-inside': key ? creationChecks(found.get('azure-log') ?? [], key, kid, created) : noKey,
        'not-exportable': key ? exportChecks(key, kid) : noKey,
        'signing-only': key ? [operationsCheck(key, kid)] : noKey,
        'everything-logged': vault ? loggingChecks(found.get('azure-diagnostics')?.[0], vault, kid) : noVault,
      },
      cautions: { 'certified-module': module.cautions, ...(kid?.managedHsm ? { 'generated-inside': [say(`${AREA}.caution.attestation`, { format: 'Managed HSM' })] } : {}) },
      about: kid ? [line('key', kid.text), ...(vault ? [line('region', textOf(vault.json, 'location') ?? '–'), line('resource', textOf(vault.json, 'id') ?? '–')] : [])] : [],
      created,
      latest: later(created, momentOf(member(key?.json, 'attributes', 'updated'))),
      lastLog: null,
    }
  },
}

const line = (label: string, text: string): { label: Message; value: Message } => ({ label: say(`${AREA}.about.${label}`), value: say('key-protection.text', { text }) })

/** The key of `n` and `e`, which the CLI prints in base64 and the service in base64url. Null for other kinds of key. */
function rsaKey(key: CloudFile): Buffer | null {
  const [n, e] = ['n', 'e'].map((name) => {
    const text = textOf(key.json, 'key', name) ?? ''
    return base64Octets(text, 'base64') ?? base64Octets(text, 'base64url')
  })
  if (!n || !e) return null
  const positive = (octets: Buffer) => integer(BigInt(`0x${octets.toString('hex')}`))
  return sequence(sequence(oid(RSA_ENCRYPTION), nullValue()), bitString(sequence(positive(n), positive(e))))
}

function oneVaultCheck(key: CloudFile, vault: CloudFile, kid: Kid | null): Check {
  const uri = textOf(vault.json, 'properties', 'vaultUri') ?? textOf(vault.json, 'properties', 'hsmUri')
  const same = kid !== null && uri !== null && uri.toLowerCase().replace(/\/$/, '') === `https://${kid.host}`
  return lineCheck(same, vault, kid?.managedHsm ? 'properties.hsmUri' : 'properties.vaultUri', uri ?? undefined, 'other-vault', 'one-vault', { fix: 'run', command: commandOf('azure-vault', kid), expectedValues: { host: kid?.host ?? textOf(key.json, 'key', 'kid') ?? '–' } })
}

const newKey = (kid: Kid | null): string =>
  `az keyvault key create ${kid?.managedHsm ? '--hsm-name' : '--vault-name'} ${word(kid?.name ?? null, 'VAULT')} --name NEW-KEY --kty RSA-HSM --size 3072 --ops sign verify`

function typeCheck(key: CloudFile, kid: Kid | null): Check {
  const type = member(key.json, 'key', 'kty')
  return lineCheck(type === 'RSA-HSM' || type === 'EC-HSM', key, 'key.kty', type, 'azure.software', 'azure.type', { fix: 'new-key', command: newKey(kid), source: KEYS, clause: LOGGING_CLAUSE })
}

/** A Standard vault has no modules at all. */
function skuCheck(vault: CloudFile): Check {
  const managedHsm = /managedHSMs$/i.test(textOf(vault.json, 'type') ?? '')
  const path = managedHsm ? ['sku', 'name'] : ['properties', 'sku', 'name']
  const sku = textOf(vault.json, ...path)
  return lineCheck(managedHsm ? sku !== null : sku?.toLowerCase() === 'premium', vault, path.join('.'), member(vault.json, ...path), 'azure.standard', 'azure.sku', {
    fix: 'azure-premium',
    command: `az keyvault update --name ${word(textOf(vault.json, 'name'), 'VAULT')} --set properties.sku.name=premium`,
    source: KEYS,
    clause: LOGGING_CLAUSE,
  })
}

function enabledCheck(key: CloudFile, kid: Kid | null): Check {
  const enabled = member(key.json, 'attributes', 'enabled')
  return lineCheck(enabled === true, key, 'attributes.enabled', enabled, 'state.not-usable', 'state', {
    fix: 'enable',
    command: `az keyvault key set-attributes --id ${word(kid?.text ?? null, 'KEY-URL')} --enabled true`,
    source: KEYS,
    expectedValues: { state: 'true' },
  })
}

/** Vaults run on two platforms; 0 is software. */
function platformCheck(key: CloudFile, kid: Kid | null): Check {
  const platform = member(key.json, 'attributes', 'hsmPlatform')
  const reason = platform === undefined || platform === null ? 'azure.platform-missing' : 'azure.platform-old'
  return lineCheck(platform === '2', key, 'attributes.hsmPlatform', platform, reason, 'azure.platform', {
    fix: reason === 'azure.platform-missing' ? 'azure-upgrade' : 'new-key',
    command: reason === 'azure.platform-missing' ? `az upgrade && ${commandOf('azure-key', kid)}` : newKey(kid),
    source: KEYS,
    clause: 'CSBR 6.2.7.4.1',
  })
}

/** A key that can be released carries a policy that says to whom; only such a key may be marked exportable. */
function exportChecks(key: CloudFile, kid: Kid | null): readonly Check[] {
  const attributes = member(key.json, 'attributes')
  const exportable = member(attributes, 'exportable')
  const policy = member(key.json, 'releasePolicy')
  const base = { source: RELEASE, clause: LOGGING_CLAUSE }
  const upgrade = { ...base, fix: 'azure-upgrade', command: `az upgrade && ${commandOf('azure-key', kid)}` }
  const renew = { ...base, fix: 'new-key', command: newKey(kid) }
  return [
    lineCheck(exportable === false || exportable === null, key, 'attributes.exportable', exportable, exportable === undefined ? 'azure.export-not-stated' : 'azure.exportable', 'azure.not-exportable', exportable === undefined ? upgrade : renew),
    lineCheck(policy === null, key, 'releasePolicy', policy, policy === undefined ? 'azure.export-not-stated' : 'azure.release-policy', 'azure.no-release', policy === undefined ? upgrade : renew),
  ]
}

function operationsCheck(key: CloudFile, kid: Kid | null): Check {
  const operations = member(key.json, 'key', 'keyOps') ?? member(key.json, 'key', 'key_ops')
  const named = Array.isArray(operations) ? (operations as readonly Json[]) : []
  const signs = named.includes('sign') && named.every((operation) => operation === 'sign' || operation === 'verify')
  return lineCheck(signs, key, 'key.keyOps', operations, 'usage.other', 'usage', {
    fix: 'azure-operations',
    command: `az keyvault key set-attributes --id ${word(kid?.text ?? null, 'KEY-URL')} --ops sign verify`,
    source: KEYS,
    expectedValues: { usage: 'sign, verify' },
  })
}

/** The clocks of the vault and of its log may differ by so much. */
const SAME_MOMENT = 5 * 60 * 1000

interface Operation {
  readonly name: string
  readonly id: string
  readonly at: Date | null
  readonly succeeded: boolean
}

/** A row as a query of Log Analytics prints it, or a record as a storage account keeps it. */
function operationOf(row: Json): Operation {
  const first = (...found: readonly (string | null)[]) => found.find((text) => text !== null) ?? ''
  const status = member(row, 'httpStatusCode_d') ?? member(row, 'HttpStatusCode') ?? member(row, 'properties', 'httpStatusCode')
  return {
    name: first(textOf(row, 'OperationName'), textOf(row, 'operationName')),
    id: first(textOf(row, 'id_s'), textOf(row, 'Id'), textOf(row, 'properties', 'id')),
    at: momentOf(member(row, 'TimeGenerated') ?? member(row, 'time')),
    // The service calls a request that was refused a success as well: what counts is the status.
    succeeded: first(textOf(row, 'ResultType'), textOf(row, 'resultType')) === 'Success' && (status === undefined || /^200(\.0+)?$/.test(String(status))),
  }
}

/**
 * Azure's description of a key does not say where it was made, so the log has to: absence of a mark would permit nothing.
 * The log names the version, or the key alone; then the moment tells which version.
 */
function creationChecks(files: readonly CloudFile[], key: CloudFile, kid: Kid | null, created: Date | null): readonly Check[] {
  const command = commandOf('azure-log', kid)
  if (files.length === 0) return [missingOutput(command, LOGGING_CLAUSE)]
  const isOurs = ({ id, at, succeeded }: Operation): boolean => {
    if (!kid || !succeeded) return false
    if (id.toLowerCase() === kid.text.toLowerCase()) return true
    const sameKey = id.toLowerCase() === `https://${kid.host}/keys/${kid.key}`.toLowerCase()
    return sameKey && at !== null && created !== null && Math.abs(at.getTime() - created.getTime()) <= SAME_MOMENT
  }
  const operations = files.flatMap((file) => (isObject(file.json) && isLog(file.json) ? [file.json] : rowsOf(file.json)).map(operationOf).filter(isOurs).map((operation) => ({ file, operation })))
  const brought = operations.find(({ operation }) => operation.name === 'KeyImport' || operation.name === 'KeyRestore')
  const made = operations.find(({ operation }) => operation.name === 'KeyCreate' || operation.name === 'KeyRotate')
  const { file, operation } = brought ?? made ?? { file: files[0]!, operation: null }
  const base = { source: LOGS, clause: LOGGING_CLAUSE, values: { created: created?.toISOString() ?? shownKid(key) } }
  return [
    lineCheck(brought === undefined && made !== undefined, file, 'OperationName', operation?.name, brought ? 'origin.imported' : 'azure.creation-not-logged', 'azure.creation', {
      ...base,
      fix: brought ? 'new-key' : 'azure-creation',
      command: brought ? newKey(kid) : command,
    }),
  ]
}

const shownKid = (key: CloudFile): string => textOf(key.json, 'key', 'kid') ?? '–'

const SINKS = ['workspaceId', 'storageAccountId', 'eventHubAuthorizationRuleId', 'marketplacePartnerId'] as const

/** One setting must send the audit events of this vault somewhere. */
function loggingChecks(diagnostics: CloudFile | undefined, vault: CloudFile, kid: Kid | null): readonly Check[] {
  if (!diagnostics) return [missingOutput(commandOf('azure-diagnostics', kid, vault), LOGGING_CLAUSE)]
  const settings = rowsOf(diagnostics.json)
  const vaultId = textOf(vault.json, 'id')?.toLowerCase() ?? null
  const ofVault = settings.filter((setting) => vaultId !== null && (textOf(setting, 'id')?.toLowerCase().startsWith(`${vaultId}/providers/microsoft.insights/`) ?? false))
  const recording = ofVault.filter((setting) => logsOf(setting).some(isAudit))
  const sending = recording.filter((setting) => SINKS.some((sink) => sinkOf(setting, sink) !== null))
  const reason = settings.length === 0 ? 'diagnostics.none' : ofVault.length === 0 ? 'diagnostics.other-vault' : recording.length === 0 ? 'diagnostics.no-audit' : 'diagnostics.no-sink'
  const passes = sending.length > 0
  const seen = sending[0] ?? recording[0] ?? ofVault[0] ?? settings[0]
  const path = reason === 'diagnostics.no-audit' ? 'logs' : reason === 'diagnostics.no-sink' && !passes ? SINKS[0] : 'id'
  const value = path === 'logs' ? shownLogs(seen) : path === 'id' ? textOf(seen, 'id') ?? undefined : undefined
  return [
    lineCheck(passes, diagnostics, path, value, reason, 'diagnostics', {
      fix: 'azure-diagnostics',
      command: `az monitor diagnostic-settings create --name audit --resource ${word(textOf(vault.json, 'id'), 'VAULT-RESOURCE-ID')} --logs '[{"categoryGroup":"audit","enabled":true}]' --workspace WORKSPACE`,
      source: LOGS,
      clause: LOGGING_CLAUSE,
    }),
  ]
}

/** Older versions of the CLI put the setting's members under `properties`. */
const logsOf = (setting: Json): readonly Json[] => [...listOf(setting, 'logs'), ...listOf(setting, 'properties', 'logs')]
const sinkOf = (setting: Json, sink: string): string | null => textOf(setting, sink) ?? textOf(setting, 'properties', sink)
const isAudit = (log: Json): boolean => member(log, 'enabled') === true && (textOf(log, 'category') === 'AuditEvent' || ['audit', 'alllogs'].includes(textOf(log, 'categoryGroup')?.toLowerCase() ?? ''))
const shownLogs = (setting: Json | undefined): string => (setting === undefined ? '–' : logsOf(setting).map((log) => `${textOf(log, 'category') ?? textOf(log, 'categoryGroup') ?? '?'}: ${String(member(log, 'enabled'))}`).join(', ') || '–')
