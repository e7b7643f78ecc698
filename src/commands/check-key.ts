/**
 * `npm run check-key -- FILES [--json] [--public-key FILE] [--at DATE] [--language en|ja]`: "Check my key" without a portal. It needs no
 * database, no HSM and no start, and sends nothing anywhere; where DATA_DIR or DATABASE_URL has an instance, it judges as its page does. Exit code: 0 verified, 1 refused, 2 malformed files or wrong words.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { ConfigRefused, readConfig } from '../config.ts'
import { checkHere } from '../database/check-key-here.ts'
import { openDatabase } from '../database/database.ts'
import { isDemoHierarchy } from '../database/protection-store.ts'
import { checkKey, SHIPPED_TRUST, type KeyCheck } from '../key-protection/check-key.ts'
import { checkKeyJson, findingNames, type CheckKeyJson } from '../key-protection/check-key-json.ts'
import { DROPPED_LIMITS } from '../key-protection/dropped-files.ts'
import { readMoment } from '../key-protection/moment.ts'
import { loadPolicy, PolicyRefused, SHIPPED_POLICY, type Policy } from '../policy/policy.ts'
import { explain } from '../process.ts'
import { LANGUAGES, translate, type Language } from '../web/locales.ts'
import { hasDatabase } from './verdict.ts'
import { fromCaller, unread } from './words.ts'

class WrongWords extends Error {
  readonly #wrongWords = true
  static is(error: unknown): error is WrongWords {
    return typeof error === 'object' && error !== null && #wrongWords in error
  }
}

const OPTIONS = { json: { type: 'boolean' }, 'public-key': { type: 'string' }, at: { type: 'string' }, language: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const
const EXIT = { verified: 0, refused: 1, malformed: 2 } as const

function readWords() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true, strict: true })
  } catch (error) {
    throw new WrongWords((error as Error).message)
  }
}

/** At most one octet more than is taken: that is enough to refuse it. */
function readFile(path: string): { name: string; bytes: Buffer } {
  try {
    const descriptor = openSync(fromCaller('check-key', path), 'r')
    try {
      const bytes = Buffer.alloc(DROPPED_LIMITS.bytes + 1)
      let length = 0
      for (let read = -1; read !== 0 && length < bytes.length; length += read) read = readSync(descriptor, bytes, length, bytes.length - length, null)
      return { name: basename(path), bytes: bytes.subarray(0, length) }
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw new WrongWords(`${path}: ${unread(error)}`)
  }
}

function momentOf(text: string): Date {
  const moment = readMoment(text)
  if (!moment) throw new WrongWords(`--at is a date such as 2026-11-22, or a moment such as 2026-11-22T09:30:00Z; it is "${text}"`)
  return moment
}

function readLanguage(text: string): Language {
  const language = LANGUAGES.find((each) => each === text)
  if (!language) throw new WrongWords(`--language is one of ${LANGUAGES.join(', ')}; it is "${text}"`)
  return language
}

/**
 * As the instance in DATA_DIR or DATABASE_URL judges, with its demo makers, confirmed keys and lists of weak keys; by what ships alone where none
 * stands. Nothing is made or migrated here.
 */
async function judge(files: readonly { name: string; bytes: Buffer }[], at: Date, policy: Policy, language: Language): Promise<KeyCheck> {
  const alone = () => checkKey({ files, at, policy, trust: SHIPPED_TRUST })
  const { databaseUrl } = readConfig('command')
  if (!hasDatabase(databaseUrl)) return alone()
  const database = openDatabase(databaseUrl)
  try {
    // A database on a server stands before anything was started in it.
    if (!(await database.schema.hasTable('authorities'))) return alone()
    const demo = await isDemoHierarchy(database)
    const check = await checkHere({ policy, database, demoHierarchy: async () => demo }, files, at)
    if (demo) console.error(translate(language, 'check-key.text.demo-instance'))
    return check
  } catch (error) {
    console.error(translate(language, 'check-key.text.no-instance', { reason: explain(error) }))
    return alone()
  } finally {
    await database.destroy()
  }
}

/** The answer for people: the verdict with the failing rule and its fix first. */
function inText(answer: CheckKeyJson, names: readonly (keyof CheckKeyJson['findings'])[], language: Language): string {
  const t = (key: string) => translate(language, key)
  const label = (path: string) => t(`check-key.text.${path}`)
  const line = (name: string, text: string | null | undefined) => (text ? [`  ${label(name)}${text}`] : [])
  const { device, findings, keyRules, verdict, failed } = answer
  const leading = failed[0] ? findings[failed[0]]! : null
  const broken = keyRules.filter(({ outcome }) => outcome === 'fail')
  const mark = (outcome: 'pass' | 'fail') => (outcome === 'pass' ? label('pass') : label('fail'))
  return [
    `${label('verdict')}${t(`check-key.verdict.${verdict}`)}`,
    ...(leading ? [`  ${leading.question.text}`, ...line('file', leading.file), ...line('observed', leading.observed.text), ...line('expected', leading.expected.text), ...line('remedy', leading.remedy?.text)] : []),
    ...(broken.length > 0 ? ['', t('check-key.rules.broken'), ...broken.flatMap(({ rule, observed, remedy }) => [`  ${rule}: ${observed.text}`, ...line('remedy', remedy?.text)])] : []),
    ...(device
      ? [
          '',
          t(device.trusted ? 'check-key.device.title' : 'check-key.device.title-claimed'),
          `  ${device.maker} ${device.model.text}`,
          ...line('firmware', device.firmware),
          ...line('serial', device.serial),
          ...(device.formFactor ? [`  ${device.formFactor.text}`] : []),
          ...device.details.map((row) => `  ${row.label.text}: ${row.value.text}`),
        ]
      : []),
    ...(verdict === 'malformed' ? [] : ['', t('check-key.findings.title'), ...names.flatMap((name) => [`  ${mark(findings[name]!.outcome)} ${findings[name]!.question.text}`, `      ${findings[name]!.observed.text}`])]),
    ...(keyRules.length > 0 ? ['', t('check-key.rules.title'), ...keyRules.map(({ outcome, rule, title, observed }) => `  ${mark(outcome)} ${rule} ${title.text}: ${observed.text}`)] : []),
  ].join('\n')
}

async function main(): Promise<number> {
  const { values, positionals } = readWords()
  const language = readLanguage(values.language ?? 'en')
  if (values.help) {
    console.log(translate(language, 'check-key.usage'))
    return 0
  }
  const paths = [...positionals, ...(values['public-key'] === undefined ? [] : [values['public-key']])]
  if (paths.length === 0) throw new WrongWords(translate(language, 'check-key.usage'))
  const at = values.at === undefined ? new Date() : momentOf(values.at)
  const policy = loadPolicy(process.env['POLICY_FILE'] || SHIPPED_POLICY)
  const check = await judge(paths.map(readFile), at, policy, language)
  const answer = checkKeyJson(check, ({ key, values: filled }) => translate(language, key, filled))
  console.log(values.json ? JSON.stringify(answer, null, 2) : inText(answer, findingNames(check), language))
  return EXIT[check.verdict]
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!WrongWords.is(error) && !PolicyRefused.is(error) && !ConfigRefused.is(error)) throw error
  console.error(error.message)
  process.exitCode = 2
}
