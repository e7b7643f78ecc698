import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'set-up-'))
const running = new Set<ChildProcess>()

interface Run {
  readonly child: ChildProcess
  said(): string
  readonly ended: Promise<{ code: number | null; signal: string | null; out: string }>
}

/** A copy of the set-up with a program of its own; its packages are this repository's, or none. */
function clone(name: string, { packages }: { packages: boolean }): string {
  const root = join(folder, name)
  for (const part of ['src/commands', 'src/signer', 'package.json', 'package-lock.json']) {
    cpSync(join(REPOSITORY, part), join(root, part), { recursive: true, filter: (path) => statSync(path).isDirectory() || !path.endsWith('.ts') || path.endsWith('.d.mts') })
  }
  if (packages) symlinkSync(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'))
  const program = `
import { SIGNALS } from './signals.ts'
const data: string = process.env.DATA_DIR!
console.log(JSON.stringify({ args: process.argv.slice(2), data, module: process.env.SOFTHSM2_MODULE, ppid: process.ppid }))
if (process.argv[2] === 'end') process.exit(Number(process.argv[3]))
const timer = setInterval(() => {}, 1000)
for (const signal of SIGNALS) process.on(signal, () => { clearInterval(timer); console.log('got', signal); process.exitCode = 7 })
console.log('running')
`
  writeFileSync(join(root, 'src', 'signals.ts'), `export const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM']\n`)
  for (const file of ['main.ts', 'portal.ts', 'commands/ceremony.ts']) writeFileSync(join(root, 'src', file), file.includes('/') ? program.replace('./signals', '../signals') : program)
  return root
}

function start(root: string, command: string, args: string[] = [], env: Record<string, string | undefined> = {}): Run {
  // The real npm ci would empty the packages folder that the tests themselves run from.
  const own = { NODE_ENV: undefined, DATA_DIR: undefined, npm_execpath: join(folder, 'npm-never', 'npm-cli.js') }
  const child = spawn(process.execPath, [join(root, 'src', 'commands', command), ...args], { cwd: root, env: { ...process.env, ...own, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let out = ''
  child.stdout!.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr!.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const ended = new Promise<{ code: number | null; signal: string | null; out: string }>((resolve) => child.on('close', (code, signal) => {
    running.delete(child)
    resolve({ code, signal, out })
  }))
  return { child, said: () => out, ended }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 25) {
    if (condition()) return
    await sleep(25)
  }
  throw new Error(`waited in vain for ${what}`)
}

/** Stands in for npm, to fail or to be slow on purpose. */
function npm(name: string, program: string): string {
  const path = join(folder, name, 'npm-cli.js')
  mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, name, 'package.json'), '{"type":"module"}')
  writeFileSync(path, program)
  return path
}

const alive = (pid: number) => {
  try {
    // A zombie that nobody has waited for is not alive.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

let ready: string
beforeAll(() => {
  npm('npm-never', `console.log('npm was called'); process.exit(3)`)
  ready = clone('ready', { packages: true })
})
afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

describe('a machine that is ready', () => {
  test('set-up: `npm start` becomes the program: its arguments, its signals, its exit code, one process', async () => {
    const run = start(ready, 'start.mjs', ['one', 'two words'])
    await until(() => run.said().includes('running'), 'the program')
    const told = JSON.parse(run.said().split('\n')[0]!) as { args: string[]; data: string; module: string; ppid: number }
    expect(told).toEqual({ args: ['one', 'two words'], data: join(ready, 'var'), module: process.env['SOFTHSM2_MODULE'], ppid: process.pid })
    run.child.kill('SIGTERM')
    const { code, out } = await run.ended
    expect([code, out.trimEnd().split('\n').at(-1)]).toEqual([7, 'got SIGTERM'])
    expect(statSync(join(ready, 'var')).mode & 0o777).toBe(0o700)
  })

  test('set-up: `npm run NAME` runs src/NAME.ts with its arguments, and ends with its exit code', async () => {
    expect(await start(ready, 'run.mjs', ['portal', 'end', '5']).ended).toMatchObject({ code: 5 })
    const run = start(ready, 'run.mjs', ['commands/ceremony'])
    await until(() => run.said().includes('running'), 'the program')
    run.child.kill('SIGINT')
    expect(await run.ended).toMatchObject({ code: 7 })
  })

  test('set-up: DATA_DIR moves what is written', async () => {
    const data = join(folder, 'elsewhere', 'deep')
    const { out } = await start(ready, 'start.mjs', ['end', '0'], { DATA_DIR: data }).ended
    expect(JSON.parse(out.split('\n')[0]!)).toMatchObject({ data })
    expect(statSync(data).mode & 0o777).toBe(0o700)
  })

  test('set-up: the mode of a folder that was there is left alone', async () => {
    const data = join(folder, 'shared')
    mkdirSync(data)
    chmodSync(data, 0o755)
    expect((await start(ready, 'start.mjs', ['end', '0'], { DATA_DIR: data }).ended).code).toBe(0)
    expect(statSync(data).mode & 0o777).toBe(0o755)
  })

  test('set-up: production, or another module, is given no SoftHSM2', async () => {
    for (const env of [{ NODE_ENV: 'production' }, { PKCS11_MODULE: process.env['SOFTHSM2_MODULE'] }]) {
      const { out, code } = await start(ready, 'start.mjs', ['end', '0'], { ...env, SOFTHSM2_MODULE: undefined }).ended
      expect(code).toBe(0)
      expect(JSON.parse(out.split('\n')[0]!)).not.toHaveProperty('module')
    }
  })
})

describe('one line for what is wrong', () => {
  const refused = async (run: Run, code: number, line: RegExp) => {
    const result = await run.ended
    expect(result.out).toMatch(line)
    expect(result.out.trimEnd().split('\n')).toHaveLength(1)
    expect(result.code).toBe(code)
  }

  test('set-up: a Node too old', async () => {
    const old = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.18.3'}})`
    await refused(start(ready, 'start.mjs', [], { NODE_OPTIONS: `--import "${old}"` }), 1, /^Node 20\.19 or newer is needed; this is 20\.18\.3\n$/)
  })

  test('set-up: a program that does not exist', async () => {
    await refused(start(ready, 'run.mjs', ['nothing']), 2, /^usage: .*nothing\.ts doesn't\n$/)
    await refused(start(ready, 'run.mjs', []), 2, /^usage: /)
  })

  test('set-up: a named module that does not exist is not replaced by another', async () => {
    await refused(start(ready, 'start.mjs', [], { SOFTHSM2_MODULE: '/nowhere/libsofthsm2.so' }), 1, /^SOFTHSM2_MODULE names a file that doesn't exist: \/nowhere\/libsofthsm2\.so\n$/)
    await refused(start(ready, 'start.mjs', [], { PKCS11_MODULE: '/nowhere/hsm.so' }), 1, /^PKCS11_MODULE names a file that doesn't exist/)
  })

  test('set-up: a data folder of another user', async () => {
    let data = '/'
    if (process.getuid?.() === 0) {
      data = join(folder, 'theirs')
      mkdirSync(data)
      chownSync(data, 65534, 65534)
    }
    await refused(start(ready, 'start.mjs', [], { DATA_DIR: data }), 1, /belongs to user \d+ and you are user \d+; start as its owner/)
  })

  test('set-up: a data folder that cannot be made', async () => {
    await refused(start(ready, 'start.mjs', [], { DATA_DIR: join(ready, 'package.json', 'var') }), 1, /can't be made \(ENOTDIR\)/)
  })
})

describe('packages', () => {
  test('set-up: a failed npm ci is shown with its last lines and the place of the log', async () => {
    const root = clone('failing', { packages: false })
    const { code, out } = await start(root, 'run.mjs', ['portal'], { npm_execpath: npm('npm-failing', `console.log('reason', process.argv[2]); process.exit(3)`) }).ended
    expect(code).toBe(1)
    expect(out).toContain('\nreason ci\n')
    expect(out).toContain(`the whole story is in ${join(root, 'var', 'set-up.log')}`)
    expect(out).not.toMatch(/^\s+at /m)
  })

  test('set-up: an npm that ran no install script, and says all is well, is found out', async () => {
    const root = clone('unbuilt', { packages: false })
    const { code, out } = await start(root, 'run.mjs', ['portal'], { npm_execpath: npm('npm-idle', '') }).ended
    expect(code).toBe(1)
    expect(out).toContain('sqlite3 or pkcs11js was installed but not built')
  })

  test('set-up: missing compilers are named, with what to run', async () => {
    const root = clone('bare', { packages: false })
    const { code, out } = await start(root, 'run.mjs', ['portal'], { PATH: join(folder, 'no-programs') }).ended
    expect(code).toBe(1)
    expect(out).toBe('Building sqlite3 and pkcs11js needs python3, make, g++. Install them and start again (Debian, Ubuntu: apt-get install python3 make g++)\n')
  })

  test('set-up: NODE_ENV=production is kept from npm, whose children are told where Node and its headers are', async () => {
    const root = clone('environment', { packages: false })
    const { out } = await start(root, 'run.mjs', ['portal'], { NODE_ENV: 'production', npm_execpath: npm('npm-environment', `console.log(JSON.stringify([process.env.NODE_ENV ?? null, process.argv.includes('--omit=dev')])); process.exit(3)`) }).ended
    expect(out).toContain('[null,true]')
  })

  test('set-up: ended meanwhile, it ends what it started, lets go of its lock and says so', async () => {
    const root = clone('slow', { packages: false })
    // A grandchild, as a compiler would be.
    const slow = npm('npm-slow', `import { spawn } from 'node:child_process'\nconst child = spawn('sleep', ['60'])\nimport('node:fs').then((fs) => fs.writeFileSync(${JSON.stringify(join(folder, 'pids'))}, process.pid + ' ' + child.pid))`)
    const first = start(root, 'run.mjs', ['portal'], { npm_execpath: slow })
    await until(() => existsSync(join(folder, 'pids')), 'the slow npm')
    const pids = readFileSync(join(folder, 'pids'), 'latin1').split(' ').map(Number)
    const second = start(root, 'run.mjs', ['portal'], { npm_execpath: npm('npm-quick', `console.log('second', 'in'); process.exit(3)`) })
    await until(() => second.said().includes('Waiting'), 'the second start')
    expect(second.said()).toBe(`Waiting for another set-up (process ${first.child.pid}) …\n`)
    first.child.kill('SIGTERM')
    const { code, out } = await first.ended
    expect(code).toBe(143)
    expect(out.trimEnd().split('\n').at(-1)).toBe('Stopped. The next start goes on from here.')
    await until(() => !pids.some(alive), 'the end of npm and its child')
    expect((await second.ended).out).toContain('second in')
    expect(readdirSync(root).filter((name) => name.includes('lock'))).toEqual(['package-lock.json'])
  })

  test('set-up: another lock file, another Node or a missing package means another npm ci; packages put there by hand do not', async () => {
    const root = join(folder, 'stamps')
    const lock = (version: string) => JSON.stringify({ packages: { '': {}, 'node_modules/sqlite3': { version }, 'node_modules/pkcs11js': { version: '1.0.0' }, 'node_modules/only-tests': { version: '1.0.0', dev: true } } })
    for (const name of ['sqlite3', 'pkcs11js']) {
      mkdirSync(join(root, 'node_modules', name), { recursive: true })
      writeFileSync(join(root, 'node_modules', name, 'package.json'), '{}')
      writeFileSync(join(root, 'node_modules', name, 'index.js'), '')
    }
    writeFileSync(join(root, 'package-lock.json'), lock('1.0.0'))
    const present = async (dev: boolean) => {
      const asked = `import(${JSON.stringify(join(REPOSITORY, 'src/commands/install-dependencies.mjs'))}).then(async (m) => console.log(await m.dependenciesPresent({ root: ${JSON.stringify(root)}, log: ${JSON.stringify(join(folder, 'stamps.log'))}, dev: ${dev} })))`
      const child = spawn(process.execPath, ['-e', asked], { stdio: ['ignore', 'pipe', 'inherit'] })
      let out = ''
      for await (const chunk of child.stdout) out += String(chunk)
      return out.trim()
    }
    const stampFile = join(root, 'node_modules', '.set-up')
    expect(await present(false)).toBe('false')
    // npm's own record of what it installed.
    writeFileSync(join(root, 'node_modules', '.package-lock.json'), lock('1.0.0'))
    expect(await present(true)).toBe('false')
    expect(await present(false)).toBe('true')
    const stamp = readFileSync(stampFile, 'latin1')
    expect(stamp).toMatch(new RegExp(`^[0-9a-f]{64} ${process.versions.modules} production\n$`))
    rmSync(join(root, 'node_modules', '.package-lock.json'))
    expect(await present(false)).toBe('true')
    expect(await present(true)).toBe('false')
    writeFileSync(stampFile, stamp.replace(` ${process.versions.modules} `, ' 1 '))
    expect(await present(false)).toBe('false')
    writeFileSync(stampFile, stamp)
    writeFileSync(join(root, 'package-lock.json'), lock('1.0.1'))
    expect(await present(false)).toBe('false')
    writeFileSync(join(root, 'node_modules', '.package-lock.json'), lock('1.0.1'))
    writeFileSync(join(root, 'node_modules', 'sqlite3', 'index.js'), 'throw new Error("built for another Node")')
    expect(await present(false)).toBe('false')
  })
})
