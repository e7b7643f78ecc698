/**
 * `npm run audit:verify [-- --head HASH]`: is the audit log whole (LOG-1)? A chain can't tell that its end was cut off;
 * who notes the head elsewhere and gives it as --head learns that too.
 */
import { type ChainVerdict, verifyAuditChain } from '../audit/audit-log.ts'
import { readConfig } from '../config.ts'
import { StartRefused } from '../start-refused.ts'
import { lookInto, tellVerdict } from './verdict.ts'
import { readOptions } from './words.ts'

const USAGE = `npm run audit:verify [-- --head HASH]

Walks the hash chain of the audit log and prints its head. Note the head elsewhere: a log whose end was cut off is known by it alone.
  --head HASH  a head that this command printed earlier: is it still in the log?
Exit code: 0 whole, 1 not whole, 2 could not be checked.`

const BROKEN: Readonly<Record<Extract<ChainVerdict, { intact: false }>['reason'], string>> = {
  gap: 'it is missing, or another entry stands in its place',
  link: 'it does not follow the entry before it: one of the two was replaced, or entries between them were removed',
  hash: 'its content is not what was written: its hash does not fit',
}

const { head } = readOptions(USAGE, ['head'])
await tellVerdict('The audit log could not be checked', () => {
  if (head !== undefined && !/^[0-9a-f]{64}$/.test(head)) throw new StartRefused(`--head must be 64 hexadecimal digits, as this command prints them, is "${head}"`)
  return lookInto(readConfig('command').databaseUrl, async (database) => {
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
  })
})
