/**
 * Makers' keys that this software holds: names, public keys, where each fact was seen, and since when it is held.
 * Facts, not certificates: a chain is verified against these names and keys and never against what an upload brings along.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'

const base64 = z.string().regex(/^[A-Za-z0-9+/]+={0,2}$/)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

const anchorSchema = z.strictObject({
  /** anchor: a root; issuer: an intermediate authority held by name and key; refuse: known, and never to be accepted. */
  role: z.enum(['anchor', 'issuer', 'refuse']),
  subject: z.string().min(1),
  subjectDer: base64,
  spki: base64,
  spkiSha256: sha256,
  certificateSha256: sha256.nullable(),
  notBefore: z.iso.date(),
  notAfter: z.iso.date(),
  /** True for the keys that may sign device certificates; every other key above them is held for reference. */
  signsDevices: z.boolean(),
  /** The root that this key was seen to lead to when it was taken in. */
  under: z.string().nullable(),
  /** First firmware whose device certificate must say that it is a CA; before it the maker left basicConstraints out. */
  basicConstraintsFrom: z.string().regex(/^\d+\.\d+\.\d+$/).nullable(),
  use: z.string(),
  independentSources: z.int().min(0),
  /** device (or left out): a signature of this key says that a device is the maker's; owner: it says who runs the device. */
  vouchesFor: z.enum(['device', 'owner']).optional(),
  /** The catalogue's row of the devices under this key, where statements do not name their model and firmware. */
  device: z.string().regex(/^[a-z0-9-]+$/).optional(),
  /** Held, but not accepted until somebody has compared it with what the maker publishes at the address. */
  off: z.strictObject({ why: z.enum(['single-source']), confirmAt: z.url() }).optional(),
})

const anchorsSchema = z.strictObject({
  maker: z.string(),
  asOf: z.iso.date(),
  sources: z.array(z.string()).min(1),
  rows: z.array(anchorSchema).min(1),
})

/** Why a key that is held is not accepted: not confirmed with its maker yet, or withdrawn by the operator on that day. */
export type AnchorOff = { readonly why: 'single-source'; readonly confirmAt: string } | { readonly why: 'withdrawn'; readonly since: string; readonly reason: string }

export interface Anchor extends Omit<z.infer<typeof anchorSchema>, 'subjectDer' | 'spki' | 'off'> {
  /** The Name and the SubjectPublicKeyInfo, DER. */
  readonly subjectDer: Buffer
  readonly spki: Buffer
  readonly off?: AnchorOff | undefined
  /** Set where the operator confirmed the key with its maker: the day, and how. */
  readonly confirmed?: { readonly since: string; readonly how: string } | undefined
}

export interface Anchors {
  readonly asOf: string
  readonly sources: readonly string[]
  readonly rows: readonly Anchor[]
}

/** @throws Error when a row is not as the schema says, or a fingerprint is not that of its key */
export function readAnchors(data: unknown): Anchors {
  const { asOf, sources, rows } = anchorsSchema.parse(data)
  return {
    asOf,
    sources,
    rows: rows.map((row) => {
      const spki = Buffer.from(row.spki, 'base64')
      if (createHash('sha256').update(spki).digest('hex') !== row.spkiSha256) throw new Error(`${row.subject}: spkiSha256 is not the fingerprint of spki`)
      return { ...row, spki, subjectDer: Buffer.from(row.subjectDer, 'base64') }
    }),
  }
}

/** Reads a maker's `anchors.json`. */
export const loadAnchors = (file: URL): Anchors => readAnchors(JSON.parse(readFileSync(file, 'utf8')))
