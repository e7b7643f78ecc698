/** Accounts as the rest of the product sees them. */
import type { Database, Transaction } from '../database/database.ts'
import { isRole, type Role } from './roles.ts'

export interface AccountSummary {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly roles: ReadonlySet<Role>
  readonly organisationId: string | null
}

/** The account of a session: active, with its second factor enrolled (ACC-1); null otherwise. */
export async function findSignedIn(database: Database | Transaction, id: string): Promise<AccountSummary | null> {
  const row = await database('accounts').where({ id, state: 'active' }).whereNotNull('totp_confirmed_at').first('id', 'email', 'name', 'organisation_id')
  if (!row) return null
  const roles = (await database('account_roles').where({ account_id: id }).select('role')).map((each: { role: string }) => each.role).filter(isRole)
  return { id: row.id, email: row.email, name: row.name, roles: new Set(roles), organisationId: row.organisation_id }
}
