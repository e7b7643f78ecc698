// Plain JavaScript without dependencies: this runs before any package is installed.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { missingCompilers } from './install-compilers.mjs'
import { run, SetUpRefused, step } from './install-step.mjs'

// RETURNING, which the jobs and sessions use, came with 3.35; older releases have known faults in it.
const LEAST_SQLITE = 3_039_000
const NATIVE = ['sqlite3', 'pkcs11js']

/**
 * Whether node_modules holds what the lock file names, built for this Node. A stamp says so at once; without it (somebody ran npm by hand) it is looked at closely.
 * @param {{ root: string, log: string, dev: boolean }} place dev: with what the tests need
 */
export async function dependenciesPresent({ root, log, dev }) {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
  if (stamped(root, lock, dev)) return true
  if (!sameVersions(root, lock, dev) || !(await nativeModulesLoad({ root, log })).ok) return false
  stamp(root, lock, dev)
  return true
}

/** The quick half of dependenciesPresent: only what this set-up itself recorded. */
export function stamped(root, lock = readFileSync(join(root, 'package-lock.json'), 'utf8'), dev = false) {
  const [digest, abi, extent] = read(stampFile(root)).trim().split(' ')
  return digest === sha256(lock) && abi === process.versions.modules && (extent === 'all' || !dev)
}

/**
 * Installs exactly what the lock file names.
 * @throws {SetUpRefused}
 */
export async function installDependencies({ root, log, dev }) {
  const compilers = missingCompilers()
  if (compilers.length > 0) throw new SetUpRefused(`Building ${NATIVE.join(' and ')} needs ${compilers.join(', ')}. Install them and start again (Debian, Ubuntu: apt-get install ${compilers.join(' ')})`)
  const [command, ...first] = npm()
  // The three packages with install scripts are named in package.json (allowScripts); without them nothing is built, so a general "no scripts" is lifted here.
  const args = [...first, 'ci', dev ? '--include=dev' : '--omit=dev', '--ignore-scripts=false', '--prefer-offline', '--no-audit', '--no-fund', '--no-progress']
  const result = await step('Installing packages (a minute or two, once)', () => run(command, args, { log, cwd: root, env: buildEnvironment() }))
  if (!result.ok) throw new SetUpRefused(`${result.tail}\nnpm ci failed; the whole story is in ${log}`)
  const loaded = await nativeModulesLoad({ root, log })
  if (!loaded.ok) throw new SetUpRefused(`${loaded.tail}\n${NATIVE.join(' or ')} was installed but not built; the whole story is in ${log}`)
  stamp(root, readFileSync(join(root, 'package-lock.json'), 'utf8'), dev)
}

/** The npm that started us, else the one in the path. */
function npm() {
  const path = process.env.npm_execpath
  return path && basename(path) === 'npm-cli.js' && existsSync(path) ? [process.execPath, path] : ['npm']
}

function buildEnvironment() {
  const env = { ...process.env }
  // Under NODE_ENV=production npm would leave out what the tests need.
  delete env.NODE_ENV
  // Built from the locked source, never from a binary that no checksum of ours covers.
  env.npm_config_build_from_source = 'true'
  const prefix = dirname(dirname(process.execPath))
  if (existsSync(join(prefix, 'include', 'node', 'node_api.h'))) env.npm_config_nodedir = prefix
  if (systemSqlite()) env.npm_config_sqlite = '/usr'
  else if (!env.CFLAGS && !env.CXXFLAGS) {
    // SQLite is one huge file: half the time at -O1.
    env.CFLAGS = '-O1'
    env.CXXFLAGS = '-O1'
  }
  return env
}

function systemSqlite() {
  const version = Number(/#define SQLITE_VERSION_NUMBER\s+(\d+)/.exec(read('/usr/include/sqlite3.h'))?.[1] ?? 0)
  if (version < LEAST_SQLITE) return false
  const folders = ['/usr/lib64', '/usr/lib', ...(existsSync('/usr/lib') ? readdirSync('/usr/lib').filter((name) => name.includes('-linux-')).map((name) => join('/usr/lib', name)) : [])]
  return folders.some((folder) => existsSync(join(folder, 'libsqlite3.so')))
}

/** Asked in a process of its own: a module built for another Node can end the process that loads it. */
function nativeModulesLoad({ root, log }) {
  return run(process.execPath, ['-e', NATIVE.map((name) => `require('${name}')`).join(';')], { log, cwd: root })
}

/** npm records what it put into node_modules beside it, once it is done. */
function sameVersions(root, lock, dev) {
  const hidden = read(join(root, 'node_modules', '.package-lock.json'))
  if (hidden === '') return false
  const wanted = JSON.parse(lock).packages
  const installed = JSON.parse(hidden).packages
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || entry.optional || entry.devOptional || entry.peer || entry.link || (entry.dev && !dev)) return true
    return installed[path]?.version === entry.version && existsSync(join(root, path, 'package.json'))
  })
}

const stampFile = (root) => join(root, 'node_modules', '.set-up')
const sha256 = (text) => createHash('sha256').update(text).digest('hex')

function stamp(root, lock, dev) {
  writeFileSync(stampFile(root), `${sha256(lock)} ${process.versions.modules} ${dev ? 'all' : 'production'}\n`)
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
