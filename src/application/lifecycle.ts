/**
 * The life of an application: its states, the moves between them, and who may make each. Read this first.
 * README.md's picture is printed from here; a move that doesn't stand here can't be made.
 */
import type { AuditEventName } from '../audit/events.ts'

export const STATES = ['draft', 'submitted', 'vetting', 'vetted', 'approved', 'issuing', 'held', 'issued', 'accepted', 'revoked', 'rejected', 'withdrawn'] as const
export type ApplicationState = (typeof STATES)[number]

/** Who makes a move: a person in a role, or the `ca` process. */
export type Mover = 'subscriber' | 'vetting-officer' | 'approving-officer' | 'revocation-officer' | 'ca'

export interface Move {
  readonly name: MoveName
  readonly from: readonly ApplicationState[]
  readonly to: ApplicationState
  readonly by: readonly Mover[]
  readonly event: AuditEventName
  /** The clause that the move answers to. */
  readonly clause: string
}

export type MoveName = 'submit' | 'withdraw' | 'start-vetting' | 'finish-vetting' | 'return-to-vetting' | 'approve' | 'reject' | 'take' | 'put-back' | 'hold' | 'issue' | 'accept' | 'revoke'

export const MOVES: readonly Move[] = [
  { name: 'submit', from: ['draft'], to: 'submitted', by: ['subscriber'], event: 'application.submitted', clause: 'CP 4.1.2' },
  { name: 'withdraw', from: ['draft', 'submitted', 'vetting', 'vetted', 'held'], to: 'withdrawn', by: ['subscriber'], event: 'application.withdrawn', clause: 'CP 4.1.2' },
  { name: 'start-vetting', from: ['submitted'], to: 'vetting', by: ['vetting-officer'], event: 'application.vetting-started', clause: 'CP 3.2.2' },
  { name: 'finish-vetting', from: ['vetting'], to: 'vetted', by: ['vetting-officer'], event: 'application.vetted', clause: 'CP 3.2.2, 3.2.5' },
  { name: 'return-to-vetting', from: ['vetted', 'approved', 'held'], to: 'vetting', by: ['vetting-officer', 'approving-officer'], event: 'application.returned-to-vetting', clause: 'CSBR 3.2.9' },
  { name: 'approve', from: ['vetted'], to: 'approved', by: ['approving-officer'], event: 'application.approved', clause: 'CSBR 3.2.9, 5.2.4' },
  { name: 'reject', from: ['vetted', 'held'], to: 'rejected', by: ['approving-officer'], event: 'application.rejected', clause: 'CP 4.2.2' },
  { name: 'take', from: ['approved'], to: 'issuing', by: ['ca'], event: 'certificate.recorded', clause: 'CP 4.3.1' },
  { name: 'put-back', from: ['issuing'], to: 'approved', by: ['ca'], event: 'certificate.abandoned', clause: 'ISS-2' },
  { name: 'hold', from: ['approved', 'issuing'], to: 'held', by: ['ca'], event: 'application.held', clause: 'ISS-1, VET-6' },
  { name: 'issue', from: ['issuing'], to: 'issued', by: ['ca'], event: 'certificate.issued', clause: 'CP 4.3.1' },
  { name: 'accept', from: ['issued'], to: 'accepted', by: ['subscriber'], event: 'certificate.accepted', clause: 'CP 4.4.1' },
  { name: 'revoke', from: ['issued', 'accepted'], to: 'revoked', by: ['subscriber', 'revocation-officer'], event: 'certificate.revoked', clause: 'CP 4.9.1; CSBR 4.9.1.1' },
]

/** The move of that name from that state, or null when there is none. */
export function findMove(name: MoveName, from: ApplicationState): Move | null {
  return MOVES.find((move) => move.name === name && move.from.includes(from)) ?? null
}

/** Who must act next, for the task list (APP-6); null when nobody must. */
export function nextActor(state: ApplicationState): Mover | null {
  switch (state) {
    case 'draft':
    case 'issued':
      return 'subscriber'
    case 'submitted':
    case 'vetting':
      return 'vetting-officer'
    case 'vetted':
    case 'held':
      return 'approving-officer'
    case 'approved':
    case 'issuing':
      return 'ca'
    default:
      return null
  }
}

/** States in which the applicant may still change what was entered. */
export const editable = (state: ApplicationState): boolean => state === 'draft'
