// Plain JavaScript without dependencies: this runs before any package is installed.
import { spawn } from 'node:child_process'
import { accessSync, appendFileSync, closeSync, constants, openSync, readFileSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What stops a set-up, in words for the person at the terminal. Shown without a stack trace. */
export class SetUpRefused extends Error {
  constructor(message, exitCode = 1) {
    super(message)
    this.name = 'SetUpRefused'
    this.exitCode = exitCode
  }
}

const seconds = (since) => `${Math.round((Date.now() - since) / 1000)} s`

/**
 * Tells what is being done, that it still is, and how long it took. A terminal gets one line that counts, a log file a line now and then.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(what, work) {
  const { stdout } = process
  const began = Date.now()
  if (!stdout.isTTY) stdout.write(`${what} …\n`)
  const show = () => stdout.write(stdout.isTTY ? `\r${what} … ${seconds(began)}` : `  … ${seconds(began)}\n`)
  if (stdout.isTTY) show()
  const timer = setInterval(show, stdout.isTTY ? 1_000 : 15_000)
  try {
    const result = await work()
    stdout.write(`${stdout.isTTY ? '\r' : ''}${what}: done in ${seconds(began)}\n`)
    return result
  } catch (error) {
    stdout.write(`${stdout.isTTY ? '\r' : ''}${what}: failed after ${seconds(began)}\n`)
    throw error
  } finally {
    clearInterval(timer)
  }
}

/**
 * Runs a program to its end; what it says goes to the log.
 * @param {{ log: string, cwd?: string, env?: NodeJS.ProcessEnv }} place
 * @returns {Promise<{ ok: boolean, tail: string }>} tail: the last lines that it wrote
 * @throws {SetUpRefused} when this process is told to end meanwhile; the program and its children are ended first
 */
export function run(command, args, { log, cwd, env = process.env }) {
  appendFileSync(log, `\n$ ${command} ${args.join(' ')}\n`, { mode: 0o600 })
  const from = statSync(log).size
  const output = openSync(log, 'a')
  return new Promise((resolve, reject) => {
    // A group of its own: a compiler three levels down ends with it.
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', output, output], detached: true })
    closeSync(output)
    let ended = null
    const end = (signal) => {
      ended = signal
      try {
        process.kill(-child.pid, 'SIGTERM')
      } catch {
        // It has just ended by itself.
      }
    }
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, end)
    const done = (settle) => {
      for (const signal of signals) process.off(signal, end)
      if (ended) reject(new SetUpRefused('Stopped. The next start goes on from here.', ended === 'SIGINT' ? 130 : ended === 'SIGTERM' ? 143 : 129))
      else settle()
    }
    child.on('error', (error) => done(() => resolve({ ok: false, tail: error.message })))
    child.on('close', (code) => done(() => resolve({ ok: code === 0, tail: tail(log, from) })))
  })
}

function tail(log, from) {
  return readFileSync(log).subarray(from).toString('utf8').trimEnd().split('\n').slice(-30).join('\n')
}

/** Whether one of these programs is in the search path. */
export function inPath(...names) {
  const folders = (process.env.PATH || '').split(delimiter)
  return names.some((name) => folders.some((folder) => {
    try {
      accessSync(join(folder || '.', name), constants.X_OK)
      return true
    } catch {
      return false
    }
  }))
}
