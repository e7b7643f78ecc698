/** Reads the report of method 3 (`key-report.ts`) from foreign bytes. Strict; judges nothing. */
import { base64Octets, isObject, readJson, type Json, type JsonObject } from '../attestation/strict-json.ts'
import { MalformedStatement, say } from '../attestation/verifier.ts'
import { REPORT_FORMAT, REPORT_VERSION, REPORTED_ATTRIBUTES, type KeyReport, type ReportedAttributes } from './key-report.ts'

/** Octets of the one file. */
export const REPORT_LIMITS = { bytes: 16 * 1024, files: 1 } as const

export interface SignedKeyReport extends KeyReport {
  readonly signature: Buffer
}

const AREA = 'key-protection-prescribed-library.malformed'
/** An RSA-16384 signature. */
const SIGNATURE_MAX_BYTES = 2048

/** @throws MalformedStatement naming the file and the member */
export function readKeyReport({ name: file, bytes }: { readonly name: string; readonly bytes: Buffer }): SignedKeyReport {
  if (bytes.length > REPORT_LIMITS.bytes) throw new MalformedStatement(file, say(`${AREA}.too-large`, { kilobytes: String(REPORT_LIMITS.bytes / 1024) }))
  const wrong = (member: string): never => {
    throw new MalformedStatement(file, say(`${AREA}.member`, { member }))
  }
  const json = readJson(bytes, file)
  if (!isObject(json) || json.get('format') !== REPORT_FORMAT) throw new MalformedStatement(file, say(`${AREA}.not-a-report`))
  if (json.get('version') !== REPORT_VERSION) throw new MalformedStatement(file, say(`${AREA}.version`, { expected: String(REPORT_VERSION) }))

  const object = (value: Json | undefined, path: string, names: readonly string[]): JsonObject => {
    if (!isObject(value)) return wrong(path)
    // A member that is missing is found where it is read.
    const stranger = [...value.keys()].find((each) => !names.includes(each))
    return stranger === undefined ? value : wrong(path === '' ? stranger : `${path}.${stranger}`)
  }
  const text = (from: JsonObject, path: string, form: RegExp): string => {
    const value = from.get(path.split('.').at(-1)!)
    return typeof value === 'string' && form.test(value) ? value : wrong(path)
  }
  const octets = (from: JsonObject, path: string, maximum: number): Buffer => {
    const value = from.get(path.split('.').at(-1)!)
    const found = typeof value === 'string' && value.length <= maximum * 2 ? base64Octets(value, 'base64') : null
    return found && found.length <= maximum ? found : wrong(path)
  }
  const flags = (from: JsonObject): ReportedAttributes => {
    const flag = (name: string): boolean | null => {
      const value = from.get(name)!
      return value === null || typeof value === 'boolean' ? value : wrong(`key.attributes.${name}`)
    }
    return Object.fromEntries(REPORTED_ATTRIBUTES.map((name) => [name, flag(name)])) as ReportedAttributes
  }

  const root = object(json, '', ['format', 'version', 'challenge', 'library', 'generatedAt', 'module', 'token', 'key', 'signature'])
  const library = object(root.get('library'), 'library', ['name', 'version'])
  const module = object(root.get('module'), 'module', ['manufacturer', 'description', 'version', 'cryptokiVersion'])
  const token = object(root.get('token'), 'token', ['label', 'manufacturer', 'model', 'serialNumber', 'hardwareVersion', 'firmwareVersion'])
  const key = object(root.get('key'), 'key', ['label', 'id', 'mechanism', 'attributes', 'publicKey'])
  const attributes = object(key.get('attributes'), 'key.attributes', REPORTED_ATTRIBUTES)
  const mechanism = key.get('mechanism')!
  return {
    challenge: text(root, 'challenge', /^[0-9a-f]{64}$/),
    library: { name: text(library, 'library.name', /^[a-z0-9-]{1,64}$/), version: text(library, 'library.version', /^\d{1,4}\.\d{1,4}\.\d{1,4}$/) },
    generatedAt: instant(text(root, 'generatedAt', /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/)) ?? wrong('generatedAt'),
    module: {
      manufacturer: text(module, 'module.manufacturer', TOLD),
      description: text(module, 'module.description', TOLD),
      version: text(module, 'module.version', VERSION),
      cryptokiVersion: text(module, 'module.cryptokiVersion', VERSION),
    },
    token: {
      label: text(token, 'token.label', TOLD),
      manufacturer: text(token, 'token.manufacturer', TOLD),
      model: text(token, 'token.model', TOLD),
      serialNumber: text(token, 'token.serialNumber', TOLD),
      hardwareVersion: text(token, 'token.hardwareVersion', VERSION),
      firmwareVersion: text(token, 'token.firmwareVersion', VERSION),
    },
    key: {
      label: text(key, 'key.label', TOLD),
      id: text(key, 'key.id', /^([0-9a-f]{2}){1,32}$/),
      mechanism: mechanism === null || (typeof mechanism === 'number' && Number.isInteger(mechanism) && mechanism >= 0 && mechanism <= 0xffffffff) ? mechanism : wrong('key.mechanism'),
      attributes: flags(attributes),
      publicKey: octets(key, 'key.publicKey', 4096),
    },
    signature: octets(root, 'signature', SIGNATURE_MAX_BYTES),
  }
}

/** As `toldText` leaves it; empty where a module tells nothing. */
const TOLD = /^[^\p{C}\u2028\u2029\ufffd]{0,64}$/u
/** CK_VERSION: two octets. */
const VERSION = /^(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])\.(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$/

const instant = (text: string): string | null => {
  const time = Date.parse(text)
  return Number.isNaN(time) || new Date(time).toISOString() !== text.replace('Z', '.000Z') ? null : text
}
