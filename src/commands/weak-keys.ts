/**
 * `npm run weak-keys -- import [--complete-for 3072,4096] FILE…`: loads lists of weak keys (KEY-3), in the forms of src/certificate/weak-key-list.ts.
 * `npm run weak-keys -- status`: which lists are loaded, and for which key sizes one is complete.
 * Exit code: 0 done, 1 refused, 2 wrong words.
 */
import { createReadStream } from 'node:fs'
import { userInfo } from 'node:os'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { importWeakKeys, sizesWithoutCompleteList, stateComplete, WeakKeyFileChanged, type CompletenessRefusal, type ImportedWeakKeys, type WeakKeyFile, type WeakKeyImportParts } from '../application/weak-key-import.ts'
import { KNOWN_WEAK_KEYS } from '../certificate/known-weak-keys.ts'
import { WeakKeyListRefused, type WeakKeyListRefusal } from '../certificate/weak-key-list.ts'
import { readConfig } from '../config.ts'
import { migrate } from '../database/database.ts'
import { weakKeyStore } from '../database/weak-key-store.ts'
import { explain, say, StartRefused } from '../process.ts'
import { openServices, type Services } from '../services.ts'
import { answerHelp } from './words.ts'

const USAGE = 'usage: npm run weak-keys -- import [--complete-for BITS,BITS] FILE…   or   npm run weak-keys -- status'

const REFUSED: Readonly<Record<WeakKeyListRefusal, string>> = {
  compressed: 'it is compressed: unpack it first (unxz, gunzip)',
  'no-list': 'it holds no digest of a weak key in any of the forms that are read',
  unsorted: "it is neither a text nor badkeys' blocklist.dat, whose blocks are sorted",
  'cut-short': 'it ends within a block: it was cut short',
}
const SPEAKS_AGAINST: Readonly<Record<CompletenessRefusal['why'], (values: CompletenessRefusal['values']) => string>> = {
  'size-not-permitted': ({ permitted }) => `keys of that size are not permitted here (permitted: ${permitted})`,
  'too-few': ({ entries, needed }) => `the files hold ${entries} digests, and all of Debian's keys of the sizes named are at least ${needed}`,
  'known-key-missing': ({ sha256 }) => `a Debian weak key of that size is known, and is not among them (SHA-256 of its modulus: ${sha256})`,
}

function words() {
  try {
    const { values, positionals } = parseArgs({ options: { 'complete-for': { type: 'string' } }, allowPositionals: true, strict: true })
    const [verb, ...files] = positionals
    const sizes = (values['complete-for'] ?? '').split(',').filter((each) => each !== '')
    const wrong = (verb !== 'import' && verb !== 'status') || (verb === 'import') === (files.length === 0) || (verb === 'status' && sizes.length > 0) || sizes.some((each) => !/^\d{3,5}$/.test(each))
    return wrong ? null : { verb, files, sizes: sizes.map(Number) }
  } catch {
    return null
  }
}

const fileAt = (path: string): WeakKeyFile => ({ name: basename(path), open: () => createReadStream(path) })

async function takeFiles(parts: WeakKeyImportParts, files: readonly WeakKeyFile[]): Promise<readonly ImportedWeakKeys[]> {
  const taken: ImportedWeakKeys[] = []
  for (const file of files) {
    const list = await importWeakKeys(parts, file).catch((error: unknown) => {
      if (WeakKeyListRefused.is(error)) throw new StartRefused(`${file.name} was not taken: ${REFUSED[error.reason]} (${error.message})`)
      throw WeakKeyFileChanged.is(error) ? new StartRefused(`${file.name} changed while it was read: run this again`) : error
    })
    const skipped = list.skipped === 0 ? '' : `; skipped ${list.skipped} lines that are no digest (${list.skippedLines.join(', ')}${list.skipped > list.skippedLines.length ? ' …' : ''})`
    say(list.already ? `${file.name}: loaded before, nothing to do` : `${file.name}: ${list.form}, took ${list.entries} digests, ${list.added} of them new${skipped}`)
    taken.push(list)
  }
  return taken
}

async function status({ database, policy }: Services): Promise<void> {
  const lists = await weakKeyStore(database).lists()
  const permitted = policy.keys.subscriber.rsaBits
  const gaps = sizesWithoutCompleteList(lists, permitted)
  for (const bits of permitted) say(`RSA ${bits}: ${gaps.includes(bits) ? 'no complete list of Debian weak keys is loaded (KEY-3)' : 'a complete list is loaded'}`)
  for (const { number, name, form, entries, skipped, startedAt, finishedAt, completeFor, sha256 } of lists)
    say(`list ${number}: ${name} (${form}), ${entries} digests, ${skipped} lines skipped, ${finishedAt === null ? `begun ${startedAt} and NOT finished: import it again` : `loaded ${finishedAt}`}${completeFor.length > 0 ? `, complete for ${completeFor.join(', ')}` : ''}\n        SHA-256 ${sha256}`)
  say(`shipped: ${KNOWN_WEAK_KEYS.length} known weak keys`)
}

answerHelp(USAGE)
const given = words()
if (!given) {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
let services: Services | null = null
try {
  services = openServices(readConfig('command'))
  await migrate(services.database)
  if (given.verb === 'status') await status(services)
  else {
    const { work, policy } = services
    const actor = `operator:${userInfo().username}`.slice(0, 64)
    const parts: WeakKeyImportParts = { change: (act) => work(actor, (unit, trx) => act(unit, weakKeyStore(trx))) }
    const files = given.files.map(fileAt)
    const taken = await takeFiles(parts, files)
    if (given.sizes.length > 0) {
      const against = await stateComplete(parts, taken, files, given.sizes, policy.keys.subscriber.rsaBits)
      for (const { why, bits, values } of against) process.stderr.write(`not recorded as complete for ${bits}: ${SPEAKS_AGAINST[why](values)}\n`)
      if (against.length > 0) throw new StartRefused('The digests are loaded and block; the lists are not on record as complete')
      say(`On record as complete for RSA ${given.sizes.join(', ')}`)
    }
  }
  await services.close()
  process.exit(0)
} catch (error) {
  process.stderr.write(`weak-keys: ${explain(error)}\n`)
  await services?.close().catch(() => undefined)
  process.exit(1)
}
