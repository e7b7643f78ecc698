/** New passwords: changed by who is signed in, or reset by mail. Either ends the account's sessions; neither touches the second factor. */
import type { Work } from '../application/ports.ts'
import type { Transaction } from '../database/database.ts'
import { findAccount, findAccountByEmail, normaliseEmail, type AccountRow } from './accounts.ts'
import { addressBucket, admitUse, knowAddress } from './attempts.ts'
import { findLink, makeLink, takeLink, voidLinks } from './links.ts'
import { hashPassword } from './passwords.ts'
import { VISITOR, type PeopleParts } from './people-work.ts'
import { replaceRecoveryCodes } from './second-factor.ts'
import { endSessions } from './sessions.ts'
import { checkCode, checkPassword, targetsOf, type Refused } from './sign-in.ts'

const PER_ADDRESS = { most: 30, minutes: 60 }
const PER_EMAIL = { most: 5, minutes: 24 * 60 }

async function setPassword(work: Work, trx: Transaction, account: AccountRow, passwordHash: string, how: 'change' | 'reset', address: string): Promise<void> {
  await trx('accounts').where({ id: account.id }).update({ password_hash: passwordHash, password_changed_at: work.now.toISOString() })
  await voidLinks(trx, 'reset-password', { accountId: account.id })
  const ended = await endSessions(trx, account.id)
  await work.audit({ event: 'account.password-changed', subject: `account:${account.id}`, details: { how, address, sessionsEnded: ended } })
  await work.mail({ to: account.email, language: account.locale, name: 'password-changed', values: { name: account.name, address } })
}

/** Sends a link to an active account's address. The answer is the same for every address. */
export async function requestReset(
  parts: PeopleParts,
  given: { readonly email: string; readonly address: string },
): Promise<{ readonly outcome: 'accepted' } | { readonly outcome: 'wait'; readonly retryAfterSeconds: number }> {
  const email = normaliseEmail(given.email)
  return parts.work(VISITOR, async (work, trx) => {
    if (!(await admitUse(trx, 'reset-from', addressBucket(given.address), PER_ADDRESS, work.now)))
      return { outcome: 'wait', retryAfterSeconds: PER_ADDRESS.minutes * 60 }
    if (!(await admitUse(trx, 'reset', email, PER_EMAIL, work.now))) return { outcome: 'accepted' }
    const account = await findAccountByEmail(trx, email)
    await work.audit({ event: 'account.password-reset-requested', subject: `account:${account?.id ?? 'unknown'}`, details: { address: given.address } })
    if (account?.state !== 'active') return { outcome: 'accepted' }
    const token = await makeLink(trx, parts.random, 'reset-password', { accountId: account.id }, work.now)
    await work.mail({
      to: account.email,
      language: account.locale,
      name: 'password-reset',
      values: { name: account.name, link: `${parts.config.portal.url}/password-reset/${token}` },
    })
    return { outcome: 'accepted' }
  })
}

/** Whose password an unused link resets, or null. */
export async function accountToReset(parts: PeopleParts, token: string): Promise<AccountRow | null> {
  const link = await findLink(parts.database, 'reset-password', token, parts.clock())
  const account = link?.account_id ? await findAccount(parts.database, link.account_id) : null
  return account?.state === 'active' ? account : null
}

/**
 * Sets a new password by a link. Signing in still asks for the second factor. The place from which the mailbox's owner
 * came is known from then on, so that a stranger's wrong tries can't keep the owner out (see attempts.ts).
 */
export async function resetPassword(
  parts: PeopleParts,
  given: { readonly token: string; readonly password: string; readonly address: string },
): Promise<'gone' | 'reset'> {
  const passwordHash = await hashPassword(given.password)
  const account = await accountToReset(parts, given.token)
  if (!account) return 'gone'
  return parts.work(account.id, async (work, trx) => {
    if (!(await takeLink(trx, 'reset-password', given.token, work.now))) return 'gone'
    await setPassword(work, trx, account, passwordHash, 'reset', given.address)
    for (const target of targetsOf(account)) await knowAddress(trx, target, given.address, work.now)
    return 'reset'
  })
}

type Asked = Refused & { readonly field: 'present-password' | 'code' }

/** Changes the password of who is signed in, after the present one and a code; every session ends. */
export async function changePassword(
  parts: PeopleParts,
  given: { readonly accountId: string; readonly present: string; readonly code: string; readonly password: string; readonly address: string },
): Promise<Asked | { readonly outcome: 'changed' }> {
  const own = await findAccount(parts.database, given.accountId)
  if (!own) throw new Error('a signed-in account that is not there')
  const verdict = await checkPassword(parts, { email: own.email, password: given.present, address: given.address })
  if (verdict.outcome !== 'right') return { ...verdict, field: 'present-password' }
  const passwordHash = await hashPassword(given.password)
  return parts.work(own.id, async (work, trx) => {
    const code = await checkCode(parts, work, trx, verdict.account, { kind: 'totp', typed: given.code, address: given.address })
    if (code.outcome !== 'right') return { ...code, field: 'code' }
    await setPassword(work, trx, verdict.account, passwordHash, 'change', given.address)
    return { outcome: 'changed' }
  })
}

/** Ten new recovery codes in place of the older ones, after a code of the authenticator. */
export async function newRecoveryCodes(
  parts: PeopleParts,
  given: { readonly accountId: string; readonly code: string; readonly address: string },
): Promise<Refused | { readonly outcome: 'made'; readonly recoveryCodes: readonly string[] }> {
  const account = await findAccount(parts.database, given.accountId)
  if (!account) throw new Error('a signed-in account that is not there')
  return parts.work(account.id, async (work, trx) => {
    const verdict = await checkCode(parts, work, trx, account, { kind: 'totp', typed: given.code, address: given.address })
    if (verdict.outcome !== 'right') return verdict
    const recoveryCodes = await replaceRecoveryCodes(trx, parts.random, account.id)
    await work.audit({ event: 'account.recovery-codes-made', subject: `account:${account.id}`, details: { count: recoveryCodes.length } })
    await work.mail({ to: account.email, language: account.locale, name: 'recovery-codes-made', values: { name: account.name, address: given.address } })
    return { outcome: 'made', recoveryCodes }
  })
}
