import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { withLockFile } from '../../src/signer/lock-file.mjs'

const folder = mkdtempSync(join(tmpdir(), 'lock-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function crowd(path: string, size: number): Promise<number> {
  let inside = 0
  let most = 0
  const enter = () => withLockFile(path, async () => {
    most = Math.max(most, ++inside)
    await sleep(15)
    inside--
  })
  await Promise.all(Array.from({ length: size }, enter))
  return most
}

test('ISS-6: one at a time, and the file is gone afterwards', async () => {
  const path = join(folder, 'new', 'one.lock')
  expect(await crowd(path, 6)).toBe(1)
  expect(existsSync(path)).toBe(false)
})

test('ISS-6: what an ended process left is taken over by one of those who wait', async () => {
  const path = join(folder, 'stale.lock')
  writeFileSync(path, `999999999 1 ${hostname()} 1`)
  expect(await crowd(path, 6)).toBe(1)
})

test('ISS-6: a process that was given the number of an ended one does not hold its lock', async () => {
  const path = join(folder, 'reused.lock')
  writeFileSync(path, `${process.pid} 1 ${hostname()} 1`)
  expect(await withLockFile(path, () => 'in', { patienceMs: 500 })).toBe('in')
})

test('ISS-6: another host holds its lock while it shows life, and loses it after a silent minute', async () => {
  const path = join(folder, 'host.lock')
  writeFileSync(path, '1 1 another-host 1')
  const waited: string[] = []
  await expect(withLockFile(path, () => 'in', { patienceMs: 300, onWait: (pid) => waited.push(pid) })).rejects.toThrow(`${path} is still held by process 1;`)
  expect(waited).toEqual(['1'])
  const longAgo = new Date(Date.now() - 61_000)
  utimesSync(path, longAgo, longAgo)
  expect(await withLockFile(path, () => 'in')).toBe('in')
})

test('ISS-6: the lock is let go when the work fails', async () => {
  const path = join(folder, 'failed.lock')
  await expect(withLockFile(path, () => Promise.reject(new Error('work failed')))).rejects.toThrow('work failed')
  expect(existsSync(path)).toBe(false)
})
