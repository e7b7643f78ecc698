import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startWorkers } from '../../src/workers.ts'

/** A worker whose child holds its channel to the primary open: it exits, and is not disconnected. */
const WORKER = `
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
const holder = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', 3], detached: true })
holder.unref()
process.on('message', ({ stop }) => stop && process.exit(0))
writeFileSync(import.meta.dirname + '/pids', process.pid + ' ' + holder.pid)
process.send({ ready: true })
`

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a worker that died, and whose channel is not closed yet, is not waited for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'workers-'))
  writeFileSync(join(folder, 'worker.mjs'), WORKER)
  const { stop } = await startWorkers('test', join(folder, 'worker.mjs'), 1)
  const [worker, holder] = readFileSync(join(folder, 'pids'), 'utf8').split(' ').map(Number) as [number, number]
  try {
    process.kill(worker, 'SIGKILL')
    await expect.poll(() => lives(worker)).toBe(false)
    expect(lives(holder)).toBe(true)
    expect(await Promise.race([stop().then(() => 'stopped'), new Promise((done) => setTimeout(done, 3000, 'waits'))])).toBe('stopped')
  } finally {
    process.kill(holder, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})
