import { describe, expect, test } from 'vitest'
import { editable, findMove, MOVES, nextActor, STATES, type ApplicationState } from '../../src/application/lifecycle.ts'
import { AUDIT_EVENTS } from '../../src/audit/events.ts'
import { TABBED } from '../../src/web/pages/review.ts'

const TERMINAL: readonly ApplicationState[] = ['revoked', 'rejected', 'withdrawn']

describe('the life of an application', () => {
  test('APP-6: every state is reached from the draft', () => {
    const reached = new Set<ApplicationState>(['draft'])
    for (let before = 0; before !== reached.size; ) {
      before = reached.size
      for (const move of MOVES) if (move.from.some((from) => reached.has(from))) reached.add(move.to)
    }
    expect([...reached].sort()).toEqual([...STATES].sort())
  })

  test('REV-7: no move leads out of an end, and every other state has one', () => {
    for (const state of STATES) expect(MOVES.some((move) => move.from.includes(state)), state).toBe(!TERMINAL.includes(state))
  })

  test('APP-6: whose turn it is, is somebody who may make a move from there; at an end it is nobody’s', () => {
    for (const state of STATES) {
      const actor = nextActor(state)
      if (actor === null) expect([...TERMINAL, 'accepted'], state).toContain(state)
      else expect(MOVES.some((move) => move.from.includes(state) && move.by.includes(actor)), `${actor} in ${state}`).toBe(true)
    }
  })

  test('LOG-1: each move has an audit event of its own', () => {
    expect(MOVES.map((move) => move.event).filter((event) => !AUDIT_EVENTS.includes(event))).toEqual([])
    expect(new Set(MOVES.map((move) => move.event)).size).toBe(MOVES.length)
    expect(new Set(MOVES.map((move) => move.name)).size).toBe(MOVES.length)
    for (const move of MOVES) expect(move.clause, move.name).toMatch(/\d|[A-Z]{3}-/)
  })

  test('VET-6: nothing is approved that was not vetted, and nothing issued that was not approved', () => {
    const into = (state: ApplicationState) => MOVES.filter((move) => move.to === state).map((move) => `${move.name} from ${move.from.join(', ')} by ${move.by.join(', ')}`)
    expect(into('approved')).toEqual(['approve from vetted by approving-officer', 'put-back from issuing by ca'])
    expect(into('issuing')).toEqual(['take from approved by ca'])
    expect(into('issued')).toEqual(['issue from issuing by ca'])
    expect(into('vetted')).toEqual(['finish-vetting from vetting by vetting-officer'])
  })

  test('ACC-2: no role vets and decides alike', () => {
    for (const role of ['vetting-officer', 'approving-officer'] as const) {
      const moves = MOVES.filter((move) => move.by.includes(role)).map((move) => move.name)
      expect(moves.includes('finish-vetting') && moves.includes('approve'), role).toBe(false)
    }
    for (const move of MOVES.filter((each) => each.by.includes('ca'))) expect(move.by, move.name).toEqual(['ca'])
  })

  test('a move is found from its own states alone', () => {
    expect(findMove('submit', 'draft')?.to).toBe('submitted')
    for (const move of MOVES) for (const state of STATES) expect(findMove(move.name, state)).toBe(move.from.includes(state) ? move : null)
  })

  test('APP-6: a draft alone can be changed, and is seen by no officer; every other state stands in one tab of the queue', () => {
    expect(STATES.filter(editable)).toEqual(['draft'])
    expect(TABBED).toEqual(STATES.filter((state) => state !== 'draft'))
  })
})
