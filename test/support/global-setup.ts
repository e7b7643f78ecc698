import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findSoftHsm } from '../../src/signer/find-softhsm.mjs'

/**
 * Every test that signs uses a real PKCS#11 module: without one nothing starts, so that no test can pass by not running.
 * The run has a folder for what kept.ts keeps.
 */
export default function setup(): () => void {
  const dataDir = resolve(process.env['DATA_DIR'] || fileURLToPath(new URL('../../var', import.meta.url)))
  const module = findSoftHsm({ dataDir })
  if (module === null) throw new Error('SoftHSM2 is not on this machine. `npm test` installs it; by hand: apt-get install libsofthsm2, or SOFTHSM2_MODULE=PATH.')
  process.env['SOFTHSM2_MODULE'] = module
  const folder = mkdtempSync(join(tmpdir(), 'test-run-'))
  process.env['TEST_RUN_FOLDER'] = folder
  return () => rmSync(folder, { recursive: true, force: true })
}
