/** The key generation certificate: what the module signs with KML when it makes a key. Read, not judged. */
import { readAcl, type AccessControlList } from './acl.ts'
import { CURVES, NCoreReader, type Curve } from './ncore.ts'

export interface KeyGeneration {
  /** 2 says that the module generated the key; for any other kind, or with flags, nothing below is read. */
  readonly kind: number
  readonly flags: number
  readonly parameters: { readonly kind: 'RSA'; readonly bits: number } | { readonly kind: 'EC'; readonly curve: Curve } | null
  readonly acl: AccessControlList | null
  /** Hash of the key generated. */
  readonly hash: Buffer | null
}

/** @throws MalformedStatement */
export function readKeyGeneration(bytes: Buffer, file: string): KeyGeneration {
  const whole = new NCoreReader(bytes, file, 'kcmsg')
  const [kind, flags] = [whole.word(), whole.word()]
  if (kind !== 2 || flags !== 0) return { kind, flags, parameters: null, acl: null, hash: null }
  if (whole.left < 20) throw whole.malformed()
  // The hash stands last; what is before it must be used up by parameters and list, unless the list is not understood.
  const reader = new NCoreReader(bytes.subarray(0, -20), file, 'kcmsg')
  reader.octets(8)
  const hash = bytes.subarray(-20)
  const parameters = readParameters(reader)
  if (!parameters) return { kind, flags, parameters, acl: null, hash }
  const acl = readAcl(reader)
  if (acl.unknown === null) reader.end()
  return { kind, flags, parameters, acl, hash }
}

function readParameters(reader: NCoreReader): KeyGeneration['parameters'] {
  switch (reader.word()) {
    case 2: {
      const flags = reader.word()
      if ((flags & ~0x7) !== 0) return null
      const bits = reader.word()
      if (flags & 0x1) reader.number()
      if (flags & 0x2) reader.word()
      return { kind: 'RSA', bits }
    }
    case 45:
    case 47: {
      const curve = CURVES.get(reader.word())
      return curve === undefined ? null : { kind: 'EC', curve }
    }
    default:
      return null
  }
}
