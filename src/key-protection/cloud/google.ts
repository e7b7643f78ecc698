/** Google Cloud KMS, as gcloud prints a key version, its public key, and what a project's audit configuration records. */
import { isObject } from '../../attestation/strict-json.ts'
import { say, type Check } from '../../attestation/verifier.ts'
import { readPem } from '../../pki/pem.ts'
import type { CloudFile } from './files.ts'
import { later, lineCheck, listOf, LOGGING_CLAUSE, member, missingOutput, momentOf, textOf, textsOf, word } from './line.ts'
import { moduleChecks } from './module.ts'
import { AREA, type CloudAnswer, type CloudReader } from './question.ts'
import { sameKeyCheck } from './same-key.ts'
import { stated } from './stated.ts'

const has = (file: CloudFile, name: string): boolean => isObject(file.json) && file.json.has(name)

const OUTPUTS = [
  {
    id: 'google-version',
    command: 'gcloud kms keys versions describe VERSION --key KEY --keyring RING --location LOCATION --format=json > key-version.json',
    is: (file: CloudFile) => VERSION.test(textOf(file.json, 'name') ?? '') && has(file, 'algorithm') && !has(file, 'pem'),
  },
  {
    id: 'google-public-key',
    command: 'gcloud kms keys versions get-public-key VERSION --key KEY --keyring RING --location LOCATION --output-file=public-key.pem',
    is: (file: CloudFile) => file.spki !== undefined || has(file, 'pem'),
  },
  {
    id: 'google-key',
    command: 'gcloud kms keys describe KEY --keyring RING --location LOCATION --format=json > key.json',
    is: (file: CloudFile) => KEY.test(textOf(file.json, 'name') ?? '') && has(file, 'purpose'),
  },
  {
    id: 'google-audit',
    command: 'gcloud projects get-iam-policy PROJECT --format="json(auditConfigs)" > audit-config.json',
    // Without any configuration gcloud prints an empty object, or nothing but null.
    is: (file: CloudFile) => has(file, 'auditConfigs') || (has(file, 'bindings') && has(file, 'etag')) || file.json === null || (isObject(file.json) && file.json.size === 0),
  },
] as const

const PART = '[A-Za-z0-9_.:-]{1,100}'
const KEY = new RegExp(`^projects/(${PART})/locations/(${PART})/keyRings/(${PART})/cryptoKeys/(${PART})$`)
const VERSION = new RegExp(`^projects/(${PART})/locations/(${PART})/keyRings/(${PART})/cryptoKeys/(${PART})/cryptoKeyVersions/(\\d{1,9})$`)
const ATTESTATION = 'https://cloud.google.com/kms/docs/attest-key'
const LEVELS = 'https://cloud.google.com/docs/security/cloud-hsm-architecture'
const AUDIT = 'https://cloud.google.com/kms/docs/audit-logging'
const VERSIONS = 'https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys.cryptoKeyVersions'
/** Both run on the same modules; single-tenant keys have a partition of their own. */
const HSM_LEVELS: readonly string[] = ['HSM', 'HSM_SINGLE_TENANT']
/** What Cloud Audit Logs call reading of configuration, reading with a key, and use of a key. Changes of configuration are always recorded. */
const LOG_TYPES = ['ADMIN_READ', 'DATA_READ', 'DATA_WRITE'] as const

interface Place {
  readonly project: string
  readonly location: string
  readonly ring: string
  readonly key: string
  readonly version: string
}

function placeOf(file: CloudFile | undefined): Place | null {
  const parts = VERSION.exec(textOf(file?.json, 'name') ?? '')
  return parts ? { project: parts[1]!, location: parts[2]!, ring: parts[3]!, key: parts[4]!, version: parts[5]! } : null
}

/** The command with the names of the file's own key in place of the words to fill in. */
function commandOf(id: (typeof OUTPUTS)[number]['id'], place: Place | null): string {
  const { command } = OUTPUTS.find((output) => output.id === id)!
  if (!place) return command
  return command
    .replace('VERSION', word(place.version, 'VERSION'))
    .replace('--key KEY', `--key ${word(place.key, 'KEY')}`)
    .replace('RING', word(place.ring, 'RING'))
    .replace('LOCATION', word(place.location, 'LOCATION'))
    .replace('PROJECT', word(place.project, 'PROJECT'))
}

