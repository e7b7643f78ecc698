/** Accounts as the rest of the product sees them. */
import { randomUUID } from 'node:crypto'
import type { Database, Transaction } from '../database/database.ts'
import { compatible, isRole, type Role } from './roles.ts'

export interface AccountSummary {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly roles: ReadonlySet<Role>
  readonly organisationId: string | null
}

/** An account's row; `totp_last_step` comes as text from PostgreSQL. */
export interface AccountRow {
  id: string
  email: string
  name: string
  organisation_id: string | null
  state: 'unconfirmed' | 'active' | 'closed'
  locale: 'en' | 'ja'
  password_hash: string | null
  totp_secret_sealed: string | null
  totp_confirmed_at: string | null
  totp_last_step: number | string | null
  password_changed_at: string | null
  created_at: string
}

/** Addresses are compared in lower case: two accounts that differ in case alone would be one mailbox. */
export const normaliseEmail = (email: string): string => email.trim().toLowerCase()

/** The account of a session: active, with its second factor enrolled (ACC-1); null otherwise. */
export async function findSignedIn(database: Database | Transaction, id: string): Promise<AccountSummary | null> {
  return (await findAllSignedIn(database, [id]))[0]!
}

/** Likewise for several, in their order. */
export async function findAllSignedIn(database: Database | Transaction, ids: readonly string[]): Promise<readonly (AccountSummary | null)[]> {
  const rows: { id: string; email: string; name: string; organisation_id: string | null }[] = await database('accounts').whereIn('id', [...new Set(ids)]).where({ state: 'active' }).whereNotNull('totp_confirmed_at').select('id', 'email', 'name', 'organisation_id')
  if (rows.length === 0) return ids.map(() => null)
  const held: { account_id: string; role: string }[] = await database('account_roles').whereIn('account_id', rows.map(({ id }) => id)).orderBy('role').select('account_id', 'role')
  return ids.map((id) => {
    const row = rows.find((each) => each.id === id)
    return row ? { id, email: row.email, name: row.name, roles: new Set(held.filter(({ account_id }) => account_id === id).map(({ role }) => role).filter(isRole)), organisationId: row.organisation_id } : null
  })
}

export async function rolesOf(database: Database | Transaction, accountId: string): Promise<Role[]> {
  const rows: { role: string }[] = await database('account_roles').where({ account_id: accountId }).orderBy('role').select('role')
  return rows.map((row) => row.role).filter(isRole)
}

export async function findAccount(database: Database | Transaction, id: string): Promise<AccountRow | null> {
  return (await database<AccountRow>('accounts').where({ id }).first()) ?? null
}

export async function findAccountByEmail(database: Database | Transaction, email: string): Promise<AccountRow | null> {
  return (
    (await database<AccountRow>('accounts')
      .where({ email: normaliseEmail(email) })
      .first()) ?? null
  )
}

export interface NewAccount {
  readonly email: string
  readonly name: string
  readonly language: 'en' | 'ja'
  readonly passwordHash: string
  readonly state: 'unconfirmed' | 'active'
  readonly roles: readonly Role[]
  /** An account's id, or how the account came about: `registration`, `first-administrator`. */
  readonly grantedBy: string
  readonly organisationId?: string | null
}

/**
 * Makes an account, or takes over one whose address nobody ever confirmed: until then it belongs to nobody.
 * @returns the account's id, or null when a confirmed account has this address
 * @throws when the roles exclude each other (ACC-2): pages ask `compatible` before
 */
export async function createAccount(trx: Transaction, account: NewAccount, now: Date): Promise<string | null> {
  if (!compatible(account.roles)) throw new Error(`roles that exclude each other: ${account.roles.join(', ')}`)
  const email = normaliseEmail(account.email)
  const stamp = now.toISOString()
  const facts = {
    name: account.name,
    locale: account.language,
    password_hash: account.passwordHash,
    password_changed_at: stamp,
    state: account.state,
    organisation_id: account.organisationId ?? null,
  }
  const existing = await findAccountByEmail(trx, email)
  if (existing && existing.state !== 'unconfirmed') return null
  const id = existing?.id ?? randomUUID()
  if (existing) {
    await trx('accounts').where({ id }).update(facts)
    await trx('account_roles').where({ account_id: id }).delete()
  } else await trx('accounts').insert({ id, email, ...facts, created_at: stamp })
  await trx('account_roles').insert(account.roles.map((role) => ({ account_id: id, role, granted_by: account.grantedBy, granted_at: stamp })))
  return id
}

/** Active administrators; `enrolled` counts only those who can act: with their second factor. */
export async function countAdministrators(database: Database | Transaction, which: 'all' | 'enrolled'): Promise<number> {
  const query = database('accounts').join('account_roles', 'account_roles.account_id', 'accounts.id').where({ role: 'administrator', state: 'active' })
  if (which === 'enrolled') query.whereNotNull('totp_confirmed_at')
  return Number((await query.count({ n: '*' }).first())?.['n'] ?? 0)
}

export interface StaffMember {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly roles: readonly Role[]
  /** The legal name of the organisation that the person also works for (ACC-2). */
  readonly organisation: string | null
  readonly state: AccountRow['state']
  readonly enrolled: boolean
}

/** Everybody with a role other than subscriber, by name. */
export async function listStaff(database: Database | Transaction): Promise<readonly StaffMember[]> {
  const rows: (AccountRow & { role: string; legal_name: string | null })[] = await database('accounts')
    .join('account_roles', 'account_roles.account_id', 'accounts.id')
    .leftJoin('organisations', 'organisations.id', 'accounts.organisation_id')
    .whereNot('role', 'subscriber')
    .orderBy(['name', 'accounts.id', 'role'])
    .select('accounts.*', 'role', 'organisations.legal_name')
  const staff = new Map<string, StaffMember & { roles: Role[] }>()
  for (const row of rows) {
    if (!isRole(row.role)) continue
    const known = staff.get(row.id)
    if (known) known.roles.push(row.role)
    else {
      const { id, email, name, legal_name: organisation, state } = row
      staff.set(id, { id, email, name, roles: [row.role], organisation, state, enrolled: row.totp_confirmed_at !== null })
    }
  }
  return [...staff.values()]
}
