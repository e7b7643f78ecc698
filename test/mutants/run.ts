/**
 * `npm run test:mutants`: changes one thing in the code that judges keys, many times over, and sees whether a test fails. A change that
 * no test notices is a rule that no test holds.
 */
import { fork } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { random } from '../support/mutate.ts'
import { mutateSource, type Mutant } from './mutate-source.ts'
import type { Plan, Told } from './session.ts'

const USAGE = 'usage: npm run test:mutants -- [--only PATH …] [--sample N] [--seed S] [--static N] [--json FILE]'

/** What is mutated, and the tests that answer for it: by their names, since every test of a verdict loads every maker. */
const GROUPS: readonly { readonly mutated: string; readonly tests: RegExp }[] = [
  { mutated: 'attestations/azure-managed-hsm/', tests: /^test\/attestation\/(azure|marvell|whole)/ },
  { mutated: 'attestations/entrust-nshield/', tests: /^test\/attestation\/(nshield|whole)/ },
  { mutated: 'attestations/fortanix-dsm/', tests: /^test\/attestation\/(fortanix|whole)/ },
  { mutated: 'attestations/google-cloud-hsm/', tests: /^test\/attestation\/(google|marvell|whole)/ },
  { mutated: 'attestations/marvell/', tests: /^test\/attestation\/(azure|google|marvell|whole)/ },
  { mutated: 'attestations/rats-pkix/', tests: /^test\/attestation\/(rats|whole)/ },
  { mutated: 'attestations/securosys-primus/', tests: /^test\/attestation\/(securosys|whole)/ },
  { mutated: 'attestations/thales-luna/', tests: /^test\/attestation\/(luna|whole)/ },
  { mutated: 'attestations/tpm2/', tests: /^test\/attestation\/(tpm2|whole)/ },
  { mutated: 'attestations/yubihsm2/', tests: /^test\/attestation\/(yubihsm2|whole)/ },
  { mutated: 'attestations/yubikey-piv/', tests: /^test\/attestation\/(yubikey|demo|whole)/ },
  { mutated: 'src/attestation/', tests: /^test\/attestation\// },
  { mutated: 'src/key-protection/', tests: /^test\/key-protection\// },
  { mutated: 'src/pki/private-key.ts', tests: /^test\/(pki\/private-key|key-protection\/check-key)/ },
]
/** Chance finds much; a rule should have a test that says which. */
const NOT_ASKED = /fuzz|-words\.test/
/** Without a word for so long a session hangs in a mutant. */
const SILENCE_MS = 60_000

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const { values: options } = parseArgs({
  options: { only: { type: 'string', multiple: true }, sample: { type: 'string' }, seed: { type: 'string', default: '1' }, static: { type: 'string', default: '1000000' }, json: { type: 'string' }, help: { type: 'boolean' } },
})

const filesBelow = (folder: string, ending: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => `${entry.parentPath.slice(ROOT.length)}/${entry.name}`)
    .sort()

/** A copy of the project in which every mutant stands behind a switch, and the tests take their words from the runner. */
function copyProject(folder: string, chosen: (file: string) => boolean): Mutant[] {
  rmSync(folder, { recursive: true, force: true })
  const copy = join(folder, 'main')
  mkdirSync(copy, { recursive: true })
  for (const part of ['src', 'attestations', 'test', 'views', 'migrations', 'package.json', 'tsconfig.json', 'README.md']) cpSync(join(ROOT, part), join(copy, part), { recursive: true })
  symlinkSync(realpathSync(join(ROOT, 'node_modules')), join(copy, 'node_modules'))
  const shared = resolve(ROOT, '../shared')
  if (existsSync(shared)) symlinkSync(realpathSync(shared), join(folder, 'shared'))
  const mutants: Mutant[] = []
  for (const file of GROUPS.flatMap(({ mutated }) => filesBelow(dirname(`${mutated}-`), '.ts').filter((file) => file.startsWith(mutated)))) {
    const made = mutateSource(readFileSync(join(copy, file), 'utf8'), file, mutants.length)
    mutants.push(...made.mutants)
    if (chosen(file)) writeFileSync(join(copy, file), made.text)
  }
  const words = join(copy, 'test/mutants/vitest-in-process.ts')
  for (const file of filesBelow('test', '.ts').filter((each) => !each.startsWith('test/mutants/'))) {
    const text = readFileSync(join(copy, file), 'utf8')
    if (text.includes("from 'vitest'")) writeFileSync(join(copy, file), text.replaceAll("from 'vitest'", `from '${words}'`))
  }
  return mutants
}

/** Runs a session to its end, or to the mutant in which it hangs or dies. Answers the mutant at which the next one goes on. */
function session(folder: string, plan: Plan, tell: (told: Told) => void): Promise<{ hung: number | null; spoilt: number | null }> {
  return new Promise((done) => {
    const child = fork(join(folder, 'main/test/mutants/session.ts'), { execArgv: ['--import', import.meta.resolve('tsx')], cwd: join(folder, 'main'), stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let [current, spoilt, finished, errors] = [plan.whole, null as number | null, false, '']
    let silence = setTimeout(() => child.kill('SIGKILL'), 10 * SILENCE_MS)
    child.stderr!.on('data', (data: Buffer) => (errors = `${errors}${data}`.slice(-2000)))
    child.on('message', (told: Told) => {
      clearTimeout(silence)
      silence = setTimeout(() => child.kill('SIGKILL'), plan.whole === null && current === null ? 10 * SILENCE_MS : SILENCE_MS)
      if ('begin' in told) current = told.begin
      if ('spoilt' in told) spoilt = told.spoilt
      if ('done' in told) finished = true
      tell(told)
    })
    child.on('exit', () => {
      clearTimeout(silence)
      if (!finished && current === null) throw new Error(`the tests don't load:\n${errors}`)
      done({ hung: finished ? null : current, spoilt })
    })
    child.send(plan)
  })
}

/** N of them, the same for a seed. */
function sampled<T>(all: readonly T[], count: number, seed: number): T[] {
  const next = random(seed)
  return all.map((each) => ({ each, by: next() })).sort((one, other) => one.by - other.by).slice(0, count).map(({ each }) => each)
}

async function run(): Promise<void> {
  const only = options.only ?? []
  const chosen = (file: string): boolean => only.length === 0 || only.some((part) => file.startsWith(part))
  const folder = join(resolve(process.env['DATA_DIR'] ?? 'var'), 'mutants')
  const all = copyProject(folder, chosen)
  const these = all.filter(({ file }) => chosen(file))
  const mutants = options.sample === undefined ? these : sampled(these, Number(options.sample), Number(options.seed))
  if (mutants.length === 0) throw new Error(USAGE)
  const allTests = filesBelow('test', '.test.ts').filter((file) => !NOT_ASKED.test(file))
  const testsOf = (file: string): string[] => {
    const { tests } = GROUPS.find(({ mutated }) => file.startsWith(mutated))!
    return allTests.filter((each) => tests.test(each))
  }
  const keys = join(folder, '..', 'mutant-keys.json')
  const results = new Map<number, { outcome: string; by: string | null }>()
  console.log(`${these.length} mutants in ${new Set(these.map(({ file }) => file)).size} files; ${mutants.length} of them are tried`)

  const tell = (told: Told): void => {
    if ('ready' in told) console.log(`  ${told.ready.tests} tests${told.ready.failing.length > 0 ? `; failing without any mutant, left out: ${told.ready.failing.join('; ')}` : ''}${told.ready.slow.length > 0 ? `; too slow, left out: ${told.ready.slow.join('; ')}` : ''}`)
    if ('result' in told) results.set(told.result.id, told.result)
  }
  for (const { mutated } of GROUPS) {
    let left = mutants.filter(({ file }) => file.startsWith(mutated)).map(({ id }) => id)
    if (left.length > 0) console.log(`${mutated}: ${left.length} mutants`)
    while (left.length > 0) {
      const { hung, spoilt } = await session(folder, { tests: testsOf(mutated), mutants: left, whole: null, keys }, tell)
      if (hung !== null) results.set(hung, { outcome: 'timeout', by: null })
      const next = left.filter((id) => !results.has(id))
      if (next.length === left.length && spoilt === null) throw new Error('a session that came to nothing')
      left = next
    }
    const those = mutants.filter(({ file }) => file.startsWith(mutated))
    if (those.length > 0) report(those, results)
  }
  const loaded = sampled(mutants.filter(({ id }) => results.get(id)!.outcome === 'static'), Number(options.static), Number(options.seed))
  if (loaded.length > 0) console.log(`${loaded.length} mutants of what is made when files are loaded, each in a process of its own`)
  for (const { id, file } of loaded) {
    const { hung } = await session(folder, { tests: testsOf(file), mutants: [], whole: id, keys }, tell)
    if (hung !== null) results.set(id, { outcome: 'timeout', by: null })
  }
  report(mutants, results)
}

function report(mutants: readonly Mutant[], results: ReadonlyMap<number, { outcome: string; by: string | null }>): void {
  const count = (outcome: string, of = mutants) => of.filter(({ id }) => results.get(id)?.outcome === outcome).length
  const lost = mutants.filter(({ id }) => ['survived', 'uncovered'].includes(results.get(id)!.outcome))
  const tried = mutants.filter(({ id }) => results.get(id)!.outcome !== 'static')
  for (const { id, file, line, operator, original, replacement } of lost) console.log(`${file}:${line} ${results.get(id)!.outcome} (${operator}): ${original.replaceAll(/\s+/g, ' ').slice(0, 160)} → ${replacement.replaceAll(/\s+/g, ' ').slice(0, 160)}`)
  const folders = [...new Set(mutants.map(({ file }) => file.split('/').slice(0, 2).join('/')))].sort()
  for (const part of folders) {
    const those = tried.filter(({ file }) => file.startsWith(`${part}/`))
    console.log(`${part}: ${those.length} tried, ${count('survived', those) + count('uncovered', those)} survived`)
  }
  console.log(`${tried.length} mutants tried: ${count('killed')} killed, ${count('timeout')} without an end, ${count('survived')} survived, ${count('uncovered')} reached by no test (${((100 * lost.length) / tried.length).toFixed(1)} %); ${count('static')} not tried`)
  if (options.json) writeFileSync(options.json, JSON.stringify(mutants.map((mutant) => ({ ...mutant, ...results.get(mutant.id) })), null, 1))
}

if (options.help) console.log(USAGE)
else await run()
