/** What was on a list and is not on the next: read from the octets of both, whoever merged them (REV-7, CRL-3). */
import type { ChunkStore } from '../database/chunk-store.ts'
import { serialAt, usualLength } from '../revocation/crl-entries.ts'
import type { ChunkRef } from '../revocation/crl-merge.ts'
import { readFirstListed } from '../revocation/crl-reader.ts'

/** Serial numbers of `before` that `after` has not; chunks that both have are not read. @throws CrlDamaged */
export async function lostSerials(store: ChunkStore, before: readonly ChunkRef[], after: readonly ChunkRef[]): Promise<readonly string[]> {
  const names = (chunks: readonly ChunkRef[]) => new Set(chunks.map(({ sha256 }) => sha256.toString('hex')))
  const [olds, news] = [names(before), names(after)]
  const only = (chunks: readonly ChunkRef[], others: ReadonlySet<string>) => chunks.filter(({ sha256 }) => !others.has(sha256.toString('hex'))).map(({ sha256 }) => sha256)
  const lost: string[] = []
  const present = serialsOf(store, only(after, olds))
  let next = await present.next()
  for await (const serial of serialsOf(store, only(before, news))) {
    // Both ascend: see lintEntries.
    while (!next.done && next.value < serial) next = await present.next()
    if (next.done || next.value !== serial) lost.push(serial)
  }
  return lost
}

async function* serialsOf(store: ChunkStore, digests: readonly Buffer[]): AsyncGenerator<string> {
  for await (const { octets } of store.read(digests)) {
    for (let at = 0; at < octets.length; ) {
      const usual = usualLength(octets, at)
      const first = usual === 0 ? readFirstListed(octets.subarray(at)) : null
      yield first ? first.entry.serial : serialAt(octets, at)
      at += first ? first.length : usual
    }
  }
}
