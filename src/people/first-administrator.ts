/** The first administrator: made by whoever started the product, by a link printed there. No account has a default password. */
import { countAdministrators, createAccount } from './accounts.ts'
import { findLink, makeLink, takeLink, voidLinks } from './links.ts'
import { hashPassword } from './passwords.ts'
import type { PeopleParts } from './people-work.ts'

const ACTOR = 'first-administrator'

/**
 * The address to create the first administrator at; null once there is one. Each call makes a new link and voids the
 * older, so that a line in an old terminal opens nothing.
 */
export async function createFirstAdministratorLink(parts: Omit<PeopleParts, 'secrets'>): Promise<string | null> {
  return parts.database.transaction(async (trx) => {
    if ((await countAdministrators(trx, 'all')) > 0) {
      await voidLinks(trx, 'first-administrator', {})
      return null
    }
    const token = await makeLink(trx, parts.random, 'first-administrator', {}, parts.clock())
    return `${parts.config.portal.url}/first-administrator/${token}`
  })
}

export async function firstAdministratorLinkIsGood(parts: PeopleParts, token: string): Promise<boolean> {
  return (await findLink(parts.database, 'first-administrator', token, parts.clock())) !== null && (await countAdministrators(parts.database, 'all')) === 0
}

/**
 * ACC-2 asks for two people at every staff account; there is nobody yet to be the second, and the audit log says so.
 * The address counts as confirmed: the operator of the machine gave it.
 */
export async function createFirstAdministrator(
  parts: PeopleParts,
  given: {
    readonly token: string
    readonly email: string
    readonly name: string
    readonly password: string
    readonly language: 'en' | 'ja'
    readonly address: string
  },
): Promise<{ readonly outcome: 'gone' | 'address-in-use' } | { readonly outcome: 'created'; readonly accountId: string }> {
  const passwordHash = await hashPassword(given.password)
  return parts.work(ACTOR, async (work, trx) => {
    if (!(await findLink(trx, 'first-administrator', given.token, work.now)) || (await countAdministrators(trx, 'all')) > 0) return { outcome: 'gone' }
    const accountId = await createAccount(
      trx,
      { email: given.email, name: given.name, language: given.language, passwordHash, state: 'active', roles: ['administrator'], grantedBy: ACTOR },
      work.now,
    )
    if (accountId === null) return { outcome: 'address-in-use' }
    if (!(await takeLink(trx, 'first-administrator', given.token, work.now))) throw new Error('the link was used within the transaction')
    await work.audit({
      event: 'account.first-administrator',
      subject: `account:${accountId}`,
      details: { roles: ['administrator'], alone: true, address: given.address },
    })
    return { outcome: 'created', accountId }
  })
}
