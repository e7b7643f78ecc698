import { expect, test } from 'vitest'
import { type ExampleCertificate, type ExampleKind, EXAMPLE_KINDS, shownExamples, showsOrWill } from '../../src/application/example.ts'

const START = Date.UTC(2026, 10, 1)
const DAY = 86_400_000
const at = (days: number) => new Date(START + days * DAY)

const example = (kind: ExampleKind, { from = 0, to, revoked }: { from?: number; to: number; revoked?: number }, authorityId = 'issuing-g1'): ExampleCertificate => ({
  id: `${authorityId}-${kind}-${from}`, kind, authorityId, serial: '01', der: Buffer.alloc(0), notBefore: at(from), notAfter: at(to), revokedAt: revoked === undefined ? null : at(revoked), spkiSha256: '', issuedAt: at(from), stampedAt: null,
})
const words = (examples: readonly ExampleCertificate[], days: number) => shownExamples(examples, at(days)).filter(showsOrWill).map(({ id, state, pending }) => `${id}: ${state}${pending ? ', pending' : ''}`)

const ALL = [example('valid', { to: 90 }), example('revoked', { to: 90, revoked: 0 }), example('expired', { to: 1 }), example('revoked-then-expired', { to: 1, revoked: 0 })]

test('REP-2: an example that does not show yet what its kind says is pending; one that no longer can is not shown', () => {
  expect(words(ALL, 0.5)).toEqual(['issuing-g1-valid-0: valid', 'issuing-g1-revoked-0: revoked', 'issuing-g1-expired-0: valid, pending', 'issuing-g1-revoked-then-expired-0: revoked, pending'])
  // Nobody made another: after a key rollover, or without the policy's word (CAK-5).
  expect(words(ALL, 100)).toEqual(['issuing-g1-expired-0: expired', 'issuing-g1-revoked-then-expired-0: revoked-then-expired'])
})

test.each<readonly [ExampleKind, { to: number; revoked?: number }]>([
  ['valid', { to: 90, revoked: 1 }],
  ['valid', { to: 5 }],
  ['revoked', { to: 5 }],
  ['revoked', { to: 5, revoked: 1 }],
  ['expired', { to: 90, revoked: 1 }],
  ['expired', { to: 5, revoked: 1 }],
  ['revoked-then-expired', { to: 5 }],
])('REP-2: a %s example with %j is over after ten days', (kind, dates) => {
  expect(words([example(kind, dates)], 10)).toEqual([])
})

test('REP-2: the newest that shows its kind stands before one that will, of each authority', () => {
  const next = example('expired', { from: 60, to: 61 })
  expect(words([...ALL, next], 60.5)).toContain('issuing-g1-expired-0: expired')
  expect(words([...ALL, next], 62)).toContain('issuing-g1-expired-60: expired')
  expect(shownExamples([...ALL, ...EXAMPLE_KINDS.map((kind) => example(kind, { to: 90 }, 'issuing-g2'))], at(0.5)).filter(({ authorityId }) => authorityId === 'issuing-g2').map(({ kind }) => kind)).toEqual(EXAMPLE_KINDS)
})
