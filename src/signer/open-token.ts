/** From configuration to an open token: finds the module, reads the PIN from its file, says in one line what is missing. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Config } from '../config.ts'
import { findSoftHsm } from './find-softhsm.mjs'
import { openSigner, type Pkcs11Signer } from './pkcs11.ts'
import { SignerUnavailable } from './signer.ts'
import { useSoftHsm } from './softhsm.ts'

/** The PKCS #11 library: the configured one, or SoftHSM2 with its tokens in the data folder. */
export function hsmModule(config: Config): { readonly path: string; readonly embedded: boolean } {
  if (config.hsm?.module) return { path: config.hsm.module, embedded: false }
  // ISS-6: SoftHSM keeps keys in files. Production names its module, even when it is this one.
  if (config.production) throw new SignerUnavailable('module-missing', 'PKCS11_MODULE: production needs the path of the HSM’s PKCS#11 library')
  const found = findSoftHsm({ dataDir: config.dataDir })
  if (!found) throw new SignerUnavailable('module-missing', 'No PKCS#11 module found: install SoftHSM2 (Debian, Ubuntu: apt install libsofthsm2) or set PKCS11_MODULE')
  useSoftHsm(join(config.dataDir, 'softhsm'))
  return { path: found, embedded: true }
}

/** Opens the token that this process is configured for. @throws SignerUnavailable */
export async function openConfiguredToken(config: Config): Promise<Pkcs11Signer> {
  if (!config.hsm) throw new Error('this process has no token')
  const { path } = hsmModule(config)
  return openSigner({ module: path, tokenLabel: config.hsm.tokenLabel, pin: readPin(config.hsm.pinFile) })
}

/** @throws SignerUnavailable when the file is missing, empty, or readable by others */
export function readPin(file: string): string {
  let pin: string
  try {
    if ((statSync(file).mode & 0o077) !== 0) throw new SignerUnavailable('pin-refused', `The PIN file ${file} is readable by others: chmod 600 it`)
    pin = readFileSync(file, 'utf8').trim()
  } catch (error) {
    if (error instanceof SignerUnavailable) throw error
    throw new SignerUnavailable('pin-refused', `The PIN file ${file} can't be read: run the set-up (npm start) or the ceremony (npm run ceremony) first`)
  }
  if (pin === '') throw new SignerUnavailable('pin-refused', `The PIN file ${file} is empty`)
  return pin
}

/** The PIN in the file, made at random (128 bits) when there is none yet. */
export function makePin(file: string): string {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, `${randomBytes(16).toString('hex')}\n`, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readPin(file)
}
