/** ACC-1: between the password and everything else. First time: enrolment with QR code and key; then recovery codes, shown until kept. */
import QRCode from 'qrcode'
import { z } from 'zod'
import { rolesOf, type AccountRow } from '../../people/accounts.ts'
import { OFFICER_ROLES, ROLES, type Role } from '../../people/roles.ts'
import { newTotpSecret, openTotpSecret, sealTotpSecret, totpUri } from '../../people/second-factor.ts'
import { checkSecondFactor, enrolSecondFactor, pendingAccount } from '../../people/sign-in.ts'
import type { Services } from '../../services.ts'
import { readForm } from '../form.ts'
import { page, redirect, type FieldError, type PageRequest, type Reply, type Route } from '../reply.ts'
import { codeField } from './person-fields.ts'

/** A path of our own, never another site: `//host` and `/\host` lead elsewhere. */
export function safeReturn(path: string | undefined, otherwise = '/'): string {
  return path !== undefined && /^\/(?![/\\])[^\s\\\u0000-\u001f]*$/.test(path) && !path.startsWith('/sign-in') ? path : otherwise
}

/** Where a person's work is: the page after a sign-in that was on the way to no other. */
export function workplace(roles: ReadonlySet<Role>): string {
  if (roles.has('subscriber')) return '/applications'
  if (roles.has('administrator')) return '/people'
  if (roles.has('auditor')) return '/audit'
  return OFFICER_ROLES.some((role) => roles.has(role)) ? '/review' : '/'
}

/** The password was right: nothing but the second factor's pages answers to this session now, under a new id. */
export async function askSecondFactor(request: PageRequest, accountId: string): Promise<Reply> {
  const { returnTo } = request.session
  await request.renewSession()
  Object.assign(request.session, {
    pendingAccountId: accountId,
    pendingSince: request.services.clock().toISOString(),
    ...(returnTo === undefined ? {} : { returnTo }),
  })
  return redirect('/second-factor')
}

const showOncePurpose = (accountId: string): string => `recovery-codes:${accountId}`

/** Keeps recovery codes in the session, sealed, until their owner says that they are kept. */
export function showRecoveryCodes(request: PageRequest, accountId: string, codes: readonly string[]): void {
  request.session.showOnce = [request.services.secrets.seal(showOncePurpose(accountId), JSON.stringify(codes))]
}

async function pending(request: PageRequest): Promise<AccountRow | null> {
  const { pendingAccountId, pendingSince } = request.session
  return pendingAccountId && pendingSince ? pendingAccount(request.services, pendingAccountId, pendingSince) : null
}

const startAgain = async (request: PageRequest): Promise<Reply> => {
  await request.renewSession()
  return redirect('/sign-in', 'sign-in.start-again')
}

function offered(request: PageRequest, accountId: string): string {
  const { secrets } = request.services
  return openTotpSecret(secrets, accountId, (request.session.offeredSecret ??= sealTotpSecret(secrets, accountId, newTotpSecret())))
}

function codePage(request: PageRequest, account: AccountRow, errors: readonly FieldError[] = []): Reply {
  if (account.totp_confirmed_at !== null) return page('people/second-factor', 'second-factor.title', { email: account.email }, { errors })
  const secret = offered(request, account.id)
  return page('people/enrol', 'second-factor.enrol.title', { email: account.email, key: secret.replace(/(.{4})(?=.)/g, '$1 ') }, { errors })
}

const wrong = (key: string): readonly FieldError[] => [{ field: 'code', message: { key } }]

async function enter(request: PageRequest, accountId: string): Promise<void> {
  const returnTo = safeReturn(request.session.returnTo, workplace(new Set(await rolesOf(request.services.database, accountId))))
  await request.signIn(accountId)
  request.session.returnTo = returnTo
}

function leave(request: PageRequest): Reply {
  const to = safeReturn(request.session.returnTo)
  delete request.session.returnTo
  return redirect(to)
}

