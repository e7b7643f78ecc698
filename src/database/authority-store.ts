/** The hierarchy in the database: authorities and the responder keys enrolled with them. */
import type { Authority, ResponderKey } from '../signer/authority.ts'
import type { KeyReference } from '../signer/signer.ts'
import type { Database, Transaction, Row } from './database.ts'

export type { Authority, ResponderKey }

const readKey = (row: Row): KeyReference => ({ tokenLabel: row['token_label'], label: row['key_label'], id: row['key_id'], spkiSha256: row['spki_sha256'] })

const readAuthority = (row: Row): Authority => ({
  id: row['id'],
  kind: row['kind'],
  parentId: row['parent_id'],
  demo: Number(row['demo']) === 1,
  key: readKey(row),
  subjectDer: row['subject_der'],
  certificateDer: row['certificate_der'],
  notBefore: new Date(row['not_before']),
  notAfter: new Date(row['not_after']),
})

export async function listAuthorities(db: Database | Transaction): Promise<readonly Authority[]> {
  const rows: readonly Authority[] = (await db('authorities').orderBy('created_at').orderBy('id')).map(readAuthority)
  const made = new Map(rows.map(({ id }, index) => [id, index]))
  // Those of one ceremony were made at one moment: who signs the others comes first.
  return [...rows].sort((one, other) => KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) || made.get(one.id)! - made.get(other.id)!)
}

const KINDS: readonly Authority['kind'][] = ['root', 'issuing', 'timestamp-ca']

/** The CA of the time-stamping units: the newest; null in a hierarchy without time-stamps. */
export async function findTimestampAuthority(db: Database | Transaction): Promise<Authority | null> {
  const row = await db('authorities').where({ kind: 'timestamp-ca' }).orderBy('created_at', 'desc').first()
  return row ? readAuthority(row) : null
}

/** The authority that issues now: the newest issuing one. */
export async function findIssuingAuthority(db: Database | Transaction): Promise<Authority | null> {
  const row = await db('authorities').where({ kind: 'issuing' }).orderBy('created_at', 'desc').first()
  return row ? readAuthority(row) : null
}

export async function insertAuthority(trx: Transaction, authority: Authority, ceremonyId: string, now: Date): Promise<void> {
  await trx('authorities').insert({
    id: authority.id,
    kind: authority.kind,
    parent_id: authority.parentId,
    ceremony_id: ceremonyId,
    demo: authority.demo ? 1 : 0,
    token_label: authority.key.tokenLabel,
    key_label: authority.key.label,
    key_id: authority.key.id,
    spki_sha256: authority.key.spkiSha256,
    subject_der: authority.subjectDer,
    certificate_der: authority.certificateDer,
    not_before: authority.notBefore.toISOString(),
    not_after: authority.notAfter.toISOString(),
    created_at: now.toISOString(),
  })
}

/** A responder key with what became of it. */
export interface EnrolledKey extends ResponderKey {
  /** From then on it answers no more. */
  readonly retiredAt: Date | null
  /** Destroyed in its module. */
  readonly removedAt: Date | null
}

/** Every key that was ever enrolled with an authority, the oldest first. */
export async function listEnrolledKeys(db: Database | Transaction, authorityId: string): Promise<readonly EnrolledKey[]> {
  const rows: Row[] = await db('responder_keys').where({ authority_id: authorityId }).orderBy('enrolled_at').orderBy('id')
  const moment = (text: string | null): Date | null => (text === null ? null : new Date(text))
  return rows.map((row) => ({
    id: row['id'],
    authorityId: row['authority_id'],
    key: readKey(row),
    spkiDer: row['spki_der'],
    enrolmentSignature: row['enrolment_signature'],
    retiredAt: moment(row['retired_at']),
    removedAt: moment(row['removed_at']),
  }))
}

/** The keys that may answer: enrolled and not retired. */
export async function listResponderKeys(db: Database | Transaction, authorityId: string): Promise<readonly ResponderKey[]> {
  return (await listEnrolledKeys(db, authorityId)).filter(({ retiredAt }) => retiredAt === null)
}

/** False when it was retired already. */
export async function retireResponderKey(trx: Transaction, id: string, at: Date): Promise<boolean> {
  return (await trx('responder_keys').where({ id, retired_at: null }).update({ retired_at: at.toISOString() })) === 1
}

/** False when its removal is on record already. */
export async function recordResponderRemoval(trx: Transaction, id: string, at: Date, ceremonyId: string): Promise<boolean> {
  return (await trx('responder_keys').where({ id, removed_at: null }).update({ removed_at: at.toISOString(), removal_ceremony_id: ceremonyId })) === 1
}

export async function insertResponderKey(trx: Transaction, responder: ResponderKey, now: Date): Promise<void> {
  await trx('responder_keys').insert({
    id: responder.id,
    authority_id: responder.authorityId,
    token_label: responder.key.tokenLabel,
    key_label: responder.key.label,
    key_id: responder.key.id,
    spki_der: responder.spkiDer,
    spki_sha256: responder.key.spkiSha256,
    enrolled_at: now.toISOString(),
    enrolment_signature: responder.enrolmentSignature,
  })
}
