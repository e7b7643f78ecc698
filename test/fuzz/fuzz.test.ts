import { describe, expect, it } from 'vitest'
import { haveSamples, NO_SAMPLES } from '../support/attestation-samples.ts'
import { fakeSpecimens, MAKERS, realSpecimens } from '../support/specimens.ts'
import { fuzzer } from './oracle.ts'

const SEED = 20261122
const fakes = fakeSpecimens()
const all = [...realSpecimens(), ...fakes]

describe(`damaged uploads of every maker${haveSamples() ? '' : ` (of real samples: ${NO_SAMPLES})`}`, () => {
  // A stand-in has the form of a sample, where one is public: it is damaged for its maker's sake when there is none.
  const rounds = all.map((specimen) => ({ specimen, id: specimen.id, count: specimen.real || !haveSamples() ? 500 : 100 }))
  it.each(rounds)('ATT-2: $count mutations of $id crash nothing, verify no other key, and answer no question that was open', async ({ specimen, count }) => {
    const fuzz = fuzzer(specimen, all, SEED)
    const tally: Record<string, number> = {}
    for (let round = 0; round < count; round++) {
      const { kind, faults } = await fuzz.judge(fuzz.upload(round))
      tally[kind] = (tally[kind] ?? 0) + 1
      expect(faults, `npm run fuzz -- --sample ${specimen.id} --seed ${SEED} --only ${round}`).toEqual([])
    }
    // The damage reaches every depth: some of it is seen at once, some only by a check.
    expect(tally['malformed']).toBeGreaterThan(count / 10)
    expect(tally['refused']).toBeGreaterThan(count / 20)
  })

  it('ATT-2: no maker is left out', () => {
    expect([...new Set(fakes.map(({ maker }) => maker))].sort()).toEqual(MAKERS)
  })
})
