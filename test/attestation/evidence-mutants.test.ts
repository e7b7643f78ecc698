import { zipSync } from 'fflate'
import { expect, it } from 'vitest'
import { LIMITS, readEvidence } from '../../src/attestation/evidence.ts'

/** What a run of mutants left alive: the numbers that a person is told. */
it('ATT-9: whoever sends too many files, loose or in an archive, is told how many may come', () => {
  const request = Buffer.from('3000', 'hex')
  const reason = (files: { name: string; bytes: Buffer }[]) => {
    try {
      readEvidence(files, request)
    } catch (error) {
      return (error as { reason: unknown }).reason
    }
    return null
  }
  const loose = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `${index}.txt`, bytes: Buffer.from(`${index}`) }))
  const archive = (count: number) => [{ name: 'all.zip', bytes: Buffer.from(zipSync(Object.fromEntries(loose(count).map(({ name, bytes }) => [name, new Uint8Array(bytes)])))) }]
  const told = { key: 'attestation.malformed.too-many-files', values: { limit: String(LIMITS.files) } }
  expect([reason(loose(LIMITS.files)), reason(archive(LIMITS.files))]).toEqual([null, null])
  expect([reason(loose(LIMITS.files + 1)), reason(archive(LIMITS.files + 1))]).toEqual([told, told])
})
