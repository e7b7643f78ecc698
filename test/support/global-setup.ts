import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findSoftHsm } from '../../src/signer/find-softhsm.mjs'
import { findPostgres, startPostgres } from './postgres.ts'

/**
 * Every test that signs uses a real PKCS#11 module: without one nothing starts, so that no test can pass by not running.
 * The run has a folder for what kept.ts keeps.
 */
export default async function setup(): Promise<() => Promise<void>> {
  const dataDir = resolve(process.env['DATA_DIR'] || fileURLToPath(new URL('../../var', import.meta.url)))
  const module = findSoftHsm({ dataDir })
  if (module === null) throw new Error('SoftHSM2 is not on this machine. `npm test` installs it; by hand: apt-get install libsofthsm2, or SOFTHSM2_MODULE=PATH.')
  process.env['SOFTHSM2_MODULE'] = module
  const folder = mkdtempSync(join(tmpdir(), 'test-run-'))
  process.env['TEST_RUN_FOLDER'] = folder
  const engine = process.env['TEST_DATABASE'] || 'sqlite'
  if (engine !== 'sqlite' && engine !== 'postgres') throw new Error(`TEST_DATABASE must be sqlite or postgres, is "${engine}"`)
  // One server for a whole run; where files were named, those that want one start their own.
  const named = process.argv.slice(2).some((word) => /^(\.\/)?test\b/.test(word))
  const server = engine === 'postgres' || (!named && findPostgres() !== null) ? await startPostgres() : null
  if (server) process.env['TEST_POSTGRES'] = server.url('postgres')
  return async () => {
    await server?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
