/** SoftHSM2, the software module for development and demonstration: its configuration file and its token folder. */
import { accessSync, chmodSync, constants, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'

export { findSoftHsm } from './find-softhsm.mjs'

export interface SoftHsm {
  readonly conf: string
  readonly tokens: string
}

/**
 * Makes the folder (0700) and the configuration file (0600) that SoftHSM2 wants, and points this process and its children to it.
 * To be called on the main thread before the module is initialised; again with the same folder it changes nothing.
 * @param directory taken as an absolute path, since SoftHSM2 resolves a relative one against the folder that each process was started in
 */
export function useSoftHsm(directory: string, env: NodeJS.ProcessEnv = process.env): SoftHsm {
  const home = resolve(directory)
  if (/[\r\n]/.test(home)) throw new Error(`SoftHSM2 can't read a folder name with a line break: ${JSON.stringify(home)}`)
  const tokens = join(home, 'tokens')
  const conf = join(home, 'softhsm2.conf')
  for (const folder of [home, tokens]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
  }
  const lines = [`directories.tokendir = ${tokens}`, 'objectstore.backend = file', 'log.level = ERROR', 'slots.removable = false', '']
  const text = lines.join('\n')
  if (!existsSync(conf) || readFileSync(conf, 'utf8') !== text) {
    const draft = `${conf}.${process.pid}`
    writeFileSync(draft, text, { mode: 0o600 })
    renameSync(draft, conf)
  }
  chmodSync(conf, 0o600)
  env['SOFTHSM2_CONF'] = conf
  return { conf, tokens }
}

/**
 * Says what is wrong with SoftHSM2's files, or null. C_Initialize answers every one of these faults with a bare CKR_GENERAL_ERROR.
 */
export function softHsmStorageFault(env: Readonly<Record<string, string | undefined>> = process.env): string | null {
  const conf = env['SOFTHSM2_CONF'] || '/etc/softhsm/softhsm2.conf'
  let text: string
  try {
    text = readFileSync(conf, 'utf8')
  } catch (error) {
    return `SoftHSM2's configuration file ${conf} can't be read (${(error as NodeJS.ErrnoException).code})`
  }
  const tokens = /^\s*directories\.tokendir\s*=\s*(.*?)\s*$/m.exec(text)?.[1]
  if (!tokens) return `${conf} names no directories.tokendir`
  if (!isAbsolute(tokens)) return `directories.tokendir in ${conf} must be an absolute path, is ${tokens}`
  try {
    if (!statSync(tokens).isDirectory()) return `SoftHSM2's token folder ${tokens} is no folder`
    accessSync(tokens, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    return `SoftHSM2's token folder ${tokens} can't be used (${(error as NodeJS.ErrnoException).code})`
  }
  return null
}
