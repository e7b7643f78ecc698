/** DER taken apart and put together again with something wrong in it; the lengths around the wrong place are right, unless they are what is wrong. */
import { tlv } from '../../src/pki/der.ts'

interface Node {
  tag: number
  /** Members of a constructed value, or of a value that lies inside a string. */
  children: Node[] | null
  /** What stands before the members: the count of unused bits of a BIT STRING. */
  lead: Buffer
  value: Buffer
  /** The whole encoding in the place of the regular one. */
  written?: Buffer
}

/** One value at the beginning of `bytes` with its length, or null when there is none. */
function readNode(bytes: Buffer, depth: number): { node: Node; length: number } | null {
  const tag = bytes[0]
  let length = bytes[1]
  if (tag === undefined || length === undefined || (tag & 0x1f) === 0x1f || depth > 24) return null
  let start = 2
  if (length >= 0x80) {
    const octets = length - 0x80
    if (octets < 1 || octets > 3 || bytes.length < 2 + octets) return null
    length = bytes.readUIntBE(2, octets)
    start += octets
  }
  if (bytes.length < start + length) return null
  const value = bytes.subarray(start, start + length)
  const lead = tag === 3 ? value.subarray(0, 1) : value.subarray(0, 0)
  const holds = tag === 3 || tag === 4 || (tag & 0x20) !== 0
  const children = holds ? readNodes(value.subarray(lead.length), depth + 1) : null
  return { node: { tag, lead, value, children: (tag & 0x20) !== 0 || children?.length ? children : null }, length: start + length }
}

function readNodes(bytes: Buffer, depth: number): Node[] | null {
  const nodes: Node[] = []
  for (let at = 0; at < bytes.length; ) {
    const read = readNode(bytes.subarray(at), depth)
    if (!read) return null
    nodes.push(read.node)
    at += read.length
  }
  return nodes
}

const write = (node: Node): Buffer => node.written ?? tlv(node.tag, node.children ? Buffer.concat([node.lead, ...node.children.map(write)]) : node.value)

function* walk(nodes: Node[], parent: Node[] = nodes): Generator<{ node: Node; siblings: Node[] }> {
  for (const node of nodes) {
    yield { node, siblings: parent }
    if (node.children) yield* walk(node.children, node.children)
  }
}

const TAGS = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1f, 0x30, 0x31, 0x80, 0xa0, 0xa3, 0xff]
const NUMBERS = ['', '00', '01', '7f', '80', 'ff', '0000', '00ff', 'ffff', '7fffffff', '80000000', '0100000000', '00ffffffffffffffff', '01'.repeat(64), 'ff'.repeat(600)].map((hex) => Buffer.from(hex, 'hex'))

/** One change that knows what DER is made of. Null when the octets are not DER. */
export function mutateTlv(bytes: Buffer, next: () => number): Buffer | null {
  const roots = readNodes(bytes, 0)
  if (!roots || roots.length === 0) return null
  const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]!
  const all = [...walk(roots)]
  const { node, siblings } = pick(all)
  const place = siblings.indexOf(node)
  const encoded = write(node)
  switch (Math.floor(next() * 16)) {
    case 0:
      node.tag = pick(TAGS)
      break
    case 1:
      siblings.splice(place, 1)
      break
    case 2:
      siblings.splice(place, 0, node)
      break
    case 3: {
      const other = Math.floor(next() * siblings.length)
      ;[siblings[place], siblings[other]] = [siblings[other]!, node]
      break
    }
    case 4:
      // As it was written: a value can't hold itself.
      siblings[place] = { ...node, written: write(pick(all).node) }
      break
    case 5:
      siblings.push({ ...node, written: write(pick(all).node) })
      break
    case 6:
      node.written = tlv(node.tag, pick(NUMBERS))
      break
    case 7: {
      const value = Buffer.from(encoded)
      value[Math.floor(next() * value.length)]! ^= 1 << Math.floor(next() * 8)
      node.written = value
      break
    }
    case 8:
      // A length that says one octet more or less, or very much more.
      node.written = Buffer.concat([encoded.subarray(0, 1), pick(['00', '7f', '80', '81ff', '82ffff', '847fffffff', '84ffffffff', '88ffffffffffffffff', 'ff'].map((hex) => Buffer.from(hex, 'hex'))), encoded.subarray(2)])
      break
    case 9:
      // The length with an octet more than it needs (X.690 10.1).
      if (encoded[1]! < 0x80) node.written = Buffer.concat([encoded.subarray(0, 1), Buffer.from([0x81, encoded[1]!]), encoded.subarray(2)])
      break
    case 10:
      // Indefinite length, which DER forbids.
      node.written = Buffer.concat([Buffer.from([node.tag | 0x20, 0x80]), node.value, Buffer.alloc(2)])
      break
    case 11: {
      let wrapped = encoded
      for (let depth = Math.floor(next() * 40); depth >= 0; depth--) wrapped = tlv(0x30, wrapped)
      node.written = wrapped
      break
    }
    case 12:
      if (node.children) node.children.reverse()
      else node.written = tlv(node.tag, Buffer.from(node.value).reverse())
      break
    case 13:
      node.written = tlv(node.tag, node.value, Buffer.alloc(1 + Math.floor(next() * 8), Math.floor(next() * 256)))
      break
    case 14:
      node.written = tlv(node.tag, node.value.subarray(0, Math.floor(next() * node.value.length)))
      break
    default:
      if (node.lead.length > 0) node.lead = Buffer.from([Math.floor(next() * 9)])
      else node.written = tlv(node.tag, Buffer.alloc(Math.floor(next() * 300), 1))
  }
  return Buffer.concat(roots.map(write))
}
