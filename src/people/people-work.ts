/** What the rules about people need from outside; the services of a process fulfil it. */
import type { Clock, RandomBytes, Work } from '../application/ports.ts'
import type { Database, Transaction } from '../database/database.ts'
import type { Secrets } from '../secrets.ts'

export interface PeopleParts {
  readonly config: { readonly portal: { readonly url: string } }
  readonly database: Database
  readonly clock: Clock
  readonly random: RandomBytes
  readonly secrets: Secrets
  work<T>(actor: string, change: (work: Work, trx: Transaction) => Promise<T>): Promise<T>
}

/** The actor of what a person does before we know who it is. */
export const VISITOR = 'visitor'
