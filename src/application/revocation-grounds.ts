/**
 * Why a certificate is revoked: the grounds of CSBR 4.9.1.1 and CP 4.9.1, who may state each, and what is published for it.
 * Words stand in the locale files: `revocation.ground.<id>.title` and `.hint`.
 */
import { PUBLISHED_REASONS } from './published-reasons.ts'

export type RevokingRole = 'subscriber' | 'revocation-officer'

export interface RevocationGround {
  readonly id: string
  /** CRLReason (RFC 5280 5.3.1); 0 is left out of lists and answers. certificateHold is never among them (REV-5). */
  readonly reasonCode: number
  readonly clause: string
  /** Hours from knowledge to revocation that the clause allows. */
  readonly withinHours: 24 | 120
  readonly statedBy: readonly RevokingRole[]
  /** True when it says that somebody else may have the key: the key is marked and never comes back (KEY-4). */
  readonly keyCompromised: boolean
}

const DAY = 24
const FIVE_DAYS = 120
const both: readonly RevokingRole[] = ['subscriber', 'revocation-officer']
const officer: readonly RevokingRole[] = ['revocation-officer']
const { keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn } = PUBLISHED_REASONS
const UNSPECIFIED = 0

export const REVOCATION_GROUNDS: readonly RevocationGround[] = [
  { id: 'key-compromise', reasonCode: keyCompromise, clause: 'CSBR 4.9.1.1 (3); CP 4.9.1', withinHours: DAY, statedBy: both, keyCompromised: true },
  { id: 'suspect-code', reasonCode: privilegeWithdrawn, clause: 'CSBR 4.9.1.1 (6); CP 4.9.1', withinHours: DAY, statedBy: both, keyCompromised: false },
  { id: 'not-authorised', reasonCode: privilegeWithdrawn, clause: 'CSBR 4.9.1.1 (2)', withinHours: DAY, statedBy: both, keyCompromised: false },
  {
    id: 'information-changed',
    reasonCode: affiliationChanged,
    clause: 'CSBR 4.9.1.1 (10); CP 4.9.1',
    withinHours: FIVE_DAYS,
    statedBy: both,
    keyCompromised: false,
  },
  {
    id: 'information-wrong',
    reasonCode: privilegeWithdrawn,
    clause: 'CSBR 4.9.1.1 (12); CP 4.9.1',
    withinHours: FIVE_DAYS,
    statedBy: both,
    keyCompromised: false,
  },
  { id: 'superseded', reasonCode: superseded, clause: 'CSBR 4.9.1.1 (1)', withinHours: DAY, statedBy: both, keyCompromised: false },
  { id: 'cessation', reasonCode: cessationOfOperation, clause: 'CSBR 4.9.1.1 (1); CP 4.9.1', withinHours: DAY, statedBy: both, keyCompromised: false },
  { id: 'suspension', reasonCode: UNSPECIFIED, clause: 'CP 4.9.13; CSBR 4.9.13', withinHours: DAY, statedBy: both, keyCompromised: false },
  { id: 'requested', reasonCode: UNSPECIFIED, clause: 'CSBR 4.9.1.1 (1)', withinHours: DAY, statedBy: both, keyCompromised: false },
  { id: 'key-computable', reasonCode: keyCompromise, clause: 'CSBR 4.9.1.1 (4)', withinHours: DAY, statedBy: officer, keyCompromised: true },
  { id: 'key-exposed', reasonCode: keyCompromise, clause: 'CSBR 4.9.1.1 (5)', withinHours: DAY, statedBy: officer, keyCompromised: true },
  { id: 'key-too-weak', reasonCode: superseded, clause: 'CSBR 4.9.1.1 (7)', withinHours: FIVE_DAYS, statedBy: officer, keyCompromised: false },
  { id: 'misused', reasonCode: privilegeWithdrawn, clause: 'CSBR 4.9.1.1 (8); CP 4.9.1', withinHours: FIVE_DAYS, statedBy: officer, keyCompromised: false },
  {
    id: 'agreement-broken',
    reasonCode: privilegeWithdrawn,
    clause: 'CSBR 4.9.1.1 (9); CP 4.9.1',
    withinHours: FIVE_DAYS,
    statedBy: officer,
    keyCompromised: false,
  },
  { id: 'misissued', reasonCode: superseded, clause: 'CSBR 4.9.1.1 (11); CP 4.9.1', withinHours: FIVE_DAYS, statedBy: officer, keyCompromised: false },
  { id: 'authority-ends', reasonCode: UNSPECIFIED, clause: 'CSBR 4.9.1.1 (13)', withinHours: FIVE_DAYS, statedBy: officer, keyCompromised: false },
  { id: 'policy-requires', reasonCode: UNSPECIFIED, clause: 'CSBR 4.9.1.1 (14); CP 4.9.1', withinHours: FIVE_DAYS, statedBy: officer, keyCompromised: false },
]

/** The ground of that name which that role may state; null otherwise. */
export const findGround = (id: string, as: RevokingRole): RevocationGround | null =>
  REVOCATION_GROUNDS.find((ground) => ground.id === id && ground.statedBy.includes(as)) ?? null
