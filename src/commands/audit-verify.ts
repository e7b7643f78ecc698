/**
 * `npm run audit:verify [-- --head HASH]`: is the audit log whole (LOG-1)? A chain can't tell that its end was cut off;
 * who notes the head elsewhere and gives it as --head learns that too.
 * Exit code: 0 whole, 1 not whole, 2 could not be checked.
 */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { verifyAuditChain, type ChainVerdict } from '../audit/audit-log.ts'
import { ConfigRefused, readConfig } from '../config.ts'
import { openDatabase } from '../database/database.ts'

const BROKEN: Readonly<Record<Extract<ChainVerdict, { intact: false }>['reason'], string>> = {
  gap: 'it is missing, or another entry stands in its place',
  link: 'it does not follow the entry before it: one of the two was replaced, or entries between them were removed',
  hash: 'its content is not what was written: its hash does not fit',
}

async function main(): Promise<number> {
  const { head } = parseArgs({ options: { head: { type: 'string' } }, allowPositionals: true }).values
  if (head !== undefined && !/^[0-9a-f]{64}$/.test(head)) {
    console.error(`--head must be 64 hexadecimal digits, as this command prints them, is "${head}"`)
    return 2
  }
  const { databaseUrl } = readConfig('command')
  // Opening would make an empty file, and an empty log is a whole one.
  const file = databaseUrl.startsWith('sqlite:') ? databaseUrl.slice('sqlite:'.length) : null
  if (file !== null && !existsSync(file)) {
    console.error(`There is no database at ${file}.`)
    return 2
  }
  const database = openDatabase(databaseUrl)
  try {
    const verdict = await verifyAuditChain(database)
    if (!verdict.intact) {
      console.error(`The audit log is NOT whole. First bad entry: ${verdict.at}: ${BROKEN[verdict.reason]}.`)
      return 1
    }
    console.log(`The audit log is whole: ${verdict.entries} ${verdict.entries === 1 ? 'entry' : 'entries'}, each following the one before it.`)
    console.log(`Head: ${verdict.head}`)
    if (head === undefined) return 0
    const noted = await database('audit_events').where({ hash: head }).first('seq', 'at')
    if (noted === undefined) {
      console.error(`The audit log is NOT whole. The noted head ${head} is not in it: entries were cut off its end, or the whole log was written anew.`)
      return 1
    }
    console.log(`The noted head is entry ${noted.seq} of ${noted.at}: nothing up to it was removed or changed.`)
    return 0
  } finally {
    await database.destroy()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(ConfigRefused.is(error) ? error.message : `The audit log could not be checked: ${(error as Error).message}`)
  process.exitCode = 2
}
