/**
 * `npm run status:probe [-- --portal URL] [--root FILE]`: do the tools of others say of each example certificate what it is to show (REP-2)? Asks from
 * outside: addresses alone, no database, no key. The examples' own keys are gone; what they signed in their only minutes, time-stamped, is what jarsigner
 * and osslsigncode judge.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { EXAMPLE_KINDS, showsOrWill } from '../application/example.ts'
import { readConfig } from '../config.ts'
import { StartRefused } from '../start-refused.ts'
import { type StatusClient, statusClient } from '../status-client.ts'
import { CHECKS } from './probe/checks.ts'
import { fetchSubject, OtherRoot, readTrusted, type Subject, type Trusted } from './probe/subject.ts'
import { isPresent } from './probe/tools.ts'
import { tellVerdict } from './verdict.ts'
import { fromCaller, readOptions } from './words.ts'

const USAGE = `npm run status:probe [-- --portal URL] [--root FILE]

Has openssl, jarsigner and osslsigncode judge each example certificate from outside, and says in one line each what they say. Tools that
are not on this machine are left out.
  --portal URL  which portal; PORTAL_URL where it is not given
  --root FILE   the root to judge under (PEM or DER); otherwise the one that the portal gives
After the first start ca makes the examples one by one: four in about a minute and a half, and those that expire show it an hour later.
Exit code: 0 each says what it must; 1 a line says WRONG; 2 it could not be probed; 3 nothing is wrong, and not every example is made yet.`

const example = z.object({
  kind: z.enum(EXAMPLE_KINDS), state: z.enum(EXAMPLE_KINDS), pending: z.boolean(), authority: z.string(), serial: z.string(), notAfter: z.iso.datetime(), timeStamped: z.boolean(), chain: z.url(), jar: z.url(), program: z.url(),
})
const missing = z.object({ authority: z.string(), kind: z.enum(EXAMPLE_KINDS), beingMade: z.boolean() })
const listing = z.object({ demo: z.boolean(), missing: z.array(missing).max(20), examples: z.array(example).max(200) })
type Example = z.infer<typeof example>

let wrongs = 0
function wrong(kind: string, name: string, words: string): void {
  wrongs++
  console.log(`WRONG ${kind.padEnd(20)} ${name.padEnd(12)} ${words}`)
}

const given = readOptions(USAGE, ['portal', 'root'])
await tellVerdict('It could not be probed', async () => {
  if (!isPresent('openssl')) throw new StartRefused('openssl was not found: install it, since it has to judge')
  const trusted = given.root === undefined ? null : readTrusted(given.root, fromCaller('status:probe', given.root))
  const client = statusClient((given.portal ?? readConfig('command').portal.url).replace(/\/+$/, ''))
  const { demo, missing, examples } = await readListing(client)
  if (examples.length + missing.length === 0) throw new StartRefused('There are no examples: the policy file orders none.')
  if (demo) console.log('A DEMO hierarchy: its certificates prove nothing.')
  if (trusted === null) console.log('Under the root that the portal gives: name one you trust with --root FILE to judge by that.')
  for (const tool of ['jarsigner', 'osslsigncode'] as const) if (!isPresent(tool)) console.log(`skipped: no ${tool} on this machine`)
  for (const { authority, kind, beingMade } of missing)
    if (beingMade) console.log(`soon  ${kind.padEnd(20)} ${'example'.padEnd(12)} being made (${authority})`)
    else wrong(kind, 'example', `${authority} has none`)
  const folder = mkdtempSync(join(tmpdir(), 'probe-'))
  try {
    const told = new Set<string>()
    for (const [index, one] of examples.entries()) {
      const own = join(folder, String(index))
      mkdirSync(own)
      await probe(client, one, own, trusted, told)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  if (wrongs > 0) return 1
  if (missing.length === 0) return 0
  console.log('Not every example is made yet: ask again in a minute or two.')
  return 3
})

async function readListing(client: StatusClient): Promise<z.infer<typeof listing>> {
  const text = (await client.get('/repository/examples.json')).toString('utf8')
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    throw new StartRefused('The list of examples is no JSON: is that the address of a portal?')
  }
  const found = listing.safeParse(data)
  if (found.success) return found.data
  throw new StartRefused(`The list of examples can't be read: ${found.error.issues[0]!.path.join('.')}: ${found.error.issues[0]!.message}`)
}

/** One line for each step. What can't be fetched or run is wrong, and the next step is taken. @param told roots of others that were told of before */
async function probe(client: StatusClient, one: Example, folder: string, trusted: Trusted | null, told: Set<string>): Promise<void> {
  const place = ` (${one.authority} ${one.serial})`
  if (one.pending) {
    console.log(`note  ${one.kind.padEnd(20)} shows ${one.state} now, and expires ${one.notAfter}`)
    if (!showsOrWill(one)) wrong(one.kind, 'example', `shows ${one.state}, and will not be ${one.kind} again${place}`)
  }
  let subject: Subject
  try {
    subject = await fetchSubject(client, one, folder, trusted)
  } catch (error) {
    const { message } = error as Error
    if (!OtherRoot.is(error)) return wrong(one.kind, 'chain', message + place)
    if (!told.has(message)) wrong('(every kind)', 'root', message)
    return void told.add(message)
  }
  for (const check of CHECKS) {
    if (!check.needs.every((tool) => isPresent(tool))) continue
    if (check.stamped && !subject.stamped) {
      console.log(`skip  ${one.kind.padEnd(20)} ${check.name.padEnd(12)} its files have no time-stamp`)
      continue
    }
    const wanted = check.wanted(subject)
    const said = await check.ask(subject).catch((error: Error) => error.message)
    if (said === wanted) console.log(`ok    ${one.kind.padEnd(20)} ${check.name.padEnd(12)} ${said}${place}`)
    else wrong(one.kind, check.name, `must say ${wanted}, says: ${said}${place}`)
  }
}
