/** The command line, checked whole before anything is touched. A PIN has no place on it. */
import { parseArgs } from 'node:util'
import { readEnteredName } from '../pki/entered-name.ts'
import type { NameAttribute } from '../pki/name.ts'
import type { TokenChoice } from '../signer/subscriber-key.ts'
import { Refusal } from './refusal.ts'
import type { Language } from './words.ts'

export type ChallengeSource = { readonly challenge: string } | { readonly portal: URL; readonly ticket: string }

export type Task =
  | { readonly do: 'help' | 'version' }
  | { readonly do: 'list'; readonly module: string }
  | {
      readonly do: 'generate'
      readonly module: string
      readonly token: TokenChoice
      readonly source: ChallengeSource
      readonly label: string
      readonly bits: 3072 | 4096
      /** Null: the name that the portal knows, or the key's label. */
      readonly subject: readonly NameAttribute[] | null
      readonly out: string
      readonly pinFile: string | null
    }

const STRINGS = ['module', 'slot', 'token-label', 'portal', 'ticket', 'challenge', 'label', 'bits', 'subject', 'out', 'pin-file', 'language'] as const
type Given = Partial<Record<(typeof STRINGS)[number], string>> & { list?: boolean; version?: boolean; help?: boolean }

/** `reference.code`, as the portal writes it. */
export const TICKET = /^[A-Za-z0-9-]{1,40}\.[A-Za-z0-9_-]{22}$/

const wrong = (key: string, values?: Readonly<Record<string, string>>): Refusal => new Refusal(`error.${key}`, values, 2)

/** The language named on the command line, before the rest of it is judged, so that a refusal is in it too. */
export function namedLanguage(args: readonly string[]): Language | null {
  const at = args.findIndex((each) => each === '--language' || each.startsWith('--language='))
  const value = at === -1 ? null : args[at]!.includes('=') ? args[at]!.split('=')[1] : args[at + 1]
  return value === 'en' || value === 'ja' ? value : null
}

/** @throws Refusal with exit code 2 */
export function readArguments(args: readonly string[]): Task {
  if (args.some((each) => /^--?pin(=|$)/i.test(each))) throw wrong('pin-on-command-line')
  const given = parse(args)
  if (given.language !== undefined && given.language !== 'en' && given.language !== 'ja') throw wrong('bad-language')
  if (given.help || args.length === 0) return { do: 'help' }
  if (given.version) return { do: 'version' }
  if (!given.module) throw wrong('needs-module')
  if (given.list) return { do: 'list', module: given.module }
  return {
    do: 'generate',
    module: given.module,
    token: readToken(given),
    source: readSource(given),
    label: readLabel(given.label ?? 'code-signing'),
    bits: readBits(given.bits ?? '3072'),
    subject: given.subject === undefined ? null : readSubject(given.subject),
    out: given.out ?? '.',
    pinFile: given['pin-file'] ?? null,
  }
}

function parse(args: readonly string[]): Given {
  try {
    const options = { ...Object.fromEntries(STRINGS.map((name) => [name, { type: 'string' as const }])), list: { type: 'boolean' as const }, version: { type: 'boolean' as const }, help: { type: 'boolean' as const } }
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values as Given
  } catch (error) {
    // Node's sentence would be in English, and might repeat a value that was meant to stay hidden: the option's name is enough.
    throw wrong('unknown-option', { detail: /'(-{1,2}[A-Za-z-]+)/.exec((error as Error).message)?.[1] ?? '–' })
  }
}

function readToken({ slot, 'token-label': label }: Given): TokenChoice {
  if (slot !== undefined && label !== undefined) throw wrong('one-token')
  if (slot !== undefined && !/^\d{1,15}$/.test(slot)) throw wrong('bad-slot')
  return slot !== undefined ? { slot: Number(slot) } : label !== undefined ? { label } : null
}

function readSource({ challenge, ticket, portal }: Given): ChallengeSource {
  if (challenge !== undefined && ticket !== undefined) throw wrong('one-challenge')
  if (challenge !== undefined) {
    if (!/^[0-9a-f]{64}$/.test(challenge)) throw wrong('bad-challenge')
    return { challenge }
  }
  if (ticket === undefined) throw wrong('needs-challenge')
  if (portal === undefined) throw wrong('needs-portal')
  if (!TICKET.test(ticket)) throw wrong('bad-ticket')
  return { portal: readPortal(portal), ticket }
}

/** HTTPS; plain HTTP to this computer alone, for trying out. */
function readPortal(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || url.username !== '' || url.password !== '') throw wrong('bad-portal')
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname))) throw wrong('bad-portal')
  return url
}

function readLabel(label: string): string {
  if (!/^[\x20-\x7e]{1,64}$/.test(label) || label.trim() !== label) throw wrong('bad-label')
  return label
}

function readBits(bits: string): 3072 | 4096 {
  if (bits !== '3072' && bits !== '4096') throw wrong('bad-bits')
  return bits === '3072' ? 3072 : 4096
}

function readSubject(text: string): readonly NameAttribute[] {
  const name = readEnteredName(text)
  if ('refused' in name) throw wrong('bad-subject', { part: name.refused })
  return name.attributes
}
