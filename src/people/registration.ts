/** Subscribers register themselves; their address is confirmed by a link and the password together. */
import { createAccount, findAccount, findAccountByEmail, normaliseEmail } from './accounts.ts'
import { addressBucket, admitUse } from './attempts.ts'
import { findLink, makeLink, takeLink } from './links.ts'
import { hashPassword } from './passwords.ts'
import { VISITOR, type PeopleParts } from './people-work.ts'
import { checkPassword, type Refused } from './sign-in.ts'

const PER_ADDRESS = { most: 30, minutes: 60 }
const PER_EMAIL = { most: 3, minutes: 60 }

/**
 * Takes a registration. The answer is the same whether the address is known or not; only its mailbox learns which.
 * The page has checked the password by `passwordProblem`.
 */
export async function register(
  parts: PeopleParts,
  given: { readonly email: string; readonly name: string; readonly password: string; readonly language: 'en' | 'ja'; readonly address: string },
): Promise<{ readonly outcome: 'accepted' } | { readonly outcome: 'wait'; readonly retryAfterSeconds: number }> {
  const email = normaliseEmail(given.email)
  const { url } = parts.config.portal
  // Hashed in either case: time tells nothing.
  const passwordHash = await hashPassword(given.password)
  return parts.work(VISITOR, async (work, trx) => {
    if (!(await admitUse(trx, 'register-from', addressBucket(given.address), PER_ADDRESS, work.now)))
      return { outcome: 'wait', retryAfterSeconds: PER_ADDRESS.minutes * 60 }
    if (!(await admitUse(trx, 'register', email, PER_EMAIL, work.now))) return { outcome: 'accepted' }
    const existing = await findAccountByEmail(trx, email)
    if (existing && existing.state !== 'unconfirmed') {
      await work.audit({
        event: 'access.refused',
        subject: `account:${existing.id}`,
        details: { what: 'registration of a known address', address: given.address },
      })
      await work.mail({
        to: existing.email,
        language: existing.locale,
        name: 'already-registered',
        values: { name: existing.name, signIn: `${url}/sign-in`, reset: `${url}/password-reset` },
      })
      return { outcome: 'accepted' }
    }
    const id = await createAccount(
      trx,
      { email, name: given.name, language: given.language, passwordHash, state: 'unconfirmed', roles: ['subscriber'], grantedBy: 'registration' },
      work.now,
    )
    if (id === null) throw new Error('a confirmed account has appeared within the transaction')
    const token = await makeLink(trx, parts.random, 'confirm-email', { accountId: id }, work.now)
    await work.audit({ event: 'account.registered', subject: `account:${id}`, details: { address: given.address } })
    // Without the name: a stranger typed it, and whoever reads this mail may never have come here.
    await work.mail({ to: email, language: given.language, name: 'confirm-address', values: { link: `${url}/register/confirm/${token}` } })
    return { outcome: 'accepted' }
  })
}

/** The address that an unused link confirms, or null. */
export async function emailToConfirm(parts: PeopleParts, token: string): Promise<string | null> {
  const link = await findLink(parts.database, 'confirm-email', token, parts.clock())
  const account = link?.account_id ? await findAccount(parts.database, link.account_id) : null
  return account?.state === 'unconfirmed' ? account.email : null
}

/**
 * Confirms an address. The password is asked for too: otherwise a stranger could register somebody's address, and a careless
 * click on the mail would give the stranger a confirmed account in that person's name.
 */
export async function confirmEmail(
  parts: PeopleParts,
  given: { readonly token: string; readonly password: string; readonly address: string },
): Promise<Refused | { readonly outcome: 'gone' } | { readonly outcome: 'confirmed'; readonly accountId: string }> {
  const email = await emailToConfirm(parts, given.token)
  if (email === null) return { outcome: 'gone' }
  const verdict = await checkPassword(parts, { email, password: given.password, address: given.address }, 'unconfirmed')
  if (verdict.outcome !== 'right') return verdict
  const { account } = verdict
  return parts.work(account.id, async (work, trx) => {
    const link = await takeLink(trx, 'confirm-email', given.token, work.now)
    if (!link) return { outcome: 'gone' }
    const changed = await trx('accounts').where({ id: account.id, state: 'unconfirmed', password_hash: account.password_hash }).update({ state: 'active' })
    if (changed !== 1) return { outcome: 'gone' }
    await work.audit({ event: 'account.email-confirmed', subject: `account:${account.id}`, details: { address: given.address } })
    return { outcome: 'confirmed', accountId: account.id }
  })
}
