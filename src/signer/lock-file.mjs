// Plain JavaScript without dependencies: the set-up runs this before any package is installed.
import { mkdirSync, openSync, closeSync, readFileSync, statSync, unlinkSync, utimesSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const HEARTBEAT_MS = 5_000
const SILENT_MS = 60_000

/** When a process began, in clock ticks since boot: tells a living holder from another process that was given its number. Linux only. */
function began(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return '-'
  }
}

function take(path, content) {
  try {
    const file = openSync(path, 'wx', 0o600)
    writeSync(file, content)
    closeSync(file)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function read(path) {
  try {
    return { content: readFileSync(path, 'latin1'), touched: statSync(path).mtimeMs }
  } catch (error) {
    if (error.code === 'ENOENT') return null
    throw error
  }
}

function abandoned({ content, touched }) {
  const [pid, start, host] = content.split(' ')
  // Written in two steps, so an empty file may be one being made; the holder of another host (or container) shows life by its heartbeat only.
  if (!host || host !== hostname()) return Date.now() - touched > SILENT_MS
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    if (error.code === 'ESRCH') return true
  }
  return start !== '-' && began(pid) !== start
}

/** Removes what an ended process left. Two may notice at once; only the one that holds the second file removes, and only what it judged. */
function clear(path, judged) {
  const guard = `${path}.clearing`
  const seen = read(guard)
  if (seen && Date.now() - seen.touched > SILENT_MS) unlinkSync(guard)
  if (!take(guard, '')) return
  try {
    const now = read(path)
    if (now && now.content === judged.content && now.touched === judged.touched) unlinkSync(path)
  } finally {
    unlinkSync(guard)
  }
}

/** A lock that another process holds, and kept longer than we wait. `pid` is the holder's, or `unknown`. */
export class LockHeld extends Error {
  /**
   * @param {string} path
   * @param {string} pid
   */
  constructor(path, pid) {
    super(`${path} is still held by process ${pid}; if no such process runs, delete that file`)
    this.name = 'LockHeld'
    this.pid = pid
  }
}

/**
 * Takes the lock, which stays taken until `release` or until this process ends. That of a process that has ended is taken over.
 * @param {string} path the lock's file; its folder is made when missing
 * @param {{ onWait?: (pid: string) => void, patienceMs?: number }} [options] onWait is called once, when another process holds the lock
 * @returns {Promise<() => void>} release
 * @throws {LockHeld}
 */
export async function takeLockFile(path, { onWait = () => {}, patienceMs = 15 * 60_000 } = {}) {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const mine = `${process.pid} ${began(process.pid)} ${hostname()} ${process.hrtime.bigint()}`
  const until = Date.now() + patienceMs
  let told = false
  while (!take(path, mine)) {
    const held = read(path)
    if (held && abandoned(held)) {
      clear(path, held)
      await sleep(10)
      continue
    }
    if (Date.now() > until) throw new LockHeld(path, held?.content.split(' ')[0] || 'unknown')
    if (held && !told) {
      told = true
      onWait(held.content.split(' ')[0])
    }
    await sleep(100)
  }
  const heartbeat = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date())
    } catch {
      // A folder deleted under us shows in the work itself.
    }
  }, HEARTBEAT_MS)
  heartbeat.unref()
  return () => {
    clearInterval(heartbeat)
    if (read(path)?.content === mine) unlinkSync(path)
  }
}

/**
 * Runs work while no other process does the same.
 * @template T
 * @param {string} path
 * @param {() => T | Promise<T>} work
 * @param {Parameters<typeof takeLockFile>[1]} [options]
 * @returns {Promise<T>}
 */
export async function withLockFile(path, work, options) {
  const release = await takeLockFile(path, options)
  try {
    return await work()
  } finally {
    release()
  }
}
