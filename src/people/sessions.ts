import type { Database, Transaction } from '../database/database.ts'

/** Ends every session of an account (sign-out everywhere, password change, reset). */
export async function endSessions(database: Database | Transaction, accountId: string): Promise<number> {
  return database('sessions').where({ account_id: accountId }).delete()
}
