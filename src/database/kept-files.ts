/**
 * Files that somebody checked and wants to carry into an application: kept only after the button was pressed, sealed, under a token that only
 * that session knows, for less than an hour.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Database, Transaction } from './database.ts'

/** With the portal's sweep every ten minutes, what nobody fetches is gone within the hour that people are told. */
const KEPT_MINUTES = 50

const contentSchema = z.strictObject({ request: z.string(), evidence: z.array(z.strictObject({ name: z.string(), bytes: z.string() })) })

export interface KeptFiles {
  /** DER. */
  readonly request: Buffer
  readonly evidence: readonly { readonly name: string; readonly bytes: Buffer }[]
  readonly expiresAt: string
}

/** The portal's own secret, as far as it is needed here. */
export interface Sealing {
  seal(purpose: string, text: string): string
  open(purpose: string, sealed: string): string
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')
const purposeOf = (hash: string): string => `kept-files:${hash}`

/** @param token 32 random octets, base64url: it opens the row and is stored nowhere in the database */
export async function keepFiles(trx: Transaction, secrets: Sealing, token: string, files: Omit<KeptFiles, 'expiresAt'>, now: Date): Promise<void> {
  await removeExpiredFiles(trx, now)
  const hash = hashOf(token)
  const content = { request: files.request.toString('base64'), evidence: files.evidence.map(({ name, bytes }) => ({ name, bytes: bytes.toString('base64') })) }
  await trx('kept_files').insert({ token_hash: hash, sealed: secrets.seal(purposeOf(hash), JSON.stringify(content)), expires_at: new Date(now.getTime() + KEPT_MINUTES * 60_000).toISOString() })
}

/** Null when there are none under that token, or no more. */
export async function findKeptFiles(db: Database | Transaction, secrets: Sealing, token: string, now: Date): Promise<KeptFiles | null> {
  const hash = hashOf(token)
  const row = await db('kept_files').where({ token_hash: hash }).first('sealed', 'expires_at')
  if (!row || Date.parse(row.expires_at) <= now.getTime()) return null
  const { request, evidence } = contentSchema.parse(JSON.parse(secrets.open(purposeOf(hash), row.sealed)))
  return { request: Buffer.from(request, 'base64'), evidence: evidence.map(({ name, bytes }) => ({ name, bytes: Buffer.from(bytes, 'base64') })), expiresAt: row.expires_at }
}

/** False when somebody took them first. */
export async function forgetFiles(trx: Transaction, token: string): Promise<boolean> {
  return (await trx('kept_files').where({ token_hash: hashOf(token) }).delete()) === 1
}

export async function removeExpiredFiles(db: Database | Transaction, now: Date): Promise<void> {
  await db('kept_files').where('expires_at', '<=', now.toISOString()).delete()
}
