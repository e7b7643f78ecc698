/** Damage to foreign bytes, the same on every run of a seed. */

/** Mulberry32. */
export const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

/** One to four changes: a bit, an octet, a cut, an insertion, a piece copied over another. */
export function mutate(bytes: Buffer, next: () => number): Buffer {
  let changed = Buffer.from(bytes)
  const place = () => Math.floor(next() * changed.length)
  for (let count = 1 + Math.floor(next() * 4); count > 0 && changed.length > 0; count--)
    switch (Math.floor(next() * 5)) {
      case 0:
        changed[place()]! ^= 1 << Math.floor(next() * 8)
        break
      case 1:
        changed[place()] = Math.floor(next() * 256)
        break
      case 2:
        changed = changed.subarray(0, place())
        break
      case 3: {
        const at = place()
        changed = Buffer.concat([changed.subarray(0, at), Buffer.from([Math.floor(next() * 256)]), changed.subarray(at)])
        break
      }
      default:
        changed.copy(changed, place(), place(), place())
    }
  return changed
}
