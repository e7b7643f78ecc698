/** Staff are invited, never self-registered; two administrators make each staff account (ACC-2; CSBR 5.2.4). */
import { randomUUID } from 'node:crypto'
import type { Work } from '../application/ports.ts'
import type { Database, Transaction, Row } from '../database/database.ts'
import { countAdministrators, createAccount, findAccountByEmail, normaliseEmail } from './accounts.ts'
import { findLink, makeLink, takeLink, voidLinks } from './links.ts'
import { organisationNamed } from './organisations.ts'
import { hashPassword } from './passwords.ts'
import type { PeopleParts } from './people-work.ts'
import { compatible, isRole, STAFF_ROLES, type Role } from './roles.ts'

export interface Invitation {
  readonly id: string
  readonly email: string
  readonly roles: readonly Role[]
  /** The legal name of the organisation that the person also works for: they review none of its applications. */
  readonly organisation: string | null
  readonly language: 'en' | 'ja'
  readonly state: 'waiting' | 'sent' | 'accepted' | 'withdrawn'
  readonly createdBy: string
  readonly createdAt: string
  /** Made by the only administrator there was. */
  readonly alone: boolean
  readonly confirmedBy: string | null
}

function read(row: Row): Invitation {
  return {
    id: row.id,
    email: row.email,
    roles: (JSON.parse(row.roles) as string[]).filter(isRole),
    organisation: row.organisation,
    language: row.locale,
    state: row.state,
    createdBy: row.created_by,
    createdAt: row.created_at,
    alone: Number(row.alone) === 1,
    confirmedBy: row.confirmed_by,
  }
}

export async function findInvitation(db: Database | Transaction, id: string): Promise<Invitation | null> {
  const row = await db('invitations').where({ id }).first()
  return row ? read(row) : null
}

/** Waiting and sent ones, newest first, with the name of who made each. */
export async function listOpenInvitations(db: Database | Transaction): Promise<readonly (Invitation & { readonly createdByName: string })[]> {
  const rows = await db('invitations')
    .join('accounts', 'accounts.id', 'invitations.created_by')
    .whereIn('invitations.state', ['waiting', 'sent'])
    .orderBy('invitations.created_at', 'desc')
    .select('invitations.*', 'accounts.name as created_by_name')
  return rows.map((row) => ({ ...read(row), createdByName: row.created_by_name }))
}

export type InvitationProblem = 'no-role' | 'roles-exclude' | 'address-in-use' | 'already-invited'

/** True when these are roles that staff may hold together; a subscriber is never invited. */
export const staffRoles = (roles: readonly Role[]): boolean => roles.length > 0 && roles.every((role) => STAFF_ROLES.includes(role)) && compatible(roles)

async function send(parts: PeopleParts, work: Work, trx: Transaction, invitation: Pick<Invitation, 'id' | 'email' | 'language'>): Promise<void> {
  const token = await makeLink(trx, parts.random, 'invitation', { invitationId: invitation.id }, work.now)
  await work.mail({
    to: invitation.email,
    language: invitation.language,
    name: 'invitation',
    values: { link: `${parts.config.portal.url}/invitation/${token}` },
  })
}

/** Invites somebody. It is sent at once only while the inviting administrator is the only one; else a second one confirms first. */
export async function invite(
  parts: PeopleParts,
  actorId: string,
  given: { readonly email: string; readonly roles: readonly Role[]; readonly organisation: string | null; readonly language: 'en' | 'ja' },
): Promise<{ readonly outcome: InvitationProblem } | { readonly outcome: 'sent' | 'waiting'; readonly id: string }> {
  if (given.roles.length === 0) return { outcome: 'no-role' }
  if (!staffRoles(given.roles)) return { outcome: 'roles-exclude' }
  const email = normaliseEmail(given.email)
  return parts.work(actorId, async (work, trx) => {
    const account = await findAccountByEmail(trx, email)
    if (account && account.state !== 'unconfirmed') return { outcome: 'address-in-use' }
    if (await trx('invitations').where({ email }).whereIn('state', ['waiting', 'sent']).first()) return { outcome: 'already-invited' }
    const alone = (await countAdministrators(trx, 'enrolled')) === 1
    const id = randomUUID()
    const roles = [...new Set(given.roles)]
    await trx('invitations').insert({
      id,
      email,
      roles: JSON.stringify(roles),
      organisation: given.organisation,
      locale: given.language,
      state: alone ? 'sent' : 'waiting',
      created_by: actorId,
      created_at: work.now.toISOString(),
      alone: alone ? 1 : 0,
      confirmed_by: null,
      confirmed_at: null,
    })
    await work.audit({ event: 'account.invited', subject: `invitation:${id}`, details: { email, roles, organisation: given.organisation, alone } })
    if (alone) await send(parts, work, trx, { id, email, language: given.language })
    return { outcome: alone ? 'sent' : 'waiting', id }
  })
}

