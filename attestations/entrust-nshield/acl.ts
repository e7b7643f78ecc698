/**
 * Access control lists of nCore keys (M_ACL). Every octet is understood or the list counts as not understood: actions have no
 * length of their own, so after one that is unknown nothing can be read, and nothing unread may permit.
 */
import type { NCoreReader } from './ncore.ts'

export interface MakeBlob {
  readonly kind: 'make-blob'
  readonly flags: number
  /** Hash of the module key that the blob must be under; null when any will do. */
  readonly moduleKey: Buffer | null
  /** Flags of the token that the blob must be under; null when no token's parameters are given. */
  readonly token: number | null
}
export type Action =
  | { readonly kind: 'operations'; readonly permissions: number }
  | MakeBlob
  | { readonly kind: 'make-archive-blob' }
  | { readonly kind: 'derive-key'; readonly mechanism: number }

export interface PermissionGroup {
  /** Hashes of keys that must certify a use of this group. */
  readonly certifiers: readonly Buffer[]
  readonly actions: readonly Action[]
}

export interface AccessControlList {
  readonly groups: readonly PermissionGroup[]
  /** The first thing that is not understood; the groups then end before it. */
  readonly unknown: { readonly what: 'action' | 'limit' | 'group-flags' | 'blob-flags' | 'derivation'; readonly value: number } | null
}

class NotUnderstood {
  readonly unknown: NonNullable<AccessControlList['unknown']>
  constructor(what: NonNullable<AccessControlList['unknown']>['what'], value: number) {
    this.unknown = { what, value }
  }
}

/** Permission group flags. */
const CERTIFIER = 0x1
const FRESH_CERTIFICATES = 0x2
const CERTIFIER_WITH_MECHANISM = 0x4
const MODULE_SERIAL = 0x8
const LOG_KEY_USAGE = 0x20
const CERTIFIER_EX = 0x40
const GROUP_FLAGS = CERTIFIER | FRESH_CERTIFICATES | CERTIFIER_WITH_MECHANISM | MODULE_SERIAL | LOG_KEY_USAGE | CERTIFIER_EX

/** @throws MalformedStatement when the octets end too early */
export function readAcl(reader: NCoreReader): AccessControlList {
  const groups: PermissionGroup[] = []
  try {
    for (let left = reader.count(12); left > 0; left--) groups.push(readGroup(reader))
    return { groups, unknown: null }
  } catch (error) {
    if (error instanceof NotUnderstood) return { groups, unknown: error.unknown }
    throw error
  }
}

function known(what: NotUnderstood['unknown']['what'], value: number, mask: number): number {
  if ((value & ~mask) !== 0) throw new NotUnderstood(what, value)
  return value
}

function readGroup(reader: NCoreReader): PermissionGroup {
  const flags = known('group-flags', reader.word(), GROUP_FLAGS)
  for (let left = reader.count(8); left > 0; left--) {
    const limit = reader.word()
    // Global and authorised uses: an identifier and a number; time: seconds. Limits only ever narrow what a group allows.
    if (limit === 1 || limit === 6) reader.octets(24)
    else if (limit === 3) reader.word()
    else throw new NotUnderstood('limit', limit)
  }
  const actions = Array.from({ length: reader.count(8) }, () => readAction(reader))
  const certifiers: Buffer[] = []
  if (flags & CERTIFIER) certifiers.push(reader.hash())
  if (flags & CERTIFIER_WITH_MECHANISM) {
    certifiers.push(reader.hash())
    reader.word()
  }
  if (flags & MODULE_SERIAL) reader.text()
  if (flags & CERTIFIER_EX) {
    certifiers.push(reader.keyHashEx())
    reader.word()
  }
  return { certifiers, actions }
}

function readAction(reader: NCoreReader): Action {
  const type = reader.word()
  switch (type) {
    case 1:
      return { kind: 'operations', permissions: reader.word() }
    case 2: {
      const flags = known('blob-flags', reader.word(), 0x7f)
      const moduleKey = flags & 0x4 ? reader.hash() : null
      if (flags & 0x8) reader.hash()
      let token: number | null = null
      if (flags & 0x10) {
        token = reader.word()
        // Shares needed, shares in all, time limit.
        reader.octets(12)
      }
      if (flags & 0x40) readBlobFile(reader)
      return { kind: 'make-blob', flags, moduleKey, token }
    }
    case 3: {
      const flags = known('blob-flags', reader.word(), 0x3)
      reader.word()
      if (flags & 0x1) reader.hash()
      if (flags & 0x2) readBlobFile(reader)
      return { kind: 'make-archive-blob' }
    }
    case 5:
    case 47: {
      const flags = reader.word()
      reader.word()
      const mechanism = reader.word()
      // Parameters and further keys have forms of their own for each mechanism.
      if (flags !== 0 || reader.word() !== 0) throw new NotUnderstood('derivation', mechanism)
      return { kind: 'derive-key', mechanism }
    }
    default:
      throw new NotUnderstood('action', type)
  }
}

function readBlobFile(reader: NCoreReader): void {
  const flags = known('blob-flags', reader.word(), 0x3)
  if (flags & 0x1) reader.word()
  if (flags & 0x2) reader.hash()
}
