import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { holdDataFolder } from '../../src/instance-lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'instance-lock-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a data folder serves one instance: a second one is refused while the first lives', async () => {
  await holdDataFolder(folder)
  expect(readFileSync(join(folder, 'instance'), 'utf8')).toMatch(new RegExp(`^${process.pid} `))
  await expect(holdDataFolder(folder)).rejects.toThrow(`Another instance (process ${process.pid}) runs on ${folder}`)
})

test('an instance that was killed leaves the folder free, whoever has its number now', async () => {
  const child = spawn(process.execPath, ['-e', ''])
  await new Promise((done) => child.on('exit', done))
  writeFileSync(join(folder, 'instance'), `${child.pid} 1 ${hostname()} 0`)
  await expect(holdDataFolder(folder)).resolves.toBeUndefined()
  writeFileSync(join(folder, 'instance'), `${process.ppid} 1 ${hostname()} 0`)
  await expect(holdDataFolder(folder)).resolves.toBeUndefined()
})
