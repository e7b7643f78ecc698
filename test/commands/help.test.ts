/** Every command says how it is used, before it opens or makes anything. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { LATER_CEREMONIES } from '../../src/ceremony/later.ts'
import { RESPONDER_CEREMONIES } from '../../src/ceremony/responder-keys.ts'
import { cleanEnvironment, run } from '../support/program.ts'

const { scripts } = JSON.parse(readFileSync(fileURLToPath(new URL('../../package.json', import.meta.url)), 'utf8')) as { scripts: Record<string, string> }
const COMMANDS = Object.entries(scripts).flatMap(([name, line]) => {
  const file = /run\.mjs (commands\/[a-z-]+)$/.exec(line)?.[1]
  return file ? [{ name, file }] : []
})
const NOWHERE = join(tmpdir(), `help-${process.pid}`)

test('--help is answered by every command, with code 0, and nothing is opened or made for it', async () => {
  expect(COMMANDS.length).toBeGreaterThan(15)
  const said = await Promise.all(COMMANDS.map(async ({ name, file }) => ({ name, ...(await run(file, { DATA_DIR: NOWHERE, DATABASE_URL: `sqlite:${NOWHERE}/portal.sqlite`, PORTAL_URL: 'no address' }, ['--help'])) })))
  for (const { name, code, out, err } of said) {
    expect([code, err], name).toEqual([0, ''])
    expect(out, name).toMatch(new RegExp(`npm run (--silent )?${name}\\b`))
  }
  expect(existsSync(NOWHERE)).toBe(false)
  for (const name of ['ceremony', 'repository', 'nginx:config', 'database:migrate', 'audit:verify', 'status:probe']) expect(said.find((each) => each.name === name)!.out, name).toMatch(/^Exit code: 0 .*\b2 /m)
  const ceremony = said.find(({ name }) => name === 'ceremony')!.out
  for (const [kind, { words }] of Object.entries({ ...LATER_CEREMONIES, ...RESPONDER_CEREMONIES })) expect(ceremony).toMatch(new RegExp(`^npm run ceremony -- ${`${kind} ${words}`.trim().replace(/[[\]]/g, '\\$&')} {2,}\\S`, 'm'))
}, 120_000)

test('words that a command does not know are answered in one line, with code 2', async () => {
  const ended = (words: string[]) => run('commands/status-probe', { DATA_DIR: NOWHERE }, words)
  expect(await ended(['--rot', 'x'])).toMatchObject({ code: 2, out: '', err: "Unknown option '--rot'; --help tells the words\n" })
  expect(await ended(['x'])).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^Unexpected argument 'x'.*; --help tells the words\n$/) })
})

/** As npm calls it, set-up and all. */
const called = (file: string, words: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join('src', 'commands', file), ...words], { cwd: fileURLToPath(new URL('../..', import.meta.url)), encoding: 'utf8', timeout: 60_000, env: cleanEnvironment({ DATA_DIR: NOWHERE, DATABASE_URL: `sqlite:${NOWHERE}/portal.sqlite`, ...env }) })
  return { code: status, out: stdout, err: stderr }
}

test.each<[string, string, string[]]>([['npm start', 'start.mjs', []], ['npm run portal', 'run.mjs', ['portal']], ['npm run ca', 'run.mjs', ['ca']], ['npm run status', 'run.mjs', ['status']]])('%s answers --help, and starts nothing for a word that it does not know', async (call, file, name) => {
  expect(called(file, [...name, '--help'])).toEqual({ code: 0, out: expect.stringMatching(new RegExp(`^${call}\n\n`)), err: '' })
  expect(existsSync(NOWHERE)).toBe(false)
  expect(await run(name[0] ?? 'main', { DATA_DIR: NOWHERE, DATABASE_URL: `sqlite:${NOWHERE}/portal.sqlite` }, ['--port', '9'])).toMatchObject({ code: 2, out: '', err: `${call} takes no words, was given '--port'; --help tells more\n` })
  expect(existsSync(NOWHERE)).toBe(false)
})

test('LOG-1: a command that only reads makes no data folder where there is none', () => {
  expect(called('run.mjs', ['commands/audit-verify'])).toMatchObject({ code: 2, out: '', err: `There is no database at ${NOWHERE}/portal.sqlite.\n` })
  expect(called('run.mjs', ['commands/access-log-verify']).code).not.toBe(0)
  expect(called('run.mjs', ['commands/anchors', '--help']).code).toBe(0)
  expect(existsSync(NOWHERE)).toBe(false)
}, 60_000)

test.each<[string, string[], string]>([
  ['ceremony', ['frobnicate'], "Unknown ceremony 'frobnicate'"],
  ['ceremony', ['constructor'], "Unknown ceremony 'constructor'"],
  ['ceremony', ['renew-lists', 'extra'], "Unexpected argument 'extra': renew-lists takes none"],
  ['ceremony', ['remove-timestamp-key', 'ab', 'extra'], "Unexpected argument 'extra': remove-timestamp-key takes SERIAL"],
  ['ceremony', ['revoke-timestamp-certificate', 'ab', 'superseded', 'extra'], "Unexpected argument 'extra': revoke-timestamp-certificate takes SERIAL REASON"],
  ['ceremony', ['revoke-timestamp-certificate', 'abc', 'nonsense'], "Unknown reason 'nonsense': there are key-compromise, affiliation-changed, superseded, cessation-of-operation"],
  ['ceremony', ['--quick'], "Unknown option '--quick'"],
  ['repository', ['publish-statement', 'nope', '/nofile', '--as', 'boss'], "--as is witness or auditor, not 'boss'"],
  ['repository', ['ceremonies', '--all'], "Unknown option '--all'"],
  ['repository', [], 'Say what to do: ceremonies or publish-statement'],
])('CAK-1, REP-2: npm run %s -- %j is refused in one line, with code 2, before anything is opened or made', async (command, words, said) => {
  expect(await run(`commands/${command}`, { DATA_DIR: NOWHERE, DATABASE_URL: `sqlite:${NOWHERE}/portal.sqlite` }, words)).toMatchObject({ code: 2, out: '', err: `${said}; --help tells the words\n` })
  expect(existsSync(NOWHERE)).toBe(false)
})
