/**
 * The process in which mutants are tried. It runs in a copy of the project whose sources hold every mutant behind a switch: it loads the
 * tests once, notes which tests reach which mutant, and then runs for each mutant the tests that reach it, until one fails.
 */
import crypto, { createPrivateKey, createPublicKey, type KeyPairKeyObjectResult } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { collect, collected, type CollectedTest } from './vitest-in-process.ts'

export interface Plan {
  readonly tests: readonly string[]
  readonly mutants: readonly number[]
  /** The one mutant to be on while everything is loaded; null for a session that tries many. */
  readonly whole: number | null
  /** Where made keys are kept, so that the next session need not make them. */
  readonly keys: string
}

export type Told =
  | { readonly ready: { readonly tests: number; readonly failing: readonly string[]; readonly slow: readonly string[] } }
  | { readonly begin: number }
  | { readonly result: { readonly id: number; readonly outcome: 'killed' | 'survived' | 'uncovered' | 'static'; readonly by: string | null } }
  | { readonly spoilt: number }
  | { readonly done: true }

/** A test that takes longer is left out: it is one of many rounds of chance, and what it finds should have a test of its own. */
const SLOW_MS = 1500
/** Times that one mutant may be asked for in one test, before it counts as a loop without an end. */
const HITS = 3_000_000

const tell = (told: Told): void => void process.send!(told)

let active = -1
let hits = 0
let reached: Set<number> | null = null
;(globalThis as { __m?: (id: number) => boolean }).__m = (id) => {
  if (id === active) {
    if (++hits > HITS) throw new Error('a loop without an end')
    return true
  }
  reached?.add(id)
  return false
}

/** Key pairs are made once for all sessions: the n-th of a kind is the same each time. */
function keepKeys(file: string): () => void {
  const kept = new Map<string, string[]>(existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as [string, string[]][]) : [])
  const used = new Map<string, number>()
  const original = crypto.generateKeyPairSync
  let grown = false
  const keeping = (type: string, options: object = {}): unknown => {
    if (type !== 'rsa' || 'publicKeyEncoding' in options) return (original as (type: string, options: object) => unknown)(type, options)
    const kind = `${type} ${JSON.stringify(options)}`
    const place = used.get(kind) ?? 0
    used.set(kind, place + 1)
    const list = kept.get(kind) ?? []
    kept.set(kind, list)
    const pem = list[place]
    if (pem) return { privateKey: createPrivateKey(pem), publicKey: createPublicKey(pem) }
    const pair = (original as (type: string, options: object) => unknown)(type, options) as KeyPairKeyObjectResult
    list.push(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
    grown = true
    return pair
  }
  crypto.generateKeyPairSync = keeping as typeof crypto.generateKeyPairSync
  syncBuiltinESMExports()
  return () => grown && writeFileSync(file, JSON.stringify([...kept]))
}

async function passes(test: CollectedTest): Promise<boolean> {
  hits = 0
  try {
    await test.run()
    return true
  } catch {
    return false
  }
}

async function load(tests: readonly string[]): Promise<void> {
  for (const test of tests) await collect(test, () => import(new URL(`../../${test}`, import.meta.url).href))
}

/** A mutant of what is made when a file is loaded: on from the first line. */
async function tryWhole({ whole, tests }: Plan): Promise<void> {
  active = whole!
  let by: string | null = null
  try {
    await load(tests)
    for (const test of collected) if (by === null && !(await passes({ ...test, run: async () => (await test.prepare(), await test.run()) }))) by = `${test.file}: ${test.title}`
  } catch (error) {
    by = `does not load: ${String(error).slice(0, 80)}`
  }
  tell({ result: { id: whole!, outcome: by ? 'killed' : 'survived', by } })
}

async function tryMany({ tests, mutants }: Plan, save: () => void): Promise<void> {
  const atLoad = new Set<number>()
  reached = atLoad
  await load(tests)
  const failing: string[] = []
  const slow: string[] = []
  const known: { test: CollectedTest; ms: number; ids: Set<number> }[] = []
  for (const test of collected) {
    // What a file prepares belongs to all its tests: a mutant in it is on for none of them afterwards.
    reached = atLoad
    await passes({ ...test, run: () => test.prepare() })
    reached = new Set()
    const start = process.cpuUsage()
    const good = await passes(test)
    const { user, system } = process.cpuUsage(start)
    const ms = (user + system) / 1000
    if (!good) failing.push(`${test.file}: ${test.title}`)
    else if (ms > SLOW_MS) slow.push(`${test.file}: ${test.title}`)
    else known.push({ test, ms, ids: reached })
  }
  reached = null
  save()
  known.sort((one, other) => one.ms - other.ms)
  tell({ ready: { tests: known.length, failing, slow } })
  for (const id of mutants) {
    tell({ begin: id })
    const covering = known.filter(({ ids }) => ids.has(id))
    let by: CollectedTest | null = null
    active = id
    for (const { test } of covering)
      if (!(await passes(test))) {
        by = test
        break
      }
    active = -1
    // Reached only while files were loaded and prepared: a process of its own must say.
    const outcome = by ? 'killed' : covering.length === 0 ? (atLoad.has(id) ? 'static' : 'uncovered') : 'survived'
    tell({ result: { id, outcome, by: by ? `${by.file}: ${by.title}` : null } })
    // A mutant may leave something behind, a cache for one: then this process is of no more use.
    if (by && !(await passes(by))) return tell({ spoilt: id })
  }
}

process.once('message', (plan: Plan) => {
  const save = keepKeys(plan.keys)
  void (plan.whole === null ? tryMany(plan, save) : tryWhole(plan)).then(() => {
    save()
    tell({ done: true })
    process.disconnect()
    process.exit()
  })
})
