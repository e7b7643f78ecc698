/** `npm run database:accounts [-- --prefix NAME_]`: prints the SQL that gives each process an account of its own (ISS-6). It opens no database. */
import { parseArgs } from 'node:util'
import { accountsSql } from '../database/accounts.ts'

try {
  const { prefix } = parseArgs({ options: { prefix: { type: 'string', default: 'codesign_' } } }).values
  process.stdout.write(accountsSql(prefix))
} catch (error) {
  process.stderr.write(`database:accounts: ${(error as Error).message}\n`)
  process.exitCode = 2
}