async function giveCode(request: PageRequest, kind: 'totp' | 'recovery', again: (account: AccountRow, errors: readonly FieldError[]) => Reply): Promise<Reply> {
  const account = await pending(request)
  if (!account) return startAgain(request)
  const form = readForm(z.object({ code: codeField }), request.form)
  if (!form.ok) return again(account, form.errors)
  const started = { accountId: account.id, since: request.session.pendingSince! }
  if (kind === 'totp' && account.totp_confirmed_at === null) {
    if (request.session.offeredSecret === undefined) return redirect('/second-factor')
    const verdict = await enrolSecondFactor(request.services, { ...started, offeredSealed: request.session.offeredSecret }, form.values.code, request.address)
    if (verdict.outcome === 'wrong') return again(account, wrong('second-factor.enrol.wrong'))
    if (verdict.outcome === 'start-again') return startAgain(request)
    await enter(request, account.id)
    showRecoveryCodes(request, account.id, verdict.recoveryCodes)
    return redirect('/second-factor/recovery-codes')
  }
  const verdict = await checkSecondFactor(request.services, started, { kind, typed: form.values.code, address: request.address })
  switch (verdict.outcome) {
    case 'wait':
      return { kind: 'too-many', retryAfterSeconds: verdict.retryAfterSeconds }
    case 'wrong':
      return again(account, wrong(kind === 'totp' ? 'second-factor.wrong' : 'second-factor.recovery.wrong'))
    case 'start-again':
      return startAgain(request)
    case 'right':
      await enter(request, account.id)
      return leave(request)
  }
}

export function secondFactorRoutes(services: Services): readonly Route[] {
  const issuer = services.policy.operator.name.en
  const recoveryPage = (account: AccountRow, errors: readonly FieldError[]): Reply =>
    page('people/recovery', 'second-factor.recovery.title', { email: account.email }, { errors })
  return [
    {
      method: 'GET',
      path: '/second-factor',
      who: 'second-factor',
      events: [],
      async handle(request) {
        const account = await pending(request)
        return account ? codePage(request, account) : startAgain(request)
      },
    },
    {
      method: 'POST',
      path: '/second-factor',
      who: 'second-factor',
      events: ['session.signed-in', 'account.second-factor-enrolled', 'account.recovery-codes-made'],
      handle: (request) => giveCode(request, 'totp', (account, errors) => codePage(request, account, errors)),
    },
    {
      method: 'GET',
      path: '/second-factor/qr.svg',
      who: 'second-factor',
      events: [],
      async handle(request) {
        const account = await pending(request)
        if (!account || account.totp_confirmed_at !== null || request.session.offeredSecret === undefined) return { kind: 'not-found' }
        const svg = await QRCode.toString(totpUri(issuer, account.email, offered(request, account.id)), { type: 'svg', margin: 2 })
        return { kind: 'file', bytes: Buffer.from(svg), type: 'image/svg+xml', name: 'qr.svg' }
      },
    },
    {
      method: 'GET',
      path: '/second-factor/recovery',
      who: 'second-factor',
      events: [],
      async handle(request) {
        const account = await pending(request)
        if (!account) return startAgain(request)
        return account.totp_confirmed_at === null ? redirect('/second-factor') : recoveryPage(account, [])
      },
    },
    {
      method: 'POST',
      path: '/second-factor/recovery',
      who: 'second-factor',
      events: ['account.recovery-code-used', 'session.signed-in'],
      handle: (request) => giveCode(request, 'recovery', recoveryPage),
    },
    {
      method: 'GET',
      path: '/second-factor/recovery-codes',
      who: ROLES,
      events: [],
      async handle(request) {
        const [sealed] = request.session.showOnce ?? []
        if (sealed === undefined) return redirect('/account')
        const codes = JSON.parse(request.services.secrets.open(showOncePurpose(request.account!.id), sealed)) as string[]
        return page('people/recovery-codes', 'second-factor.codes.title', { codes })
      },
    },
    {
      method: 'POST',
      path: '/second-factor/recovery-codes',
      who: ROLES,
      events: [],
      async handle(request) {
        delete request.session.showOnce
        return leave(request)
      },
    },
  ]
}
