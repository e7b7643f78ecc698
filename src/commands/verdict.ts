/** What the commands share that look and change nothing. Exit code: 0 it is as it must be, 1 it is not, 2 that could not be told. */
import { existsSync } from 'node:fs'
import { ConfigRefused } from '../config.ts'
import { type Database, openDatabase } from '../database/database.ts'
import { PolicyRefused } from '../policy/policy.ts'
import { StartRefused } from '../start-refused.ts'
import { StatusUnanswered } from '../status-client.ts'

/** Ends with the code that `look` gives. @param untold what is said before the words of a fault: that nothing was found out */
export async function tellVerdict(untold: string, look: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await look()
  } catch (error) {
    const told = ConfigRefused.is(error) || PolicyRefused.is(error) || StartRefused.is(error) || StatusUnanswered.is(error)
    // Both addresses of a name were tried: either says it.
    const { message } = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : (error as Error)
    console.error(told ? message : `${untold}: ${message}`)
    process.exitCode = 2
  }
}

/** Opening would make an empty file, in which everything is as it must be. */
export const hasDatabase = (url: string): boolean => !url.startsWith('sqlite:') || existsSync(fileOf(url))
const fileOf = (url: string): string => url.slice('sqlite:'.length)

/** Looks into the database and closes it. @throws StartRefused when there is none */
export async function lookInto(url: string, look: (database: Database) => Promise<number>): Promise<number> {
  if (!hasDatabase(url)) throw new StartRefused(`There is no database at ${fileOf(url)}.`)
  const database = openDatabase(url)
  try {
    return await look(database)
  } finally {
    await database.destroy()
  }
}
