/** What `npm run anchors` does: shows makers' keys, takes a proposal, has a second person confirm it, and tells which keys end. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { confirmationNote, proposalNote, refuseChange, refuseConfirmation, type AnchorChangeProblem } from '../application/change-anchors.ts'
import { changeDigest, type ProposedAnchorChange } from '../attestation/anchor-changes.ts'
import { endingAnchors } from '../attestation/anchor-report.ts'
import { readAnchors, type Anchor } from '../attestation/anchors.ts'
import type { Maker } from '../attestation/makers.ts'
import { anchorStore } from '../database/anchor-store.ts'
import { presentMakers } from '../database/protection-store.ts'
import type { Services } from '../services.ts'
import type { Terminal } from './ask.ts'
import { StartRefused } from '../start-refused.ts'

export const ACTOR = 'process:anchors'

export const USAGE = `npm run anchors -- list
npm run anchors -- propose-add FILE --reason TEXT
npm run anchors -- propose-withdraw MAKER SHA256 --reason TEXT
npm run anchors -- propose-turn-on MAKER SHA256 --reason TEXT
npm run anchors -- confirm ID
npm run anchors -- report

FILE is JSON as in attestations/*/anchors.json, with one row. SHA256 is of the public key, as "list" prints it.
TEXT says how the key was confirmed with its maker, or why it is withdrawn. Everybody can read it at /anchors.`

const PROBLEMS: Readonly<Record<AnchorChangeProblem, string>> = {
  'no-person': 'Whoever proposes or confirms gives their name',
  'no-reason': 'Say with --reason how the key was confirmed, or why it is withdrawn: everybody can read it',
  'unknown-maker': 'The policy lists no such maker',
  'unknown-key': 'No key with this SHA-256 is held for this maker',
  'already-held': 'This key is held already: turn it on, if it is off',
  'not-one-key': 'The file must hold exactly one key',
  'not-a-key': 'What the file holds as spki is no public key',
  'arrives-off': 'A key that is added is relied on: leave "off" out of the file',
  'unknown-device': "The maker's catalogue has no such device",
  'wrong-period': 'notAfter must be later than notBefore',
  'already-withdrawn': 'This key is withdrawn already',
  'refused-key': 'This key is held in order to be refused',
  'not-off': 'This key is on already',
  'unknown-change': 'There is no such proposal: "list" prints those that wait',
  'already-confirmed': 'This proposal was confirmed already',
  'same-person': 'Another person than the one who proposed must confirm',
}

const refuse = (problem: AnchorChangeProblem): never => {
  throw new StartRefused(`${PROBLEMS[problem]}.`)
}

/** Runs one command. @throws StartRefused with one line for the operator, when nothing was done */
export async function changeAnchors(services: Services, args: readonly string[], terminal: Terminal): Promise<void> {
  const { positionals, values } = parse(args)
  const [command, ...rest] = positionals
  const reason = values.reason?.trim() ?? ''
  const wants = (count: number) => {
    if (rest.length !== count) throw new StartRefused(USAGE)
    return rest
  }
  switch (command) {
    case 'list':
      wants(0)
      return list(services, terminal)
    case 'report':
      wants(0)
      return report(services, terminal)
    case 'propose-add':
      return propose(services, terminal, { kind: 'add', ...readFile(wants(1)[0]!), reason })
    case 'propose-withdraw':
    case 'propose-turn-on': {
      const [maker, spkiSha256] = wants(2)
      return propose(services, terminal, { kind: command === 'propose-withdraw' ? 'withdraw' : 'turn-on', maker: maker!, spkiSha256: spkiSha256!.toLowerCase(), anchors: null, reason })
    }
    case 'confirm':
      return confirm(services, terminal, wants(1)[0]!)
    default:
      throw new StartRefused(USAGE)
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: { reason: { type: 'string' } }, allowPositionals: true })
  } catch (error) {
    throw new StartRefused(`${(error as Error).message}\n\n${USAGE}`)
  }
}

const keyLine = (anchor: Anchor): string => {
  const standing = anchor.off ? (anchor.off.why === 'withdrawn' ? `withdrawn ${anchor.off.since}` : 'off') : anchor.role === 'refuse' ? 'refused' : 'on'
  return `  ${anchor.spkiSha256}  ${standing.padEnd(20)} ${anchor.notBefore} to ${anchor.notAfter}  ${anchor.subject}`
}

async function list(services: Services, { say }: Terminal): Promise<void> {
  for (const { id, anchors } of await presentMakers(services.database, services.policy)) for (const line of [id, ...anchors.rows.map(keyLine), '']) say(line)
  const waiting = await anchorStore(services.database).proposed()
  say(waiting.length === 0 ? 'No proposal waits.' : 'Waiting for a second person:')
  for (const { id, kind, maker, spkiSha256, proposedBy } of waiting) say(`  ${id}  ${kind} ${maker} ${spkiSha256} by ${proposedBy}`)
}

async function report(services: Services, { say }: Terminal): Promise<void> {
  const days = services.policy.attestation.anchorNoticeDays
  const ending = endingAnchors(await presentMakers(services.database, services.policy), services.clock(), days)
  for (const { maker, anchor, ended } of ending) say(`Key of ${maker.id} ${ended ? 'ended' : 'ends'} on ${anchor.notAfter}: ${anchor.subject} (SHA-256 ${anchor.spkiSha256})`)
  if (ending.length === 0) say(`No key that is relied on ends within ${days} days.`)
}

function readFile(file: string): Pick<ProposedAnchorChange, 'maker' | 'spkiSha256' | 'anchors'> {
  let data: unknown
  try {
    data = JSON.parse(readFileSync(file, 'utf8'))
    const { rows } = readAnchors(data)
    return { maker: (data as { maker: string }).maker, spkiSha256: rows[0]!.spkiSha256, anchors: JSON.stringify(data) }
  } catch (error) {
    throw new StartRefused(`${file} can't be taken: ${(error as Error).message}`)
  }
}

