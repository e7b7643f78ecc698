// Plain JavaScript without dependencies: this runs before any package is installed.
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { findSoftHsm } from '../signer/find-softhsm.mjs'
import { withLockFile } from '../signer/lock-file.mjs'
import { missingCompilers } from './install-compilers.mjs'
import { dependenciesPresent, installDependencies, stamped } from './install-dependencies.mjs'
import { installPackages, mayInstallPackages } from './install-packages.mjs'
import { checkNamedModule, provideSoftHsm, SOFTHSM_PACKAGE } from './install-softhsm.mjs'
import { SetUpRefused } from './install-step.mjs'
import { missingTestTools } from './install-test-tools.mjs'

export { SetUpRefused } from './install-step.mjs'

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const LEAST_NODE = [20, 19]

/**
 * Makes this machine ready, and leaves alone what is ready: packages, SoftHSM2, and for the tests the programs that they ask.
 * Afterwards DATA_DIR is absolute, and SOFTHSM2_MODULE names the library when there is one to be used.
 * @param {{ tests?: boolean, system?: boolean, folder?: boolean }} [extent] tests: with what the tests need; system: whether the machine may get packages and SoftHSM2 (false: npm packages only);
 *   folder: whether the data folder is made where there is none (false: only when something has to be installed, which is logged there)
 * @throws {SetUpRefused}
 */
export async function setUp({ tests = false, system = true, folder = true } = {}) {
  checkNode()
  const dataDir = prepareDataDir(folder)
  checkNamedModule()
  const log = join(dataDir, 'set-up.log')
  const dev = tests || process.env.NODE_ENV !== 'production'
  // Production brings its own module; SoftHSM2 is for development and demonstration.
  const softHsm = tests || (process.env.NODE_ENV !== 'production' && !process.env.PKCS11_MODULE)
  const ready = () => stamped(ROOT, undefined, dev) && (!system || !softHsm || findSoftHsm({ dataDir }) !== null) && (!tests || missingTestTools().length === 0)
  if (!ready()) {
    const onWait = (pid) => console.log(`Waiting for another set-up (process ${pid}) …`)
    // The lock lies beside node_modules, which instances with data folders of their own share.
    await withLockFile(join(ROOT, '.set-up.lock'), () => install({ dataDir, log, dev, tests, system, softHsm }), { onWait })
  }
  const module = findSoftHsm({ dataDir })
  if (softHsm && module) process.env.SOFTHSM2_MODULE = module
}

async function install({ dataDir, log, dev, tests, system, softHsm }) {
  prepareDataDir(true)
  writeFileSync(log, '', { mode: 0o600 })
  const complete = await dependenciesPresent({ root: ROOT, log, dev })
  if (system && mayInstallPackages()) {
    const compilers = complete ? [] : missingCompilers()
    await installPackages([
      // Where compilers are new, so is everything: with SQLite's header the build is over in seconds.
      ...(compilers.length > 0 ? [...compilers, 'libsqlite3-dev'] : []),
      ...(softHsm && findSoftHsm({ dataDir }) === null ? [SOFTHSM_PACKAGE] : []),
      ...(tests ? missingTestTools().map((tool) => tool.package) : []),
    ], { log })
  }
  if (system && softHsm) await provideSoftHsm({ dataDir, log })
  if (!complete) await installDependencies({ root: ROOT, log, dev })
  if (tests) {
    for (const tool of missingTestTools()) console.log(`Not on this machine: ${tool.name} (Debian, Ubuntu: apt-get install ${tool.package}). Without it these tests don't run: ${tool.tests}.`)
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1])) {
    throw new SetUpRefused(`Node ${LEAST_NODE.join('.')} or newer is needed; this is ${process.versions.node}`)
  }
}

function prepareDataDir(make) {
  const dataDir = (process.env.DATA_DIR = resolve(process.env.DATA_DIR || join(ROOT, 'var')))
  if (!existsSync(dataDir)) {
    if (!make) return dataDir
    try {
      mkdirSync(dataDir, { recursive: true, mode: 0o700 })
      chmodSync(dataDir, 0o700)
    } catch (error) {
      throw new SetUpRefused(`The data folder ${dataDir} can't be made (${error.code}); set DATA_DIR to a folder of your own`)
    }
  }
  const owner = statSync(dataDir).uid
  const uid = process.getuid?.()
  // Files that root leaves in another user's folder lock that user out; PINs that another user can replace protect nothing.
  if (uid !== undefined && owner !== uid) throw new SetUpRefused(`The data folder ${dataDir} belongs to user ${owner} and you are user ${uid}; start as its owner, or set DATA_DIR to a folder of your own`)
  return dataDir
}

/**
 * Goes on as `node --import ./src/commands/typescript.mjs FILE args…` would, in this very process: nothing is left over when it ends, and signals and the exit code need no passing on.
 * @param {string} file
 * @param {string[]} args
 */
export async function become(file, args) {
  process.argv = [process.execPath, file, ...args]
  // For processes forked from here.
  process.execArgv.push('--import', import.meta.resolve('./typescript.mjs'))
  await import('./typescript.mjs')
  await import(pathToFileURL(file).href)
}

/** @param {readonly string[]} words */
export const asksForHelp = (words) => words.some((word) => word === '--help' || word === '-h')

/** Runs a command; what a set-up or the system refuses is shown in its own words, without a stack trace. */
export async function command(work) {
  try {
    await work()
  } catch (error) {
    const told = error instanceof SetUpRefused || typeof error?.syscall === 'string'
    if (!told) throw error
    console.error(error.message)
    process.exitCode = error.exitCode ?? 1
  }
}
