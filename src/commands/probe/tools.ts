/** The programs of others that judge the examples, run in a folder of their own. */
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

export type Tool = 'openssl' | 'jarsigner' | 'keytool' | 'osslsigncode'

export interface Ran {
  readonly code: number
  /** Standard output, then standard error. */
  readonly text: string
}

/** Whether it is on this machine. */
export const isPresent = (tool: Tool, path = process.env['PATH'] ?? ''): boolean =>
  path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/** Runs a program to its end, whatever its exit code. Its words are compared, so it speaks English. @throws when it can't be started, or takes more than a minute */
export function run(cwd: string, tool: Tool, words: readonly string[]): Promise<Ran> {
  const noProxy = [process.env['no_proxy'], 'localhost', '127.0.0.1'].filter(Boolean).join(',')
  return new Promise((done, failed) => {
    execFile(tool, [...words], { cwd, env: { ...process.env, LC_ALL: 'C', no_proxy: noProxy, NO_PROXY: noProxy }, timeout: 60_000, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      const code = error ? error.code : 0
      if (typeof code === 'number') done({ code, text: stdout + stderr })
      else failed(new Error(`${tool}: ${error!.message.split('\n')[0]}`))
    })
  })
}
