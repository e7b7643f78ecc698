/** Organisations: whom an account belongs to. Nobody reviews an application of their own (ACC-2). */
import { randomUUID } from 'node:crypto'
import type { Transaction } from '../database/database.ts'

/** The organisation of exactly this legal name, made when there is none. */
export async function organisationNamed(trx: Transaction, legalName: string, now: Date): Promise<string> {
  const row = await trx('organisations').where({ legal_name: legalName }).first('id')
  if (row) return row.id
  const id = randomUUID()
  await trx('organisations').insert({ id, legal_name: legalName, created_at: now.toISOString() })
  return id
}

export async function assignOrganisation(trx: Transaction, accountId: string, organisationId: string): Promise<void> {
  await trx('accounts').where({ id: accountId }).update({ organisation_id: organisationId })
}
