/** Organisations: whom an account belongs to. Nobody reviews an application of their own (ACC-2). */
import { randomUUID } from 'node:crypto'
import type { Database, Transaction } from '../database/database.ts'

/** The organisation of exactly this legal name, made when there is none. */
export async function organisationNamed(trx: Transaction, legalName: string, now: Date): Promise<string> {
  const row = await trx('organisations').where({ legal_name: legalName }).first('id')
  if (row) return row.id
  const id = randomUUID()
  await trx('organisations').insert({ id, legal_name: legalName, created_at: now.toISOString() })
  return id
}

export interface Organisation {
  readonly id: string
  readonly legalName: string
}

/** The organisation of an account, or null. Within a transaction the account's row stays locked, so that what is decided on it holds. */
export async function organisationOf(db: Database | Transaction, accountId: string): Promise<Organisation | null> {
  const query = db('accounts').where({ id: accountId }).first('organisation_id')
  const account = await (db.isTransaction ? query.forUpdate() : query)
  if (!account?.organisation_id) return null
  const row = await db('organisations').where({ id: account.organisation_id }).first('id', 'legal_name')
  return { id: row.id, legalName: row.legal_name }
}

export async function assignOrganisation(trx: Transaction, accountId: string, organisationId: string): Promise<void> {
  await trx('accounts').where({ id: accountId }).update({ organisation_id: organisationId })
}
