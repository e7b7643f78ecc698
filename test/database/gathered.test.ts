import { describe, expect, test } from 'vitest'
import { gathered } from '../../src/database/gathered.ts'

describe('questions asked together', () => {
  test('what is asked in one turn is asked of the database once, and each gets its own answer', async () => {
    const asked: (readonly number[])[] = []
    const double = gathered(async (keys: readonly number[]) => (asked.push(keys), keys.map((key) => key * 2)))
    expect(await Promise.all([1, 2, 2].map(double))).toEqual([2, 4, 4])
    expect(asked).toEqual([[1, 2, 2]])
  })

  test('no answer is older than its asking: what is asked while an answer is under way is asked anew, after it', async () => {
    let value = 'old'
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    const read = gathered(async (keys: readonly string[]) => {
      const read = value
      await held
      return keys.map(() => read)
    })
    const first = read('a')
    await new Promise((soon) => setImmediate(() => setImmediate(soon)))
    value = 'new'
    const second = read('a')
    release()
    expect([await first, await second]).toEqual(['old', 'new'])
  })

  test('LOG-1: of two that read and then write the second sees what the first wrote', async () => {
    const written: string[] = []
    const append = gathered(async (keys: readonly string[]) => {
      const last = written.length
      await new Promise((soon) => setImmediate(() => setImmediate(() => setImmediate(soon))))
      keys.forEach((key, index) => void (written[last + index] = key))
      return keys.map((_, index) => last + index)
    })
    const first = append('a')
    await new Promise((soon) => setImmediate(() => setImmediate(soon)))
    expect([await Promise.all([append('b'), first]), written]).toEqual([[1, 0], ['a', 'b']])
  })

  test('a question that fails fails for each that asked it, and the next is asked', async () => {
    let away = true
    const read = gathered(async (keys: readonly number[]) => {
      if (away) throw new Error('away')
      return keys
    })
    expect((await Promise.allSettled([read(1), read(2)])).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    away = false
    expect(await read(3)).toBe(3)
  })
})
