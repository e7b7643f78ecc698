import { fileURLToPath } from 'node:url'
import { resolve } from 'node:path'
import { findSoftHsm } from '../../src/signer/find-softhsm.mjs'

/** Every test that signs uses a real PKCS#11 module: without one nothing starts, so that no test can pass by not running. */
export default function setup(): void {
  const dataDir = resolve(process.env['DATA_DIR'] || fileURLToPath(new URL('../../var', import.meta.url)))
  const module = findSoftHsm({ dataDir })
  if (module === null) throw new Error('SoftHSM2 is not on this machine. `npm test` installs it; by hand: apt-get install libsofthsm2, or SOFTHSM2_MODULE=PATH.')
  process.env['SOFTHSM2_MODULE'] = module
}
