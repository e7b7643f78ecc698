/**
 * JSON (RFC 8259) as makers' tools print it, from foreign bytes: UTF-8 alone, every octet used, no name twice, nesting limited.
 * Objects come back as maps, so that no name of a file can reach anything but itself.
 */
import { MalformedStatement, say } from './verifier.ts'

export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export type JsonObject = ReadonlyMap<string, Json>

const MAX_DEPTH = 8
const LITERALS: readonly [string, Json][] = [
  ['true', true],
  ['false', false],
  ['null', null],
]
const NUMBER = /-?(?:0|[1-9]\d{0,15})(?:\.\d{1,15})?(?:[eE][+-]?\d{1,3})?/y

/** @throws MalformedStatement naming the file and the place */
export function readJson(bytes: Buffer, file: string): Json {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new MalformedStatement(file, say('attestation.malformed.json', { octet: '0' }))
  }
  // A byte order mark is what Windows editors put before a text; it is no part of it.
  let at = text.startsWith('\ufeff') ? 1 : 0
  const fail = (): never => {
    throw new MalformedStatement(file, say('attestation.malformed.json', { octet: String(Buffer.byteLength(text.slice(0, at))) }))
  }
  const space = () => {
    while (at < text.length && ' \t\n\r'.includes(text[at]!)) at++
  }
  const take = (character: string): boolean => {
    space()
    if (text[at] !== character) return false
    at++
    return true
  }
  const string = (): string => {
    const start = at++
    for (; text[at] !== '"'; at++) {
      if (at >= text.length || text[at]! < ' ') fail()
      if (text[at] === '\\') at++
    }
    at++
    try {
      return JSON.parse(text.slice(start, at)) as string
    } catch {
      at = start
      return fail()
    }
  }
  const value = (depth: number): Json => {
    if (depth > MAX_DEPTH) fail()
    space()
    if (text[at] === '"') return string()
    if (take('{')) {
      const members = new Map<string, Json>()
      if (take('}')) return members
      do {
        space()
        if (text[at] !== '"') fail()
        const name = string()
        if (members.has(name)) throw new MalformedStatement(file, say('attestation.malformed.json-twice', { name }))
        if (!take(':')) fail()
        members.set(name, value(depth + 1))
      } while (take(','))
      return take('}') ? members : fail()
    }
    if (take('[')) {
      const items: Json[] = []
      if (take(']')) return items
      do items.push(value(depth + 1))
      while (take(','))
      return take(']') ? items : fail()
    }
    for (const [word, meaning] of LITERALS)
      if (text.startsWith(word, at)) {
        at += word.length
        return meaning
      }
    NUMBER.lastIndex = at
    const number = NUMBER.exec(text)?.[0] ?? fail()
    at += number.length
    return Number(number)
  }
  const result = value(0)
  space()
  return at === text.length ? result : fail()
}

export const isObject = (json: Json | undefined): json is JsonObject => json instanceof Map

/** The octets of base64 (RFC 4648 4) or base64url (5) text in its one form, padded or, for base64url, not; null for anything else. */
export function base64Octets(text: string, alphabet: 'base64' | 'base64url'): Buffer | null {
  const octets = Buffer.from(text, alphabet)
  const padded = octets.toString('base64')
  const forms = alphabet === 'base64' ? [padded] : [octets.toString('base64url'), padded.replaceAll('+', '-').replaceAll('/', '_')]
  return text.length > 0 && forms.includes(text) ? octets : null
}
