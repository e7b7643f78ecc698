/** `npm run database:migrate`: makes or brings up the tables, with the owner's account, where the processes have accounts that may not. */
import { readConfig } from '../config.ts'
import { migrate, openDatabase } from '../database/database.ts'
import { explain, say } from '../process.ts'

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
