/**
 * Damages a whole upload: octets of a file, what lies inside its wrappings, the files themselves, archives around them, pieces of other
 * uploads, and the key that is applied for. The same on every run of a seed.
 */
import { gunzipSync, gzipSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { encodePem } from '../../src/pki/pem.ts'
import type { EvidenceFile } from '../../src/attestation/evidence.ts'
import { requestFor } from '../support/fake-yubikey.ts'
import { mutate } from '../support/mutate.ts'
import type { Upload } from '../support/specimens.ts'
import { mutateTlv } from './tlv.ts'

type Next = () => number
export interface Damaged extends Upload {
  /** What was done, in order. */
  readonly how: readonly string[]
  /** Whether pieces of another upload were put in. */
  readonly spliced: boolean
}

const pick = <T>(from: readonly T[], next: Next): T => from[Math.floor(next() * from.length)]!

/** Numbers at the edges, in the places and orders of octets that makers' formats use. */
function edge(bytes: Buffer, next: Next): Buffer {
  if (bytes.length < 8) return mutate(bytes, next)
  const changed = Buffer.from(bytes)
  const value = pick([0, 1, 2, 4, 255, 256, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff], next)
  const at = Math.floor((next() * (bytes.length - 4)) / 4) * 4
  if (next() < 0.5) changed.writeUInt32BE(value, at)
  else changed.writeUInt32LE(value, at)
  return changed
}

/** Damage to octets of any format. */
const octets = (bytes: Buffer, next: Next): Buffer => {
  const kind = next()
  if (kind < 0.6) return mutateTlv(bytes, next) ?? (next() < 0.5 ? edge(bytes, next) : mutate(bytes, next))
  return kind < 0.75 ? edge(bytes, next) : mutate(bytes, next)
}

const isBase64 = (text: string): boolean => text.length >= 16 && /^[A-Za-z0-9+/_-]+={0,2}$/.test(text)
const TEXTS = ['', '0', 'null', 'true', '"', '\\u0000', '<![CDATA[x]]>', '&amp;', '<!DOCTYPE a>', '\u2028', 'é', '\ud83d\ude00', 'a'.repeat(5000), '[[[[[[[[[[', '{"a":', '-1', '1e999', '99999999999999999999']

/** Damage to text: a value, a line, a tag or a member is changed, doubled, dropped, or replaced by something strange. */
function text(bytes: Buffer, next: Next): Buffer {
  const parts = bytes.toString('latin1').split(/(?<=[>\n,:{}[\]])|(?=[<"])/)
  const place = Math.floor(next() * parts.length)
  switch (Math.floor(next() * 6)) {
    case 0:
      parts.splice(place, 1)
      break
    case 1:
      parts.splice(place, 0, parts[place]!)
      break
    case 2:
      parts.splice(place, 0, pick(parts, next))
      break
    case 3:
      parts[place] = pick(TEXTS, next)
      break
    case 4: {
      const other = Math.floor(next() * parts.length)
      ;[parts[place], parts[other]] = [parts[other]!, parts[place]!]
      break
    }
    default:
      parts[place] = mutate(Buffer.from(parts[place]!, 'latin1'), next).toString('latin1')
  }
  return Buffer.from(parts.join(''), 'latin1')
}

/** Changes what lies inside gzip, PEM, JSON or XML, and wraps it again as it was. */
function inside(bytes: Buffer, change: (inner: Buffer) => Buffer, next: Next): Buffer {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      return gzipSync(change(gunzipSync(bytes, { maxOutputLength: 1 << 17 })), { level: 1 })
    } catch {
      return change(bytes)
    }
  }
  const content = bytes.toString('latin1')
  const blocks = [...content.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END [A-Z0-9 ]+-----/g)]
  if (blocks.length > 0) {
    const [whole, label, body] = pick(blocks, next)
    return Buffer.from(content.replace(whole, () => encodePem(label!, change(Buffer.from(body!, 'base64'))).trimEnd()), 'latin1')
  }
  const strings = [...content.matchAll(/(?<=[">])[^"<>]{16,}(?=["<])/g)].filter(([value]) => isBase64(value!))
  if (strings.length > 0) {
    const [value] = pick(strings, next)
    const url = /[-_]/.test(value!) || value!.length % 4 !== 0
    return Buffer.from(content.replace(value!, () => change(Buffer.from(value!, url ? 'base64url' : 'base64')).toString(url ? 'base64url' : 'base64')), 'latin1')
  }
  return change(bytes)
}

const isText = (bytes: Buffer): boolean => /^\s*[{[<-]/.test(bytes.subarray(0, 40).toString('latin1')) && bytes.length > 40

/** One file damaged: from outside, or in what it wraps. */
function damageFile(bytes: Buffer, next: Next): Buffer {
  const kind = next()
  if (kind < 0.2) return mutate(bytes, next)
  if (kind < 0.4 && isText(bytes)) return text(bytes, next)
  return inside(bytes, (inner) => (kind < 0.5 && isText(inner) ? text(inner, next) : octets(inner, next)), next)
}

function damageFiles(files: readonly EvidenceFile[], next: Next): EvidenceFile[] {
  const changed = [...files]
  const place = Math.floor(next() * changed.length)
  const file = changed[place]
  if (!file) return changed
  switch (Math.floor(next() * 8)) {
    case 0:
      return changed.map((each) => ({ each, by: next() })).sort((one, other) => one.by - other.by).map(({ each }) => each)
    case 1:
      return [...changed, { ...file, name: `copy of ${file.name}` }]
    case 2:
      return changed.filter((_, index) => index !== place)
    case 3:
      return changed.map((each) => ({ ...each, name: 'same.pem' }))
    case 4:
      return [{ name: 'all', bytes: Buffer.concat(changed.flatMap(({ bytes }) => [bytes, Buffer.from('\n')])) }]
    case 5:
      return file.bytes.toString('latin1').split(/(?<=-----END [A-Z0-9 ]+-----)/).map((part, index) => ({ name: `${index}`, bytes: Buffer.from(part, 'latin1') })).slice(0, 20)
    case 6:
      return [...changed, ...Array.from({ length: 1 + Math.floor(next() * 20) }, (_, index) => ({ name: `more-${index}`, bytes: next() < 0.5 ? file.bytes : Buffer.alloc(Math.floor(next() * 3)) }))]
    default:
      return [...changed, { name: pick(['', '../../x', 'a\u0000b', '.DS_Store', 'x'.repeat(300)], next), bytes: pick(changed, next).bytes }]
  }
}

const level = { level: 1 } as const
function wrap(files: readonly EvidenceFile[], next: Next): EvidenceFile[] {
  const zip = (parts: readonly EvidenceFile[]) => Buffer.from(zipSync(Object.fromEntries(parts.map(({ name, bytes }, index) => [name === '' || name.length > 200 ? `${index}` : name, new Uint8Array(bytes)])), level))
  const gzip = (file: EvidenceFile) => ({ name: `${file.name}.gz`, bytes: gzipSync(file.bytes, level) })
  switch (Math.floor(next() * 7)) {
    case 0:
      return [{ name: 'all.zip', bytes: zip(files) }]
    case 1:
      return files.map(gzip)
    case 2:
      return [{ name: 'all.zip', bytes: zip(files.map(gzip)) }]
    case 3:
      return [{ name: 'nested.zip', bytes: zip([{ name: 'inner.zip', bytes: zip(files) }]) }]
    case 4:
      return [{ name: 'damaged.zip', bytes: edge(zip(files), next) }]
    case 5:
      return files.map((file) => ({ name: file.name, bytes: mutate(gzip(file).bytes, next) }))
    default:
      return [{ name: 'bomb.zip', bytes: zip([...files, { name: 'zeros', bytes: Buffer.alloc(Math.floor(next() * 300_000)) }]) }]
  }
}

function splice(files: readonly EvidenceFile[], others: readonly Upload[], next: Next): EvidenceFile[] {
  const other = pick(others, next)
  const strange = other.files.length > 0 ? pick(other.files, next) : { name: 'request.csr', bytes: other.certificateRequestDer }
  const place = Math.floor(next() * files.length)
  if (next() < 0.3 || files.length === 0) return [...files, strange]
  if (next() < 0.5) return files.map((file, index) => (index === place ? strange : file))
  // A piece of the one over the same place of the other, inside their wrappings.
  return files.map((file, index) => {
    if (index !== place) return file
    return {
      name: file.name,
      bytes: inside(file.bytes, (inner) => {
        const [from, changed] = [strange.bytes, Buffer.from(inner)]
        from.copy(changed, Math.floor(next() * changed.length), Math.floor(next() * from.length), Math.floor(next() * from.length))
        return changed
      }, next),
    }
  })
}

/** The octets of a key that a statement would hold: the modulus or the point, without what stands before them. */
const keyOctets = (spki: Buffer): Buffer => (spki.length > 200 ? spki.subarray(-5 - ((spki.length - 38) & ~63), -5) : spki.subarray(-64))

/** Puts one key's octets in the places of another's, through every wrapping: what somebody would do who has a genuine statement of another key. */
function replaceKey(bytes: Buffer, from: Buffer, to: Buffer, next: Next): Buffer {
  const swap = (inner: Buffer): Buffer => {
    const hex = inner.toString('hex')
    const replaced = hex.replaceAll(from.toString('hex'), to.toString('hex')).replaceAll(Buffer.from(from).reverse().toString('hex'), Buffer.from(to).reverse().toString('hex'))
    return Buffer.from(replaced, 'hex')
  }
  return inside(bytes, swap, next)
}

/** `others` are the uploads that pieces and keys may come from. */
export function damage(upload: Upload, others: readonly Upload[], next: Next): Damaged {
  let { files, certificateRequestDer, publicKeySpki } = upload
  const how: string[] = []
  let spliced = false
  for (let count = 1 + Math.floor(next() * next() * 3); count > 0; count--) {
    const kind = next()
    const place = Math.floor(next() * files.length)
    if (kind < 0.6 && files.length > 0) {
      files = files.map((file, index) => (index === place ? { name: file.name, bytes: damageFile(file.bytes, next) } : file))
      how.push('file')
    } else if (kind < 0.68) {
      certificateRequestDer = octets(certificateRequestDer, next)
      how.push('request')
    } else if (kind < 0.76) {
      files = damageFiles(files, next)
      how.push('files')
    } else if (kind < 0.82) {
      files = wrap(files, next)
      how.push('archive')
    } else if (kind < 0.88) {
      files = splice(files, others, next)
      spliced = true
      how.push('splice')
    } else {
      const key = next() < 0.7 ? pick(others, next).publicKeySpki : mutate(publicKeySpki, next)
      if (next() < 0.6) {
        const [from, to] = [keyOctets(publicKeySpki), keyOctets(key)]
        files = files.map(({ name, bytes }) => ({ name, bytes: replaceKey(bytes, from, to, next) }))
        certificateRequestDer = replaceKey(certificateRequestDer, from, to, next)
      }
      // The rest of the request stays as it is, or it is a fresh one of the other key.
      if (next() < 0.7) certificateRequestDer = requestFor(key)
      publicKeySpki = key
      how.push('key')
    }
  }
  return { files, certificateRequestDer, publicKeySpki, how, spliced }
}
