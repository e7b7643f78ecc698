import { describe, expect, it } from 'vitest'
import { confirmationNote, proposalNote } from '../../src/application/change-anchors.ts'
import { judgeAnchorChanges } from '../../src/application/issue-anchors.ts'
import type { LoggedEvent } from '../../src/application/issue-ports.ts'
import type { AuditNote } from '../../src/application/ports.ts'
import type { AnchorChange } from '../../src/attestation/anchor-changes.ts'

const change = (id: string, more: Partial<AnchorChange> = {}): AnchorChange => ({
  id, kind: 'withdraw', maker: 'thales-luna', spkiSha256: 'a'.repeat(64), anchors: null, reason: 'test', proposedBy: 'Aoki', proposedAt: '2026-11-20T00:00:00.000Z', confirmedBy: 'Beppu', confirmedAt: '2026-11-21T00:00:00.000Z', ...more,
})
const logged = ({ event, details = {} }: AuditNote): LoggedEvent => ({ event, actor: 'process:anchors', details })
const acts = (...changes: AnchorChange[]) => changes.flatMap((each) => [logged(proposalNote(each)), logged(confirmationNote(each, each.confirmedBy))])
const [one, two] = [change('one'), change('two', { kind: 'turn-on' })]
const held = (changes: readonly AnchorChange[], log: readonly LoggedEvent[]) => judgeAnchorChanges(changes, log).map(({ row, code }) => `${row} ${code}`)
const HELD = ['LOG-1 log-anchors']

describe('changes of makers\' keys against the audit log', () => {
  it('LOG-1: hold when each was proposed and confirmed there, by two persons, in this order', () => {
    expect(held([], [])).toEqual([])
    expect(held([one, two], acts(one, two))).toEqual([])
    expect(held([one], [...acts(one), logged(proposalNote(two))])).toEqual([])
  })

  it.each<[name: string, changes: readonly AnchorChange[], log: readonly LoggedEvent[]]>([
    ['a change that the log does not know', [one], []],
    ['a change that was taken out of the table', [one], acts(one, two)],
    ['a change that was never proposed', [one], acts(one).slice(1)],
    ['a change that was never confirmed', [one], acts(one).slice(0, 1)],
    ['a confirmation before the proposal', [one], acts(one).reverse()],
    ['changes in another order than they were confirmed in', [two, one], acts(one, two)],
    ['another person in the row than in the log', [change('one', { confirmedBy: 'Chiba' })], acts(one)],
    ['another proposer in the row than in the log', [change('one', { proposedBy: 'Chiba' })], acts(one)],
    ['another key in the row than in the log', [change('one', { spkiSha256: 'b'.repeat(64) })], acts(one)],
    ['another reason in the row than in the log', [change('one', { reason: 'other' })], acts(one)],
    ['another kind in the row than in the log', [change('one', { kind: 'turn-on' })], acts(one)],
    ['one person for both', [change('one', { confirmedBy: 'aoki' })], acts(change('one', { confirmedBy: 'aoki' }))],
  ])('LOG-1: stop issuing: %s', (_name, changes, log) => expect(held(changes, log)).toEqual(HELD))
})