/** The second administrator's word; the database refuses the first one's too. */
export async function confirmInvitation(parts: PeopleParts, actorId: string, id: string): Promise<'sent' | 'own' | 'gone'> {
  return parts.work(actorId, async (work, trx) => {
    const invitation = await findInvitation(trx, id)
    if (!invitation || invitation.state !== 'waiting') return 'gone'
    if (invitation.createdBy === actorId) return 'own'
    const changed = await trx('invitations')
      .where({ id, state: 'waiting' })
      .whereNot('created_by', actorId)
      .update({ state: 'sent', confirmed_by: actorId, confirmed_at: work.now.toISOString() })
    if (changed !== 1) return 'gone'
    await work.audit({
      event: 'account.invitation-confirmed',
      subject: `invitation:${id}`,
      details: { email: invitation.email, roles: invitation.roles, organisation: invitation.organisation, createdBy: invitation.createdBy },
    })
    await send(parts, work, trx, invitation)
    return 'sent'
  })
}

export async function withdrawInvitation(parts: PeopleParts, actorId: string, id: string): Promise<'withdrawn' | 'gone'> {
  return parts.work(actorId, async (work, trx) => {
    const changed = await trx('invitations').where({ id }).whereIn('state', ['waiting', 'sent']).update({ state: 'withdrawn' })
    if (changed !== 1) return 'gone'
    await voidLinks(trx, 'invitation', { invitationId: id })
    await work.audit({ event: 'account.invitation-withdrawn', subject: `invitation:${id}` })
    return 'withdrawn'
  })
}

/** The invitation that an unused link opens, or null. */
export async function invitationOf(parts: PeopleParts, token: string): Promise<Invitation | null> {
  const link = await findLink(parts.database, 'invitation', token, parts.clock())
  const invitation = link?.invitation_id ? await findInvitation(parts.database, link.invitation_id) : null
  return invitation?.state === 'sent' ? invitation : null
}

/** Makes the invited person's account; the link came to the mailbox, so the address is confirmed. */
export async function acceptInvitation(
  parts: PeopleParts,
  given: { readonly token: string; readonly name: string; readonly password: string; readonly language: 'en' | 'ja'; readonly address: string },
): Promise<{ readonly outcome: 'gone' | 'address-in-use' } | { readonly outcome: 'accepted'; readonly accountId: string }> {
  const passwordHash = await hashPassword(given.password)
  const invitation = await invitationOf(parts, given.token)
  if (!invitation) return { outcome: 'gone' }
  return parts.work(`invitation:${invitation.id}`, async (work, trx) => {
    const known = await findAccountByEmail(trx, invitation.email)
    if (known && known.state !== 'unconfirmed') return { outcome: 'address-in-use' }
    if ((await trx('invitations').where({ id: invitation.id, state: 'sent' }).update({ state: 'accepted' })) !== 1) return { outcome: 'gone' }
    if (!(await takeLink(trx, 'invitation', given.token, work.now))) throw new Error('the link of an open invitation was used')
    const account = {
      email: invitation.email,
      name: given.name,
      language: given.language,
      passwordHash,
      state: 'active' as const,
      roles: invitation.roles,
      grantedBy: invitation.createdBy,
      organisationId: invitation.organisation === null ? null : await organisationNamed(trx, invitation.organisation, work.now),
    }
    const accountId = await createAccount(trx, account, work.now)
    if (accountId === null) throw new Error('a confirmed account has appeared within the transaction')
    const { roles, organisation, createdBy, confirmedBy, alone } = invitation
    await work.audit({
      event: 'account.invitation-accepted',
      subject: `account:${accountId}`,
      details: { invitation: invitation.id, roles, organisation, createdBy, confirmedBy, alone, address: given.address },
    })
    return { outcome: 'accepted', accountId }
  })
}
