/** Reads a revocation list of any length without holding all of its entries at once: what a relying party gets, looked through from end to end. */
import { MalformedDer, sequence, TAG } from '../pki/der.ts'
import { readDer } from '../pki/der.ts'
import { type ListedCertificate, readListedCertificates, readTbsCertList, type TbsCertList } from './crl-reader.ts'

/** Entries read at once. */
const AT_ONCE = 500

export interface WalkedList {
  /** The octets that are signed. */
  readonly tbsDer: Buffer
  readonly signature: Buffer
  /** Everything but the entries. */
  readonly head: Omit<TbsCertList, 'entries'>
  /** Entries in their order, some at a time. @throws MalformedDer */
  entries(): Generator<readonly ListedCertificate[]>
}

interface Value {
  readonly tag: number
  readonly start: number
  readonly content: number
  readonly end: number
}

/** @throws MalformedDer */
export function walkCertificateList(der: Buffer): WalkedList {
  const root = valueAt(der, 0, der.length)
  if (root.tag !== TAG.sequence || root.end !== der.length) throw new MalformedDer('no CertificateList', 0)
  const [tbs, algorithm, signature, ...rest] = within(der, root)
  if (!tbs || !algorithm || !signature || rest.length > 0 || tbs.tag !== TAG.sequence) throw new MalformedDer('CertificateList does not have three parts', root.start)
  const parts = within(der, tbs)
  // Version, algorithm and issuer come first: the first SEQUENCE behind a time is revokedCertificates (RFC 5280 5.1).
  const firstTime = parts.findIndex(({ tag }) => tag === TAG.utcTime || tag === TAG.generalizedTime)
  const revoked = parts.find(({ tag }, index) => firstTime >= 0 && index > firstTime && tag === TAG.sequence) ?? null
  const raw = ({ start, end }: Value) => der.subarray(start, end)
  const { entries: _none, ...head } = readTbsCertList(sequence(...parts.filter((part) => part !== revoked).map(raw)))
  if (!raw(algorithm).equals(head.signatureDer)) throw new MalformedDer('signature algorithms differ', algorithm.start)
  return {
    tbsDer: raw(tbs),
    signature: readDer(raw(signature)).bitStringOctets(),
    head,
    *entries() {
      if (!revoked) return
      for (let at = revoked.content; at < revoked.end; ) {
        const from = at
        for (let count = 0; count < AT_ONCE && at < revoked.end; count++) at = valueAt(der, at, revoked.end).end
        yield readListedCertificates(der.subarray(from, at))
      }
    },
  }
}

function within(der: Buffer, { content, end }: Value): Value[] {
  const found: Value[] = []
  for (let at = content; at < end; at = found.at(-1)!.end) {
    // A list has seven parts at most.
    if (found.length === 8) throw new MalformedDer('too many parts', at)
    found.push(valueAt(der, at, end))
  }
  return found
}

function valueAt(der: Buffer, start: number, limit: number): Value {
  if (start + 2 > limit) throw new MalformedDer('value cut short', start)
  const first = der[start + 1]!
  const octets = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || octets > 4 || start + 2 + octets > limit) throw new MalformedDer('length is not DER', start)
  const length = octets === 0 ? first : der.readUIntBE(start + 2, octets)
  const content = start + 2 + octets
  if (content + length > limit) throw new MalformedDer('value cut short', start)
  return { tag: der[start]!, start, content, end: content + length }
}