export const google: CloudReader = {
  id: 'google',
  outputs: OUTPUTS,
  examine(found, input): CloudAnswer {
    const version = found.get('google-version')?.[0]
    const publicKey = found.get('google-public-key')?.[0]
    const key = found.get('google-key')?.[0]
    const place = placeOf(version)
    const described = publicKey ? (publicKey.spki ?? pemOctets(textOf(publicKey.json, 'pem'))) : null
    const module = moduleChecks('google-cloud-hsm', described, input.at, input.policy)
    const noVersion = [missingOutput(commandOf('google-version', null))]
    const noPublicKey = [missingOutput(commandOf('google-public-key', place))]
    const attested = textOf(version?.json, 'attestation', 'format')
    return {
      checks: {
        'one-report': [
          ...stated(input.region, place?.location ?? null, version ?? null, 'name', commandOf('google-version', null)),
          ...(version && publicKey?.json !== undefined ? [oneKeyCheck(version, publicKey, textOf(publicKey.json, 'name') === textOf(version.json, 'name'), commandOf('google-public-key', place))] : []),
          ...(version && key ? [oneKeyCheck(version, key, (textOf(version.json, 'name') ?? '').startsWith(`${textOf(key.json, 'name')}/cryptoKeyVersions/`), commandOf('google-key', place))] : []),
        ],
        'same-key': publicKey ? [sameKeyCheck(described, input.publicKeySpki, publicKey.name, commandOf('google-public-key', place))] : noPublicKey,
        'hardware-protected': version ? [levelCheck(version, place), stateCheck(version, place)] : noVersion,
        'certified-module': version ? (publicKey ? module.checks : noPublicKey) : noVersion,
        'generated-inside': version ? originChecks(version, place, 'origin.imported') : noVersion,
        'not-exportable': version ? [levelCheck(version, place, 'google.kept'), ...originChecks(version, place, 'origin.copy-outside').slice(0, 1)] : noVersion,
        'signing-only': version ? [algorithmCheck(version, place), ...(key ? [purposeCheck(key, place)] : [])] : noVersion,
        'everything-logged': loggingChecks(found.get('google-audit') ?? [], place),
      },
      cautions: {
        ...(publicKey && publicKey.json === undefined ? { 'same-key': [say(`${AREA}.caution.key-unnamed`, { file: publicKey.name })] } : {}),
        'certified-module': module.cautions,
        ...(attested ? { 'generated-inside': [say(`${AREA}.caution.attestation`, { format: attested })] } : {}),
        'everything-logged': [say(`${AREA}.caution.audit-unnamed`)],
      },
      about: place ? [line('key', `${place.ring}/${place.key}/${place.version}`), line('project', place.project), line('region', place.location)] : [],
      created: momentOf(member(version?.json, 'createTime')),
      latest: later(momentOf(member(version?.json, 'createTime')), momentOf(member(version?.json, 'generateTime'))),
      lastLog: null,
    }
  },
}

const line = (label: string, text: string) => ({ label: say(`${AREA}.about.${label}`), value: say('key-protection.text', { text }) })

function pemOctets(pem: string | null): Buffer | null {
  const blocks = readPem(pem ?? '')
  return blocks?.length === 1 && blocks[0]!.label === 'PUBLIC KEY' ? blocks[0]!.der : null
}

function oneKeyCheck(version: CloudFile, other: CloudFile, same: boolean, command: string): Check {
  return lineCheck(same, other, 'name', member(other.json, 'name'), 'other-key', 'one-key', { fix: 'run', command, expectedValues: { key: textOf(version.json, 'name') ?? '–' } })
}

const newKey = (place: Place | null): string =>
  `gcloud kms keys create NEW-KEY --keyring ${word(place?.ring ?? null, 'RING')} --location ${word(place?.location ?? null, 'LOCATION')} --purpose asymmetric-signing --default-algorithm rsa-sign-pkcs1-3072-sha256 --protection-level hsm`

function levelCheck(version: CloudFile, place: Place | null, expected = 'google.level'): Check {
  const level = textOf(version.json, 'protectionLevel')
  const reason = level === 'SOFTWARE' ? 'google.software' : level?.startsWith('EXTERNAL') ? 'google.external' : 'google.level-unknown'
  return lineCheck(level !== null && HSM_LEVELS.includes(level), version, 'protectionLevel', member(version.json, 'protectionLevel'), reason, expected, { fix: 'new-key', command: newKey(place), source: LEVELS, clause: LOGGING_CLAUSE })
}

