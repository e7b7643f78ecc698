/**
 * The small part of XML 1.0 that Primus HSMs write: elements, attributes, text. There is no document type, no entity, no comment,
 * no processing instruction and no CDATA section, so nothing is ever expanded, fetched or left out, and no two readers can differ.
 * The octets themselves are what is signed; they are never written again.
 */
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'

export interface XmlElement {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  /** Text of an element without children, as it stands; the empty string otherwise. */
  readonly text: string
  /** By name: no name stands twice among siblings. */
  readonly children: ReadonlyMap<string, XmlElement>
}

const MAX_DEPTH = 4
const MAX_ELEMENTS = 100
const DECLARATION = /^<\?xml version="1\.0"(?: encoding="(?:UTF-8|utf-8)")?(?: standalone="(?:yes|no)")?\?>/
const NAME = /[A-Za-z_][A-Za-z0-9_.-]{0,63}/y
const SPACE = /[ \t\r\n]*/y

/** Reads one element that, with white space and the declaration, fills the octets. @throws MalformedStatement */
export function readXml(bytes: Buffer, file: string): XmlElement {
  let source = ''
  let at = 0
  let elements = 0
  const fail = (): never => {
    throw new MalformedStatement(file, say('attestation-securosys.malformed.xml', { octet: String(Buffer.byteLength(source.slice(0, at))) }))
  }
  try {
    source = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    fail()
  }
  // Anything that begins so could change what the text means; it is named, because no Primus HSM writes it.
  const forbidden = /<!|&|<\?(?!xml )/.exec(source)
  if (forbidden) throw new MalformedStatement(file, say('attestation-securosys.malformed.xml-forbidden', { octet: String(Buffer.byteLength(source.slice(0, forbidden.index))) }))

  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const found = pattern.exec(source)?.[0] ?? fail()
    at += found.length
    return found
  }
  const take = (text: string): boolean => {
    if (!source.startsWith(text, at)) return false
    at += text.length
    return true
  }
  const until = (end: string): string => {
    const to = source.indexOf(end, at)
    if (to === -1) fail()
    const text = source.slice(at, to)
    at = to
    return text
  }
  const element = (depth: number): XmlElement => {
    if (depth > MAX_DEPTH || ++elements > MAX_ELEMENTS || !take('<')) fail()
    const name = match(NAME)
    const attributes = new Map<string, string>()
    while (match(SPACE) !== '' && !source.startsWith('>', at) && !source.startsWith('/>', at)) {
      const key = match(NAME)
      if (attributes.has(key) || !take('="')) fail()
      const value = until('"')
      if (/[<>\t\r\n]/.test(value)) fail()
      at++
      attributes.set(key, value)
    }
    if (take('/>')) return { name, attributes, text: '', children: new Map() }
    if (!take('>')) fail()
    const children = new Map<string, XmlElement>()
    for (;;) {
      const text = until('<')
      if (take('</')) {
        if (match(NAME) !== name) fail()
        match(SPACE)
        if (!take('>') || (children.size > 0 && text.trim() !== '')) fail()
        return { name, attributes, text: children.size > 0 ? '' : text, children }
      }
      // Text beside elements has no meaning in these files, so it may not be there to be overlooked.
      if (text.trim() !== '') fail()
      const child = element(depth + 1)
      if (children.has(child.name)) throw new MalformedStatement(file, say('attestation-securosys.malformed.xml-twice', { name: child.name }))
      children.set(child.name, child)
    }
  }
  at = DECLARATION.exec(source)?.[0].length ?? 0
  match(SPACE)
  const root = element(1)
  match(SPACE)
  return at === source.length ? root : fail()
}
