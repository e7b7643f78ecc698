import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ENCODING, LINTS, lintTbs } from '../../src/certificate/lints/lints.ts'
import { CERTIFICATE_KINDS } from '../../src/certificate/profile.ts'
import { mutate, seededNumbers } from '../pki/keys.ts'
import { DEFECTS, type OpenContext } from './defects.ts'
import { buildFor, contextOf } from './orders.ts'
import { putTogether, takeApart } from './tbs-parts.ts'

const ids = [ENCODING.id, ...LINTS.map(({ id }) => id)]

describe.each(CERTIFICATE_KINDS)('ISS-1: a sound %s certificate', (kind) => {
  const context = contextOf(kind)
  const tbs = buildFor(context)
  it('passes every lint', () => {
    expect(lintTbs(tbs, context)).toEqual([])
  })
  it('is the same when taken apart and put together, so that a defect is all that differs', () => {
    expect(putTogether(takeApart(tbs)).equals(tbs)).toBe(true)
  })
})

describe('ISS-1: a defective certificate', () => {
  for (const [id, defects] of Object.entries(DEFECTS)) {
    const lint = LINTS.find((each) => each.id === id)
    const row = id.split('-').slice(0, 2).join('-').toUpperCase()
    for (const { defect, apply, kinds } of defects)
      for (const kind of kinds ?? lint?.kinds ?? CERTIFICATE_KINDS)
        it(`${row}: ${kind} with ${defect} is refused by ${id} alone`, () => {
          const context: OpenContext = { ...contextOf(kind) }
          const parts = takeApart(buildFor(context))
          apply(parts, context)
          const tbs = putTogether(parts)
          const findings = lintTbs(tbs, context)
          expect(findings.map((finding) => finding.id)).toEqual([id])
          expect(findings[0]!.message.values!['observed']).not.toBe('')
          // Without its lint the defect passes: no other one stands in for it.
          if (lint) expect(lintTbs(tbs, context, LINTS.filter((each) => each !== lint))).toEqual([])
        })
  }
})

describe('ISS-1: the table of lints', () => {
  it('has a defective certificate for every lint, and names every lint once', () => {
    expect(new Set(ids).size).toBe(ids.length)
    expect(Object.keys(DEFECTS).sort()).toEqual([...ids].sort())
  })
  it('names a ledger row and a clause for every lint, and has its sentence in both languages', () => {
    for (const language of ['en', 'ja']) {
      const words: Record<string, string> = JSON.parse(readFileSync(new URL(`../../src/web/locales/${language}/lints.json`, import.meta.url), 'utf8'))
      expect(Object.keys(words).sort()).toEqual([...new Set([ENCODING.sentence, 'issuer-life', ...LINTS.map(({ sentence }) => sentence)])].sort())
      expect(Object.values(words).filter((sentence) => !sentence.includes('{observed}'))).toEqual([])
    }
    for (const { row, clause } of LINTS) {
      expect(row).toMatch(/^[A-Z]{3}-\d+$/)
      expect(clause).toMatch(/CP|CSBR|RFC|CAK/)
    }
  })
  it('answers mutated certificates with findings, never an exception (fixed seed)', () => {
    const random = seededNumbers(381)
    const context = contextOf('subscriber')
    const tbs = buildFor(context)
    let passed = 0
    for (let round = 0; round < 3000; round++) {
      const mutated = mutate(tbs, random)
      if (!mutated.equals(tbs) && lintTbs(mutated, context).length === 0) passed++
    }
    // Serial number and a later beginning are free; nearly every other octet is pinned by some lint.
    expect(passed).toBeLessThan(90)
  })
})
