/**
 * Verdicts per second for each maker, beside the bare cost of the signature checks that such a verdict can't do without: the same signatures
 * of the same keys, imported and verified with node:crypto and nothing else.
 */
import crypto, { type KeyObject } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { fakeSpecimens, judgeSpecimen, realSpecimens, type Specimen } from '../support/specimens.ts'
import type { Bench } from './run.ts'

type VerifyCall = { digest: string | null | undefined; signed: Buffer; spki: Buffer; options: object; signature: Buffer }

/** Every signature that holds while `work` runs, each once. */
function signaturesOf(work: () => void): { distinct: VerifyCall[]; calls: number } {
  const original = crypto.verify
  const distinct = new Map<string, VerifyCall>()
  let calls = 0
  const recording = (digest: string | null | undefined, signed: Buffer, key: KeyObject | ({ key: KeyObject } & object), signature: Buffer): boolean => {
    calls++
    const good = original(digest, signed, key as never, signature)
    const { key: keyObject, ...options } = 'key' in key ? key : { key }
    const spki = (keyObject as KeyObject).export({ type: 'spki', format: 'der' })
    if (good) distinct.set([spki, signed, signature].map((octets) => octets.toString('base64')).join(), { digest, signed, spki, options, signature })
    return good
  }
  crypto.verify = recording as unknown as typeof crypto.verify
  syncBuiltinESMExports()
  try {
    work()
  } finally {
    crypto.verify = original
    syncBuiltinESMExports()
  }
  return { distinct: [...distinct.values()], calls }
}

const bare = (calls: readonly VerifyCall[]) => () => {
  for (const { digest, signed, spki, options, signature } of calls) {
    const key = crypto.createPublicKey({ key: spki, format: 'der', type: 'spki' })
    if (!crypto.verify(digest, signed, { ...options, key }, signature)) throw new Error('a signature that held no longer does')
  }
}

const ROUND_MS = 25
const ROUNDS = 40

/** CPU microseconds of this process for one call: other work on the machine falls out of it. */
function cost(work: () => void): number {
  const start = process.cpuUsage()
  const until = performance.now() + ROUND_MS
  let times = 0
  do {
    work()
    times++
  } while (performance.now() < until)
  const { user, system } = process.cpuUsage(start)
  return (user + system) / times
}

const median = (values: readonly number[]): number => [...values].sort((one, other) => one - other)[values.length >> 1]!

/** A statement of each maker that its chain bears out: a real one where there is one, or its stand-in's. */
function chosen(): Specimen[] {
  const all = [...realSpecimens(), ...fakeSpecimens()]
  return [...new Set(all.map(({ maker }) => maker))].sort().map((maker) => {
    const those = all.filter((one) => one.maker === maker)
    return those.find((one) => judgeSpecimen(one, one).chainTrusted) ?? those[0]!
  })
}

export const benchAttestation: Bench = {
  what: 'verdicts per second for each maker, beside the bare signature checks',
  run() {
    const rows = chosen().map((specimen) => {
      const verdict = () => void judgeSpecimen(specimen, specimen)
      const { distinct, calls } = signaturesOf(verdict)
      const alone = bare(distinct)
      for (let warm = 0; warm < 10; warm++) [cost(verdict), cost(alone)]
      const rounds = Array.from({ length: ROUNDS }, () => ({ verdict: cost(verdict), alone: cost(alone) }))
      const [whole, least] = [median(rounds.map((round) => round.verdict)), median(rounds.map((round) => round.alone))]
      const ratio = median(rounds.map((round) => round.verdict / round.alone))
      return `| ${specimen.maker} | \`${specimen.id}\` | ${Math.round(1e6 / whole)} | ${(whole / 1000).toFixed(2)} | ${distinct.length} (${calls}) | ${distinct.length > 0 ? `${(least / 1000).toFixed(2)} | ${ratio.toFixed(1)}` : '– | –'} |`
    })
    return [
      `Verdicts of the attestation engine for each second of CPU time on one core, and the bare cost of the signature checks behind one: each signature that holds, its key imported and verified with node:crypto. In brackets: how many checks the engine asked for. Medians of ${ROUNDS} rounds of ${ROUND_MS} ms each, by turns.`,
      '',
      '| maker | statement | verdicts/s | ms each | signatures (asked) | ms bare | ratio |',
      '|---|---|---|---|---|---|---|',
      ...rows,
    ].join('\n')
  },
}
