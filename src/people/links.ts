/** Links sent by mail: 256 random bits, good once and for a time; only their SHA-256 is stored. */
import { createHash } from 'node:crypto'
import type { RandomBytes } from '../application/ports.ts'
import type { Database, Transaction } from '../database/database.ts'

export type LinkKind = 'confirm-email' | 'reset-password' | 'invitation' | 'first-administrator'
const HOURS: Readonly<Record<LinkKind, number>> = { 'confirm-email': 24, 'reset-password': 1, invitation: 72, 'first-administrator': 72 }

export interface LinkRow {
  token_hash: string
  kind: LinkKind
  account_id: string | null
  invitation_id: string | null
  created_at: string
  expires_at: string
  used_at: string | null
}

export interface LinkFor {
  readonly accountId?: string
  readonly invitationId?: string
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

/** Makes a link's token and voids every older one for the same purpose. */
export async function makeLink(trx: Transaction, random: RandomBytes, kind: LinkKind, whose: LinkFor, now: Date): Promise<string> {
  const row = { kind, account_id: whose.accountId ?? null, invitation_id: whose.invitationId ?? null }
  await trx('link_tokens')
    .where({ ...row, used_at: null })
    .delete()
  const token = random(32).toString('base64url')
  await trx('link_tokens').insert({
    token_hash: hashOf(token),
    ...row,
    created_at: now.toISOString(),
    expires_at: new Date(now.getTime() + HOURS[kind] * 3_600_000).toISOString(),
  })
  return token
}

/** What an unused, unexpired token stands for; null otherwise. Uses nothing up: mail scanners open links too. */
export async function findLink(db: Database | Transaction, kind: LinkKind, token: string, now: Date): Promise<LinkRow | null> {
  if (!/^[A-Za-z0-9_-]{43}$/.test(token)) return null
  return (
    (await db<LinkRow>('link_tokens')
      .where({ token_hash: hashOf(token), kind, used_at: null })
      .andWhere('expires_at', '>', now.toISOString())
      .first()) ?? null
  )
}

/** Uses the token up: of two at the same moment one gets the row, the other null. */
export async function takeLink(trx: Transaction, kind: LinkKind, token: string, now: Date): Promise<LinkRow | null> {
  const row = await findLink(trx, kind, token, now)
  if (!row) return null
  const taken = await trx('link_tokens').where({ token_hash: row.token_hash, used_at: null }).update({ used_at: now.toISOString() })
  return taken === 1 ? row : null
}

export async function voidLinks(trx: Transaction, kind: LinkKind, whose: LinkFor): Promise<void> {
  const query = trx('link_tokens').where({ kind, used_at: null })
  if (whose.accountId !== undefined) query.where('account_id', whose.accountId)
  if (whose.invitationId !== undefined) query.where('invitation_id', whose.invitationId)
  await query.delete()
}
