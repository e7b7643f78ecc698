import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keptTime } from '../../src/clock/kept-time.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kept-time-'))
  path = join(folder, 'data', 'last-seen-status')
})
afterEach(() => rmSync(folder, { recursive: true }))
const at = new Date('2026-11-22T10:20:30.400Z')

test('CRL-2: a kept time is read back; what is none counts for nothing', async () => {
  expect(await keptTime(path).read()).toBe(null)
  await keptTime(path).write(at)
  expect(await keptTime(path).read()).toEqual(at)
  for (const text of ['', '2026-11-22', '2026-11-22T10:20:30.400Z', '2026-99-22T10:20:30.400Z\n']) {
    writeFileSync(path, text)
    expect(await keptTime(path).read(), text).toBe(null)
  }
})

test('CRL-2: the workers of a node keep one time, and none trips over another', async () => {
  await Promise.all(Array.from({ length: 20 }, () => keptTime(path).write(at)))
  expect(await keptTime(path).read()).toEqual(at)
  expect(readdirSync(join(path, '..'))).toEqual(['last-seen-status'])
})
