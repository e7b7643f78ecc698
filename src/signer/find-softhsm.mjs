// Plain JavaScript without dependencies: the set-up runs this before any package is installed.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Where an unpacked package lies below the data folder. */
export const UNPACKED = 'softhsm'

const MULTIARCH = ['x86_64-linux-gnu', 'aarch64-linux-gnu', 'arm-linux-gnueabihf', 'riscv64-linux-gnu', 'ppc64le-linux-gnu', 's390x-linux-gnu']

// Debian and Ubuntu; then Fedora, Arch and builds from source; then Homebrew on Apple silicon and Intel.
const INSTALLED = [
  '/usr/lib/softhsm/libsofthsm2.so',
  ...MULTIARCH.map((triplet) => `/usr/lib/${triplet}/softhsm/libsofthsm2.so`),
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib64/libsofthsm2.so',
  '/usr/lib/pkcs11/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
]

/**
 * The SoftHSM2 library of this machine: SOFTHSM2_MODULE when it is set, else an installed one, else one unpacked below the data folder.
 * @param {{ dataDir: string, env?: Readonly<Record<string, string | undefined>> }} place
 * @returns {string | null} an absolute path, or null when there is none; a set SOFTHSM2_MODULE that names no file is never passed over for another
 */
export function findSoftHsm({ dataDir, env = process.env }) {
  const named = env.SOFTHSM2_MODULE
  if (named) return existsSync(named) ? named : null
  const unpacked = INSTALLED.filter((path) => path.startsWith('/usr/lib')).map((path) => join(dataDir, UNPACKED, path))
  return [...INSTALLED, ...unpacked].find((path) => existsSync(path)) ?? null
}
