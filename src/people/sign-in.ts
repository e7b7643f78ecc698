/** Signing in: the password, then the second factor; every try counted, every outcome audited (ACC-1, ACC-3). */
import type { Work } from '../application/ports.ts'
import type { Transaction } from '../database/database.ts'
import { findAccount, findAccountByEmail, normaliseEmail, type AccountRow } from './accounts.ts'
import { admitTry, LOCK_MINUTES, tryWasRight, type Target } from './attempts.ts'
import { verifyPassword } from './passwords.ts'
import { VISITOR, type PeopleParts } from './people-work.ts'
import { enrolTotp, openTotpSecret, replaceRecoveryCodes, takeRecoveryCode, takeTotpCode, totpStep } from './second-factor.ts'

export type Refused = { readonly outcome: 'wrong' } | { readonly outcome: 'wait'; readonly retryAfterSeconds: number }
/** The password is too old, the account not what it was, or the second factor was changed meanwhile. */
export type StartAgain = { readonly outcome: 'start-again' }

const passwordTarget = (email: string): Target => ({ what: 'password', of: normaliseEmail(email) })
const codeTarget = (accountId: string): Target => ({ what: 'code', of: accountId })
export const targetsOf = (account: Pick<AccountRow, 'id' | 'email'>): readonly Target[] => [passwordTarget(account.email), codeTarget(account.id)]

const subjectOf = (account: AccountRow | null): string => `account:${account?.id ?? 'unknown'}`

async function refuse(
  work: Work,
  account: AccountRow | null,
  step: 'password' | 'code' | 'recovery-code',
  address: string,
  reason: 'wrong' | 'too-many',
): Promise<void> {
  await work.audit({ event: 'session.refused', subject: subjectOf(account), details: { step, reason, address } })
}

async function tellLock(parts: PeopleParts, work: Work, account: AccountRow | null, step: string, address: string): Promise<void> {
  await work.audit({ event: 'session.locked', subject: subjectOf(account), details: { step, address, minutes: LOCK_MINUTES } })
  if (account?.state === 'active')
    await work.mail({
      to: account.email,
      language: account.locale,
      name: 'sign-in-locked',
      values: { name: account.name, address, minutes: String(LOCK_MINUTES), link: `${parts.config.portal.url}/password-reset` },
    })
}

/**
 * Judges a password. The answer for a name that no account has, for an account in another state and for a wrong password
 * is the same, and takes the same time.
 * @param state which accounts may answer; an unconfirmed one only at the link that confirms it
 */
export async function checkPassword(
  parts: PeopleParts,
  given: { readonly email: string; readonly password: string; readonly address: string },
  state: AccountRow['state'] = 'active',
): Promise<Refused | { readonly outcome: 'right'; readonly account: AccountRow }> {
  const target = passwordTarget(given.email)
  const [account, admission] = await parts.work(VISITOR, async (work, trx) => {
    const found = await findAccountByEmail(trx, given.email)
    const admitted = await admitTry(trx, target, given.address, work.now)
    if (!admitted.admitted) await refuse(work, found, 'password', given.address, 'too-many')
    return [found, admitted] as const
  })
  if (!admission.admitted) return { outcome: 'wait', retryAfterSeconds: admission.retryAfterSeconds }
  const right = await verifyPassword(account?.state === state ? account.password_hash : null, given.password)
  return parts.work(VISITOR, async (work, trx) => {
    if (right && account) {
      await tryWasRight(trx, target, given.address, admission.ids, work.now)
      return { outcome: 'right', account }
    }
    await refuse(work, account, 'password', given.address, 'wrong')
    if (admission.locksNext) await tellLock(parts, work, account, 'password', given.address)
    return { outcome: 'wrong' }
  })
}

export interface CodeTry {
  readonly kind: 'totp' | 'recovery'
  readonly typed: string
  readonly address: string
}

