/**
 * ACC-1: the second factor. TOTP (RFC 6238: SHA-1, six digits, 30 seconds, one step either side); a code is good once.
 * Ten recovery codes, each good once, stored as SHA-256.
 */
import { createHash } from 'node:crypto'
import { generateSecret, generateURI, verify } from 'otplib'
import type { RandomBytes } from '../application/ports.ts'
import type { Database, Transaction } from '../database/database.ts'
import type { Secrets } from '../secrets.ts'
import type { AccountRow } from './accounts.ts'

const TOLERANCE_SECONDS = 30
const RECOVERY_CODES = 10
/** 32 characters, none that is easily read as another: no l, o, 0, 1. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789'

const purpose = (accountId: string) => `totp:${accountId}`

/** A secret of 160 bits in base32, not yet anybody's. */
export const newTotpSecret = (): string => generateSecret()
export const sealTotpSecret = (secrets: Secrets, accountId: string, secret: string): string => secrets.seal(purpose(accountId), secret)
export const openTotpSecret = (secrets: Secrets, accountId: string, sealed: string): string => secrets.open(purpose(accountId), sealed)

/** The address that authenticator apps read from the QR code. */
export const totpUri = (issuer: string, email: string, secret: string): string => generateURI({ issuer, label: email, secret })

/** What people type: full-width digits, spaces and dashes are no mistakes. */
const plain = (typed: string): string => typed.normalize('NFKC').replace(/[\s\u2010-\u2015\u2212-]/g, '')

/** The time step for which the code is right, or null. Judges the code alone; {@link takeTotpStep} makes it good once. */
export async function totpStep(secret: string, typed: string, now: Date): Promise<number | null> {
  const token = plain(typed)
  if (!/^\d{6}$/.test(token)) return null
  const result = await verify({ secret, token, epoch: Math.floor(now.getTime() / 1000), epochTolerance: TOLERANCE_SECONDS })
  return result.valid && 'timeStep' in result ? result.timeStep : null
}

/** True once for each step: the database decides, so that of two at the same moment one wins (RFC 6238 5.2). */
export async function takeTotpStep(db: Database | Transaction, accountId: string, step: number): Promise<boolean> {
  const rows = await db('accounts')
    .where({ id: accountId })
    .where((query) => query.whereNull('totp_last_step').orWhere('totp_last_step', '<', step))
    .update({ totp_last_step: step })
  return rows === 1
}

/** Checks and takes a code of an enrolled account. */
export async function takeTotpCode(
  db: Database | Transaction,
  secrets: Secrets,
  account: Pick<AccountRow, 'id' | 'totp_secret_sealed' | 'totp_confirmed_at'>,
  typed: string,
  now: Date,
): Promise<boolean> {
  if (account.totp_secret_sealed === null || account.totp_confirmed_at === null) return false
  const step = await totpStep(openTotpSecret(secrets, account.id, account.totp_secret_sealed), typed, now)
  return step !== null && (await takeTotpStep(db, account.id, step))
}

/**
 * Makes the secret the account's second factor.
 * @param step the time step of the first right code, which is thereby used
 * @returns false when the account has a second factor already
 */
export async function enrolTotp(trx: Transaction, secrets: Secrets, accountId: string, secret: string, step: number | null, now: Date): Promise<boolean> {
  const rows = await trx('accounts')
    .where({ id: accountId, state: 'active', totp_confirmed_at: null })
    .update({ totp_secret_sealed: sealTotpSecret(secrets, accountId, secret), totp_confirmed_at: now.toISOString(), totp_last_step: step })
  return rows === 1
}

const hashOf = (accountId: string, code: string): string => createHash('sha256').update(`${accountId}:${code}`).digest('hex')

/** Twelve characters of a set of 32: 60 bits each. */
function newRecoveryCode(random: RandomBytes): string {
  const text = [...random(12)].map((octet) => ALPHABET[octet & 31]!).join('')
  return `${text.slice(0, 4)}-${text.slice(4, 8)}-${text.slice(8)}`
}

/** Ten new codes in place of all older ones, in the clear: shown once, stored as hashes. */
export async function replaceRecoveryCodes(trx: Transaction, random: RandomBytes, accountId: string): Promise<readonly string[]> {
  const codes = Array.from({ length: RECOVERY_CODES }, () => newRecoveryCode(random))
  await trx('recovery_codes').where({ account_id: accountId }).delete()
  await trx('recovery_codes').insert(codes.map((code) => ({ account_id: accountId, code_hash: hashOf(accountId, plain(code)) })))
  return codes
}

/** True once for each code. */
export async function takeRecoveryCode(db: Database | Transaction, accountId: string, typed: string, now: Date): Promise<boolean> {
  const code = plain(typed).toLowerCase()
  if (!/^[a-z2-9]{12}$/.test(code)) return false
  const rows = await db('recovery_codes')
    .where({ account_id: accountId, code_hash: hashOf(accountId, code), used_at: null })
    .update({ used_at: now.toISOString() })
  return rows === 1
}

export async function countRecoveryCodes(db: Database | Transaction, accountId: string): Promise<number> {
  const row = await db('recovery_codes').where({ account_id: accountId, used_at: null }).count({ n: '*' }).first()
  return Number(row?.['n'] ?? 0)
}