function describe(change: ProposedAnchorChange, makers: readonly Maker[]): readonly string[] {
  const maker = makers.find(({ id }) => id === change.maker)
  const anchor = change.anchors === null ? maker?.anchors.rows.find(({ spkiSha256 }) => spkiSha256 === change.spkiSha256) : readAnchors(JSON.parse(change.anchors)).rows[0]
  const elsewhere = makers.filter((other) => other.id !== change.maker && other.anchors.rows.some(({ spkiSha256, off }) => spkiSha256 === change.spkiSha256 && !off)).map(({ id }) => id)
  return [
    `Proposal   ${change.id}`,
    `Change     ${change.kind} a key of ${change.maker}`,
    `Key        SHA-256 ${change.spkiSha256}`,
    `Name       ${anchor?.subject ?? '–'}`,
    `Relied on  ${anchor?.notBefore ?? '–'} to ${anchor?.notAfter ?? '–'}, ${anchor?.signsDevices ? 'signs devices' : 'held for reference'}, role ${anchor?.role ?? '–'}`,
    `Reason     ${change.reason}`,
    `Proposed   by ${change.proposedBy} at ${change.proposedAt}`,
    ...(change.kind === 'withdraw' && elsewhere.length > 0 ? [`Note       the same key is relied on for ${elsewhere.join(', ')} too: withdraw it there as well`] : []),
  ]
}

async function propose(services: Services, { say, ask }: Terminal, wanted: Omit<ProposedAnchorChange, 'id' | 'proposedBy' | 'proposedAt'>): Promise<void> {
  const makers = await presentMakers(services.database, services.policy)
  const change = { ...wanted, id: randomUUID(), proposedBy: await ask('Your name: '), proposedAt: services.clock().toISOString() }
  const problem = refuseChange(change, makers)
  if (problem) refuse(problem)
  await services.work(ACTOR, async (work, trx) => {
    await anchorStore(trx).propose(change)
    await work.audit(proposalNote(change))
  })
  for (const line of describe(change, makers)) say(line)
  say(`\nNothing counts yet. Another person confirms with:\n  npm run anchors -- confirm ${change.id}`)
}

async function confirm(services: Services, { say, ask }: Terminal, id: string): Promise<void> {
  const change = (await anchorStore(services.database).find(id)) ?? refuse('unknown-change')
  const makers = await presentMakers(services.database, services.policy)
  for (const line of describe(change, makers)) say(line)
  const code = changeDigest(change).slice(0, 8)
  say(`Code       ${code}\n`)
  const person = await ask('Your name: ')
  const problem = refuseConfirmation(change, person, makers)
  if (problem) refuse(problem)
  if ((await ask('Type the code to confirm: ')) !== code) throw new StartRefused('The code was not typed: nothing was changed.')
  const done = await services.work(ACTOR, async (work, trx) => {
    if (!(await anchorStore(trx).confirm(id, person, work.now))) return false
    await work.audit(confirmationNote(change, person))
    return true
  })
  if (!done) refuse('already-confirmed')
  say('Confirmed. It counts from now on, in every process, without a restart.')
}
