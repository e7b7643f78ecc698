// Plain JavaScript without dependencies: this runs before any package is installed.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { findSoftHsm, UNPACKED } from '../signer/find-softhsm.mjs'
import { inPath, run, SetUpRefused, step } from './install-step.mjs'

export const SOFTHSM_PACKAGE = 'libsofthsm2'

const BY_HAND = 'Install it (Debian, Ubuntu: apt-get install libsofthsm2; Fedora: dnf install softhsm; Alpine: apk add softhsm; macOS: brew install softhsm) or name it: SOFTHSM2_MODULE=PATH'

/** @throws {SetUpRefused} when a module was named that doesn't exist: another one in its place would hold other keys */
export function checkNamedModule(env = process.env) {
  for (const name of ['SOFTHSM2_MODULE', 'PKCS11_MODULE']) {
    if (env[name] && !existsSync(env[name])) throw new SetUpRefused(`${name} names a file that doesn't exist: ${env[name]}`)
  }
}

/**
 * The SoftHSM2 library; where none is installed, its package is fetched by apt, which checks its signature, and unpacked below the data folder. That needs no rights.
 * @param {{ dataDir: string, log: string }} place
 * @returns {Promise<string>} the library's path
 * @throws {SetUpRefused}
 */
export async function provideSoftHsm({ dataDir, log }) {
  const found = findSoftHsm({ dataDir })
  if (found) return found
  if (!inPath('apt-get') || !inPath('dpkg-deb')) throw new SetUpRefused(`SoftHSM2 is not on this machine. ${BY_HAND}`)
  const failure = await step('Fetching SoftHSM2', () => unpack({ dataDir, log }))
  const unpacked = findSoftHsm({ dataDir })
  if (!unpacked) throw new SetUpRefused(`${failure}\nSoftHSM2 is not on this machine and could not be fetched. ${BY_HAND}`)
  return unpacked
}

async function unpack({ dataDir, log }) {
  const work = join(dataDir, `${UNPACKED}.part`)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(join(work, 'lists', 'partial'), { recursive: true, mode: 0o700 })
  mkdirSync(join(work, 'cache', 'archives', 'partial'), { recursive: true, mode: 0o700 })
  const place = { log, cwd: work }
  const own = ['-q', '-o', `Dir::Cache=${join(work, 'cache')}`, '-o', 'Debug::NoLocking=1']
  const ownLists = [...own, '-o', `Dir::State::Lists=${join(work, 'lists')}`]
  try {
    let fetched = await run('apt-get', [...own, 'download', SOFTHSM_PACKAGE], place)
    if (!fetched.ok) {
      // The machine's package lists are absent or out of date, and not ours to renew.
      fetched = await run('apt-get', [...ownLists, 'update'], place)
      if (fetched.ok) fetched = await run('apt-get', [...ownLists, 'download', SOFTHSM_PACKAGE], place)
    }
    const archive = readdirSync(work).find((name) => name.endsWith('.deb'))
    if (!fetched.ok || !archive) return fetched.tail
    const unpacked = await run('dpkg-deb', ['-x', archive, 'content'], place)
    if (!unpacked.ok) return unpacked.tail
    rmSync(join(dataDir, UNPACKED), { recursive: true, force: true })
    renameSync(join(work, 'content'), join(dataDir, UNPACKED))
    return ''
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
