/** `npm run database:accounts [-- --prefix NAME_]`: prints the SQL that gives each process an account of its own (ISS-6). It opens no database. */
import { accountsSql } from '../database/accounts.ts'
import { readOptions } from './words.ts'

const USAGE = `npm run --silent database:accounts [-- --prefix NAME_]

Prints the SQL that gives each process a PostgreSQL account of its own (ISS-6). It opens no database.
  --prefix NAME_  how the accounts' names begin; codesign_ where it is not given`

const { prefix = 'codesign_' } = readOptions(USAGE, ['prefix'])
try {
  process.stdout.write(accountsSql(prefix))
} catch (error) {
  process.stderr.write(`database:accounts: ${(error as Error).message}\n`)
  process.exitCode = 2
}
