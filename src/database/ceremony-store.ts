/** Ceremonies as they were recorded, and what witnesses and auditors signed about them (CSBR 6.1.1.1). */
import type { CeremonyKind, CeremonyRow } from '../repository/key-generation.ts'
import { isUniqueViolation, type Database, type Row, type Transaction } from './database.ts'

export interface CeremonyStatement {
  /** SHA-256 of the document, lower-case hex. */
  readonly sha256: string
  readonly ceremonyId: string
  readonly part: 'witness' | 'auditor'
  readonly fileName: string
  readonly mediaType: string
  /** Name of the file that holds the signature, where it stands beside the document. */
  readonly signatureName: string | null
  /** Names of all who signed, a semicolon between two. */
  readonly signer: string
  /** Of all who signed, in the same order, DER, one behind the other. */
  readonly signerCertificates: Buffer
  readonly signedAt: Date | null
  readonly publishedAt: Date
}
export interface StatementFiles {
  readonly octets: Buffer
  readonly signatureOctets: Buffer | null
}

const readCeremonyRow = (row: Row): CeremonyRow => ({ id: row['id'], kind: row['kind'], demo: Number(row['demo']) === 1, persons: row['persons'], report: row['report'], heldAt: new Date(row['held_at']) })

/** A ceremony with its report, in the transaction of all that it made. */
export async function insertCeremony(trx: Transaction, { id, kind, demo, persons, report, heldAt }: Pick<CeremonyRow, 'id' | 'demo' | 'heldAt'> & { readonly kind: CeremonyKind; readonly persons: readonly string[]; readonly report: object }): Promise<void> {
  await trx('ceremonies').insert({ id, kind, demo: demo ? 1 : 0, persons: JSON.stringify(persons), report: JSON.stringify(report), held_at: heldAt.toISOString() })
}

/** The newest first. */
export async function listCeremonies(db: Database | Transaction): Promise<readonly CeremonyRow[]> {
  return (await db('ceremonies').orderBy('held_at', 'desc').orderBy('id')).map(readCeremonyRow)
}

const STATEMENT = ['sha256', 'ceremony_id', 'part', 'file_name', 'media_type', 'signature_name', 'signer', 'signer_certificate', 'signed_at', 'published_at']

const readStatement = (row: Row): CeremonyStatement => ({
  sha256: row['sha256'],
  ceremonyId: row['ceremony_id'],
  part: row['part'],
  fileName: row['file_name'],
  mediaType: row['media_type'],
  signatureName: row['signature_name'],
  signer: row['signer'],
  signerCertificates: row['signer_certificate'],
  signedAt: row['signed_at'] === null ? null : new Date(row['signed_at']),
  publishedAt: new Date(row['published_at']),
})

/** Those of every ceremony, without their octets, the oldest first. */
export async function listStatements(db: Database | Transaction): Promise<readonly CeremonyStatement[]> {
  return (await db('ceremony_statements').orderBy('published_at').orderBy('sha256').select(STATEMENT)).map(readStatement)
}

export async function findStatement(db: Database | Transaction, sha256: string): Promise<(CeremonyStatement & StatementFiles) | null> {
  const row: Row | undefined = await db('ceremony_statements').where({ sha256 }).first()
  return row ? { ...readStatement(row), octets: row['octets'], signatureOctets: row['signature_octets'] } : null
}

/** False when this document is published already. */
export async function insertStatement(trx: Transaction, statement: CeremonyStatement & StatementFiles, publishedBy: readonly string[]): Promise<boolean> {
  try {
    await trx('ceremony_statements').insert({
      sha256: statement.sha256,
      ceremony_id: statement.ceremonyId,
      part: statement.part,
      file_name: statement.fileName,
      media_type: statement.mediaType,
      octets: statement.octets,
      signature_name: statement.signatureName,
      signature_octets: statement.signatureOctets,
      signer: statement.signer,
      signer_certificate: statement.signerCertificates,
      signed_at: statement.signedAt?.toISOString() ?? null,
      published_at: statement.publishedAt.toISOString(),
      published_by: JSON.stringify(publishedBy),
    })
    return true
  } catch (error) {
    if (isUniqueViolation(error)) return false
    throw error
  }
}
