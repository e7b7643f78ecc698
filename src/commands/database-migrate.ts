/** `npm run database:migrate`: makes or brings up the tables, with the owner's account, where the processes have accounts that may not. */
import { readConfig } from '../config.ts'
import { migrate, openDatabase } from '../database/database.ts'
import { explain, say } from '../process.ts'
import { readOptions } from './words.ts'

const USAGE = `npm run database:migrate

Makes or brings up the tables of DATABASE_URL. Give it the account of the tables' owner; the processes' own may not change tables.
Exit code: 0 the tables are those of this program; 1 they could not be made so; 2 the command does not know the words.`

readOptions(USAGE, [])
let code = 0
try {
  const database = openDatabase(readConfig('command').databaseUrl)
  try {
    await migrate(database)
    say('The tables are those of this program.')
  } finally {
    await database.destroy()
  }
} catch (error) {
  process.stderr.write(`database:migrate: ${explain(error)}\n`)
  code = 1
}
process.exit(code)
