/**
 * What the test files of this project take from vitest, in one process and under the caller's control: tests are collected, `beforeAll` is
 * run once, and any test can be run again and again. The assertions are vitest's own.
 */
import { ASYMMETRIC_MATCHERS_OBJECT, chai, GLOBAL_EXPECT, JestAsymmetricMatchers, JestChaiExpect, JestExtend, setState } from '@vitest/expect'

type Body = (...args: never[]) => unknown
interface Suite {
  readonly parent: Suite | null
  readonly before: Body[]
  ready: boolean
}
export interface CollectedTest {
  readonly title: string
  readonly file: string
  /** What stands in `beforeAll` around it, once. */
  prepare(): Promise<void>
  run(): Promise<void>
}

export const collected: CollectedTest[] = []
let suite: Suite = { parent: null, before: [], ready: false }
let file = ''

/** Collects the tests of one file; its describe blocks may be asynchronous in nothing. */
export async function collect(name: string, load: () => Promise<unknown>): Promise<void> {
  file = name
  suite = { parent: null, before: [], ready: false }
  await load()
}

async function prepare(of: Suite): Promise<void> {
  if (of.parent) await prepare(of.parent)
  if (of.ready) return
  of.ready = true
  for (const body of of.before) await body()
}

const named = (title: string, row: unknown, index: number): string =>
  title.replace(/\$(\w+)/g, (whole, name: string) => (typeof row === 'object' && row !== null && name in row ? String((row as Record<string, unknown>)[name]) : whole)).replace(/%[sidjo]/, () => String(Array.isArray(row) ? row[0] : row)) + (/[$%]/.test(title) ? '' : ` #${index}`)

function one(title: string, body: Body): void {
  const of = suite
  collected.push({ title, file, prepare: () => prepare(of), run: async () => void (await body()) })
}

function block(_title: string, body: () => void): void {
  suite = { parent: suite, before: [], ready: false }
  try {
    body()
  } finally {
    suite = suite.parent!
  }
}

type Row = readonly unknown[] | unknown
const each = (register: (title: string, body: Body) => void) => (rows: readonly Row[]) => (title: string, body: Body) =>
  rows.forEach((row, index) => register(named(title, row, index), () => (body as (...args: unknown[]) => unknown)(...(Array.isArray(row) ? row : [row]))))

const nothing = Object.assign(() => undefined, { each: () => () => undefined })
const withForms = (register: (title: string, body: Body) => void) => {
  const plain = Object.assign((title: string, body: Body) => register(title, body), { each: each(register) })
  return Object.assign(plain, { skipIf: (skip: unknown) => (skip ? nothing : plain), runIf: (run: unknown) => (run ? plain : nothing), skip: nothing })
}

export const it = withForms(one)
export const test = it
export const describe = withForms(block as (title: string, body: Body) => void)
export const beforeAll = (body: Body): void => void suite.before.push(body)
/** What a file leaves behind is left: its tests are run again and again. */
export const afterAll = (): void => undefined

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)
export const expect = Object.assign((value: unknown, message?: string) => chai.expect(value, message), chai.expect, (globalThis as Record<symbol, object>)[ASYMMETRIC_MATCHERS_OBJECT])
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, configurable: true, writable: true })
setState({ assertionCalls: 0, isExpectingAssertions: false, isExpectingAssertionsError: null, expectedAssertionsNumber: null, expectedAssertionsNumberErrorGen: null } as never, expect as never)
