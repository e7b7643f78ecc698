import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { diskFigures, isLow, type Room, roomIn, watchRoom } from '../../src/metrics/disk-figures.ts'

const GIB = 2 ** 30
const room = (free: number, size = 100 * GIB): Room => ({ folder: 'data', path: '/data', free, size })

test.each([
  ['a tenth of a disk', room(10 * GIB), false],
  ['less than a tenth', room(10 * GIB - 1), true],
  ['a GiB of a small disk', room(GIB, 4 * GIB), false],
  ['less than a GiB, whatever share that is', room(GIB - 1, 4 * GIB), true],
])('LOG-1, OCS-8: %s', (_, each, low) => expect(isLow(each)).toBe(low))

test('LOG-1, OCS-8: what is short is told before it is full: at once, after six hours again, and when it is short anew', async () => {
  let [now, free] = [0, 50 * GIB]
  const told: number[] = []
  const turn = watchRoom(async () => [room(free), { ...room(90 * GIB), folder: 'access-log' }], () => now, ({ folder, free: left }) => void told.push(folder === 'data' ? left / GIB : NaN))
  const minutes = async (count: number) => {
    for (let minute = 0; minute < count; minute++, now += 60_000) await turn()
  }
  await minutes(5)
  expect(told).toEqual([])
  free = 9 * GIB
  await minutes(359)
  expect(told).toEqual([9])
  await minutes(2)
  expect(told).toEqual([9, 9])
  free = 20 * GIB
  await minutes(1)
  free = 8 * GIB
  await minutes(3)
  expect(told).toEqual([9, 9, 8])
})

test('LOG-1, OCS-8: the figures are those of the disk; a folder that is not there yet lies where its parent does', async () => {
  const registry = new Registry()
  diskFigures(registry, { data: tmpdir(), 'access-log': join(tmpdir(), 'not', 'there', 'yet') })
  const { bsize, blocks } = statfsSync(tmpdir())
  const text = await registry.metrics()
  for (const folder of ['data', 'access-log']) {
    expect(text).toContain(`disk_size_bytes{folder="${folder}"} ${blocks * bsize}`)
    expect(Number(new RegExp(`^disk_free_bytes\\{folder="${folder}"\\} (\\d+)$`, 'm').exec(text)![1])).toBeLessThan(blocks * bsize)
  }
  expect(await roomIn({ data: '/dev/null/x' }).catch(({ code }: NodeJS.ErrnoException) => code)).toBe('ENOTDIR')
})