/** Judges and uses up a code of the account inside the transaction of what it allows. */
export async function checkCode(
  parts: PeopleParts,
  work: Work,
  trx: Transaction,
  account: AccountRow,
  given: CodeTry,
): Promise<Refused | { readonly outcome: 'right' }> {
  const target = codeTarget(account.id)
  const step = given.kind === 'totp' ? 'code' : 'recovery-code'
  const admission = await admitTry(trx, target, given.address, work.now)
  if (!admission.admitted) {
    await refuse(work, account, step, given.address, 'too-many')
    return { outcome: 'wait', retryAfterSeconds: admission.retryAfterSeconds }
  }
  const right =
    given.kind === 'totp'
      ? await takeTotpCode(trx, parts.secrets, account, given.typed, work.now)
      : await takeRecoveryCode(trx, account.id, given.typed, work.now)
  if (right) {
    await tryWasRight(trx, target, given.address, admission.ids, work.now)
    return { outcome: 'right' }
  }
  await refuse(work, account, step, given.address, 'wrong')
  if (admission.locksNext) await tellLock(parts, work, account, step, given.address)
  return { outcome: 'wrong' }
}

/** The account that a password given at `since` still opens; a password changed afterwards ends what the older one began. */
export async function pendingAccount(parts: PeopleParts, accountId: string, since: string): Promise<AccountRow | null> {
  const account = await findAccount(parts.database, accountId)
  return account && account.state === 'active' && (account.password_changed_at ?? '') <= since ? account : null
}

/** The second step of signing in. When it answers `right` the session may become the account's. */
export async function checkSecondFactor(
  parts: PeopleParts,
  pending: { readonly accountId: string; readonly since: string },
  given: CodeTry,
): Promise<Refused | StartAgain | { readonly outcome: 'right' }> {
  const account = await pendingAccount(parts, pending.accountId, pending.since)
  if (!account || account.totp_confirmed_at === null) return { outcome: 'start-again' }
  return parts.work(account.id, async (work, trx) => {
    const verdict = await checkCode(parts, work, trx, account, given)
    if (verdict.outcome !== 'right') return verdict
    if (given.kind === 'recovery') {
      await work.audit({ event: 'account.recovery-code-used', subject: `account:${account.id}`, details: { address: given.address } })
      await work.mail({ to: account.email, language: account.locale, name: 'recovery-code-used', values: { name: account.name, address: given.address } })
    }
    await work.audit({ event: 'session.signed-in', subject: `account:${account.id}`, details: { factor: given.kind, address: given.address } })
    return verdict
  })
}

/** The first right code makes the offered secret the account's second factor, and signs in. */
export async function enrolSecondFactor(
  parts: PeopleParts,
  pending: { readonly accountId: string; readonly since: string; readonly offeredSealed: string },
  typed: string,
  address: string,
): Promise<{ readonly outcome: 'wrong' } | StartAgain | { readonly outcome: 'enrolled'; readonly recoveryCodes: readonly string[] }> {
  const account = await pendingAccount(parts, pending.accountId, pending.since)
  if (!account || account.totp_confirmed_at !== null) return { outcome: 'start-again' }
  const secret = openTotpSecret(parts.secrets, account.id, pending.offeredSealed)
  return parts.work(account.id, async (work, trx) => {
    const step = await totpStep(secret, typed, work.now)
    if (step === null) {
      await refuse(work, account, 'code', address, 'wrong')
      return { outcome: 'wrong' }
    }
    if (!(await enrolTotp(trx, parts.secrets, account.id, secret, step, work.now))) return { outcome: 'start-again' }
    const recoveryCodes = await replaceRecoveryCodes(trx, parts.random, account.id)
    await work.audit({ event: 'account.second-factor-enrolled', subject: `account:${account.id}`, details: { kind: 'totp' } })
    await work.audit({ event: 'account.recovery-codes-made', subject: `account:${account.id}`, details: { count: recoveryCodes.length } })
    await work.audit({ event: 'session.signed-in', subject: `account:${account.id}`, details: { factor: 'totp', address } })
    return { outcome: 'enrolled', recoveryCodes }
  })
}