function stateCheck(version: CloudFile, place: Place | null): Check {
  const state = member(version.json, 'state')
  return lineCheck(state === 'ENABLED', version, 'state', state, 'state.not-usable', 'state', {
    fix: 'enable',
    command: `gcloud kms keys versions enable ${word(place?.version ?? null, 'VERSION')} --key ${word(place?.key ?? null, 'KEY')} --keyring ${word(place?.ring ?? null, 'RING')} --location ${word(place?.location ?? null, 'LOCATION')}`,
    source: VERSIONS,
    expectedValues: { state: 'ENABLED' },
  })
}

/** An imported version names its import job and time, and can be imported again; one made by the service says when it was generated. */
function originChecks(version: CloudFile, place: Place | null, imported: string): readonly Check[] {
  const marks = ['importJob', 'importTime', 'reimportEligible'].filter((name) => has(version, name) && member(version.json, name) !== false)
  const mark = marks[0] ?? 'importJob'
  const generated = member(version.json, 'generateTime')
  const base = { fix: 'new-key', command: newKey(place), source: VERSIONS, clause: LOGGING_CLAUSE }
  return [
    lineCheck(marks.length === 0, version, mark, member(version.json, mark), imported, 'google.not-imported', base),
    lineCheck(momentOf(generated) !== null, version, 'generateTime', generated, 'google.not-generated', 'google.generated', { ...base, source: ATTESTATION }),
  ]
}

function algorithmCheck(version: CloudFile, place: Place | null): Check {
  const algorithm = textOf(version.json, 'algorithm')
  return lineCheck(/^(RSA|EC)_SIGN_/.test(algorithm ?? ''), version, 'algorithm', member(version.json, 'algorithm'), 'usage.other', 'usage', { fix: 'new-key', command: newKey(place), source: VERSIONS, expectedValues: { usage: 'RSA_SIGN_…' } })
}

function purposeCheck(key: CloudFile, place: Place | null): Check {
  const purpose = member(key.json, 'purpose')
  return lineCheck(purpose === 'ASYMMETRIC_SIGN', key, 'purpose', purpose, 'usage.other', 'usage', { fix: 'new-key', command: newKey(place), source: VERSIONS, expectedValues: { usage: 'ASYMMETRIC_SIGN' } })
}

interface LogType {
  /** In which file it is on; null where none has it. */
  readonly file: CloudFile | null
  readonly exempted: readonly string[]
}

/** A project's own configuration and those of its folder and organisation count together: what any of them records is recorded, whom any exempts is exempt. */
function logType(files: readonly CloudFile[], type: string): LogType {
  const settings = files.flatMap((file) =>
    listOf(file.json, 'auditConfigs')
      .filter((config) => ['cloudkms.googleapis.com', 'allServices'].includes(textOf(config, 'service') ?? ''))
      .flatMap((config) => listOf(config, 'auditLogConfigs'))
      .filter((config) => textOf(config, 'logType') === type)
      .map((config) => ({ file, exempted: textsOf(config, 'exemptedMembers') })),
  )
  return { file: settings[0]?.file ?? null, exempted: settings.flatMap(({ exempted }) => exempted) }
}

function loggingChecks(files: readonly CloudFile[], place: Place | null): readonly Check[] {
  if (files.length === 0) return [missingOutput(commandOf('google-audit', place), LOGGING_CLAUSE)]
  const command = `gcloud projects get-iam-policy ${word(place?.project ?? null, 'PROJECT')} --format=json > policy.json && gcloud projects set-iam-policy ${word(place?.project ?? null, 'PROJECT')} policy.json`
  return LOG_TYPES.map((type): Check => {
    const { file, exempted } = logType(files, type)
    const on = file ?? files[0]!
    return lineCheck(file !== null && exempted.length === 0, on, `auditConfigs[].auditLogConfigs[].logType`, file === null ? undefined : type, file === null ? 'google.log-missing' : 'google.log-exempts', 'google.log', {
      fix: 'google-audit',
      command,
      source: AUDIT,
      clause: LOGGING_CLAUSE,
      values: { type, members: exempted.join(', ') },
      expectedValues: { type },
    })
  })
}
