/** The portal: every middleware in order, then the route table. */
import { fileURLToPath } from 'node:url'
import express, { type ErrorRequestHandler, type Express, type NextFunction, type Request, type Response } from 'express'
import session from 'express-session'
import passport from 'passport'
import { audit } from '../audit/audit-log.ts'
import { describeFault, isDatabaseAway, lastingFaults, tellFault } from '../fault.ts'
import type { LogLine } from '../log.ts'
import { findSignedIn } from '../people/accounts.ts'
import type { Services } from '../services.ts'
import { chooseLanguage, translate, type Language, type Message } from './locales.ts'
import { renderPage } from './render.ts'
import type { FieldError, PageRequest, Reply, Route, SessionData, SignedIn } from './reply.ts'
import { routeTable } from './routes.ts'
import { csrfMatches, csrfToken, securityHeaders } from './security.ts'
import { DatabaseSessionStore, sessionStands } from './session-store.ts'
import { readMultipart } from './uploads.ts'
import { wellFormed } from './well-formed.ts'

const ASSETS = fileURLToPath(new URL('./assets', import.meta.url))
const SECOND_FACTOR_MINUTES = 10
/** A database comes back within seconds as a rule. */
const RETRY_SECONDS = '30'

type SessionWithData = session.Session & { data?: SessionData }
const sessionData = (request: Request): SessionData => ((request.session as SessionWithData).data ??= {})

export function createApp(services: Services, log: (line: LogLine) => void = () => {}): Express {
  const { config } = services
  const toBeSaid = lastingFaults(() => performance.now())
  /** While the database is away everybody meets it: the log says it now and then. */
  const away = (error: unknown): boolean => {
    if (!isDatabaseAway(error)) return false
    const said = tellFault(error)
    if (toBeSaid(said)) log({ level: 'error', job: 'pages', error: `The database can't be reached: ${said}` })
    return true
  }
  const https = config.portal.url.startsWith('https:')
  const app = express()
  app.disable('x-powered-by')
  app.set('trust proxy', config.portal.trustProxy ? 1 : false)
  app.use(securityHeaders(https))
  // `GET *` is no path of anybody's; express-session would leave it without a session.
  app.use((request, response, next) => (request.url.startsWith('/') ? next() : void response.status(400).type('text').send('400')))
  app.use('/assets', express.static(ASSETS, { immutable: false, maxAge: '1h', index: false, dotfiles: 'deny' }))
  app.use(chooseLanguageOnce(https))
  const routes = routeTable(services).filter((route) => !(route.developmentOnly && config.production))
  // Before the session: whoever calls from a program gets no cookie, and a cookie that comes along is not looked at.
  for (const route of routes.filter(({ stateless }) => stateless)) app[route.method === 'GET' ? 'get' : 'post'](route.path, (request, response) => answerProgram(services, log, away, route, request, response))
  app.use(express.urlencoded({ extended: false, limit: '200kb', parameterLimit: 200 }))
  app.use(
    session({
      name: https ? '__Host-portal' : 'portal',
      secret: services.secrets.cookieKey,
      store: new DatabaseSessionStore(services.database, services.clock, config.session),
      resave: false,
      saveUninitialized: false,
      cookie: { httpOnly: true, sameSite: 'lax', secure: https, path: '/' },
    }),
  )
  const authenticator = new passport.Passport()
  authenticator.serializeUser((user, done) => done(null, (user as SignedIn).id))
  authenticator.deserializeUser((id: string, done) => void findSignedIn(services.database, id).then((account) => done(null, (account ?? false) as Express.User | false), done))
  app.use(authenticator.initialize())
  app.use(authenticator.session())
  app.use((request, response, next) => {
    response.locals['session'] = fingerprint(request)
    next()
  })
  for (const route of routes.filter(({ stateless }) => !stateless)) app[route.method === 'GET' ? 'get' : 'post'](route.path, (request, response) => answer(services, route, request, response))
  for (const path of formOnlyPaths(routes)) app.get(path, leadToForm(routes, path))
  app.use(async (request: Request, response: Response) => send(services, request, response, { kind: 'not-found' }))
  const onError: ErrorRequestHandler = (error, request, response, next) => void answerError(services, log, away, error, request, response, next)
  app.use(onError)
  return app
}

/** Paths that take a form and have no page: a page answered there (an error beside the form) is reloaded, or asked for in the other language. */
const formOnlyPaths = (routes: readonly Route[]): readonly string[] => [...new Set(routes.map((route) => route.path))].filter((path) => !routes.some((route) => route.method === 'GET' && route.path === path))

/** Leads to the nearest page above that has one. */
function leadToForm(routes: readonly Route[], path: string) {
  const pages = new Set(routes.filter((route) => route.method === 'GET').map((route) => route.path))
  let depth = path.split('/').length - 1
  while (depth > 1 && !pages.has(path.split('/').slice(0, depth).join('/'))) depth--
  return (request: Request, response: Response) => response.redirect(303, request.path.split('/').slice(0, depth).join('/').replace(/^\/*/, '/'))
}

/** `?lang=ja` on any page sets the language's cookie and leads back to the page without it. */
function chooseLanguageOnce(https: boolean) {
  return (request: Request, response: Response, next: NextFunction) => {
    const chosen = request.query['lang']
    if (request.method === 'GET' && (chosen === 'en' || chosen === 'ja')) {
      const rest = new URLSearchParams(request.originalUrl.split('?')[1] ?? '')
      rest.delete('lang')
      response.cookie('lang', chosen, { maxAge: 365 * 86_400_000, sameSite: 'lax', httpOnly: true, secure: https, path: '/' })
      // A leading double slash would lead to another host.
      return response.redirect(303, `/${request.path.replace(/^[/\\]+/, '')}${rest.size > 0 ? `?${rest}` : ''}`)
    }
    next()
  }
}

function languageOf(request: Request): Language {
  const cookie = /(?:^|;\s*)lang=(en|ja)(?:;|$)/.exec(request.headers.cookie ?? '')?.[1]
  return chooseLanguage(cookie, request.headers['accept-language'])
}

const single = (source: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries((source ?? {}) as Record<string, unknown>).flatMap(([name, value]) => {
      const last: unknown = Array.isArray(value) ? value.at(-1) : value
      return typeof last === 'string' ? [[name, last]] : []
    }),
  )

async function answer(services: Services, route: Route, request: Request, response: Response): Promise<void> {
  const data = sessionData(request)
  const account = (request.user as SignedIn | undefined) ?? null
  const now = services.clock()

  // No reference and no name holds one, and PostgreSQL refuses to compare with one.
  if (Object.values(single(request.params)).some((value) => value.includes('\0'))) return send(services, request, response, { kind: 'not-found' })
  const refusal = await guard(services, route, account, data, request, now)
  if (refusal) {
    if (request.is('multipart/form-data')) request.resume()
    return send(services, request, response, refusal)
  }

  let fields: ReadonlyArray<readonly [string, string]> = Object.entries((request.body ?? {}) as Record<string, unknown>).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).filter((each): each is string => typeof each === 'string').map((each) => [name, each] as const),
  )
  let files: PageRequest['files'] = []
  let uploadProblem: Message | null = null
  if (route.method === 'POST' && request.is('multipart/form-data')) {
    const multipart = await readMultipart(request, route.upload ?? { maxBytes: 0, maxFiles: 0 })
    fields = multipart.fields
    files = multipart.problem ? [] : multipart.files
    uploadProblem = multipart.problem
    // A slow body may outlast its session: what was ended meanwhile changes nothing any more.
    if (route.who !== 'anyone' && !(await sessionStands(services.database, request.sessionID))) return send(services, request, response, { kind: 'redirect', to: '/sign-in' })
  }
  const form = Object.fromEntries(fields)
  if (route.method === 'POST' && (request.headers['sec-fetch-site'] === 'cross-site' || !csrfMatches(data, form['_csrf'])))
    return send(services, request, response, { kind: 'page', view: 'errors/stale-form', title: { key: 'errors.stale-form.title' }, model: {}, status: 403 })
  // Without a prototype: a field may be called `constructor`.
  const lists: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (const [name, value] of fields) (lists[name] ??= []).push(value)

  const reply = await route.handle({
    services,
    now,
    language: languageOf(request),
    account,
    params: single(request.params),
    query: single(request.query),
    form,
    lists,
    files,
    uploadProblem,
    get session() {
      return sessionData(request)
    },
    address: request.ip ?? '',
    async signIn(accountId) {
      const person = await findSignedIn(services.database, accountId)
      if (!person) throw new Error('an account that is not active can not sign in')
      await new Promise<void>((done, failed) => request.logIn(person as unknown as Express.User, (error) => (error ? failed(error) : done())))
    },
    async renewSession() {
      await new Promise<void>((done, failed) => request.session.regenerate((error) => (error ? failed(error) : done())))
    },
  })
  return send(services, request, response, reply)
}

/** A stateless route. What the sender does wrong, and what goes wrong here, is JSON too. */
async function answerProgram(services: Services, log: (line: LogLine) => void, away: (error: unknown) => boolean, route: Route, request: Request, response: Response): Promise<void> {
  const language = languageOf(request)
  const params = single(request.params)
  if (Object.values(params).some((value) => value.includes('\0'))) return void response.status(404).set('Cache-Control', 'no-store').json({ error: { code: 'not-found', message: translate(language, 'errors.not-found.title') } })
  try {
    const isUpload = request.is('multipart/form-data') !== false
    const { fields, files, problem } = route.upload && isUpload ? await readMultipart(request, route.upload) : { fields: [], files: [], problem: null }
    if (!isUpload) request.resume()
    const renew = () => Promise.reject(new Error(`${route.path} has no session`))
    const reply = await route.handle({
      services,
      now: services.clock(),
      language,
      account: null,
      params,
      query: single(request.query),
      form: Object.fromEntries(fields),
      lists: {},
      files: problem ? [] : files,
      uploadProblem: route.upload && !isUpload ? { key: 'forms.upload-not-multipart' } : problem,
      session: {},
      address: request.ip ?? '',
      signIn: renew,
      renewSession: renew,
    })
    if (reply.kind !== 'json') throw new Error(`${route.path} answers programs with ${reply.kind}`)
    response.status(reply.status).set({ 'Cache-Control': 'no-store', ...reply.headers }).json(reply.body)
  } catch (error) {
    if (away(error)) {
      if (!response.headersSent) response.status(503).set({ 'Cache-Control': 'no-store', 'Retry-After': RETRY_SECONDS }).json({ error: { code: 'unavailable', message: translate(language, 'errors.unavailable.program') } })
      return
    }
    const reference = services.random(6).toString('hex')
    log({ level: 'error', reference, method: request.method, path: route.path, error: describeFault(error) })
    if (!response.headersSent) response.status(500).set('Cache-Control', 'no-store').json({ error: { code: 'fault', message: translate(language, 'errors.fault.program', { reference }) } })
  }
}

/** Deny by default: null only when the route's `who` is met. */
async function guard(services: Services, route: Route, account: SignedIn | null, data: SessionData, request: Request, now: Date): Promise<Reply | null> {
  if (route.who === 'anyone') return null
  if (route.who === 'second-factor') {
    const since = data.pendingSince ? Date.parse(data.pendingSince) : Number.NEGATIVE_INFINITY
    return data.pendingAccountId && now.getTime() - since < SECOND_FACTOR_MINUTES * 60_000 ? null : { kind: 'redirect', to: '/sign-in' }
  }
  if (!account) {
    if (route.method === 'GET') data.returnTo = request.originalUrl
    else data.returnTo = refererPath(request)
    return { kind: 'redirect', to: '/sign-in', notice: { key: route.method === 'GET' ? 'errors.sign-in-first' : 'errors.session-ended' } }
  }
  if (route.who.some((role) => account.roles.has(role))) return null
  await services.database.transaction((trx) => audit(trx, { at: now, actor: account.id, event: 'access.refused', subject: `route:${route.method} ${route.path}`.slice(0, 120) }))
  return { kind: 'refused', reason: { key: 'errors.refused.role' } }
}

/** The page of the form that was sent, so that signing in leads back to it. */
function refererPath(request: Request): string {
  const referer = request.get('referer') ?? ''
  if (!URL.canParse(referer)) return '/'
  const { host, pathname } = new URL(referer)
  return host === request.get('host') ? pathname : '/'
}

async function send(services: Services, request: Request, response: Response, reply: Reply): Promise<void> {
  if (response.headersSent) return
  switch (reply.kind) {
    case 'redirect':
      if (reply.notice && request.session) sessionData(request).notice = reply.notice
      await storeSession(request, response)
      return response.redirect(303, reply.to)
    case 'file':
      leaveEmpty(request)
      response.setHeader('Content-Disposition', `attachment; filename*=UTF-8''${encodeURIComponent(wellFormed(reply.name))}`)
      response.setHeader('Cache-Control', 'no-store')
      response.type(reply.type).send(reply.bytes)
      return
    case 'page':
      return sendPage(services, request, response, reply.view, reply.title, reply.model, reply.status ?? (reply.errors?.length ? 422 : 200), reply.errors)
    case 'not-found':
      return sendPage(services, request, response, 'errors/not-found', { key: 'errors.not-found.title' }, {}, 404)
    case 'refused':
      return sendPage(services, request, response, 'errors/refused', { key: 'errors.refused.title' }, { reason: reply.reason }, 403)
    case 'json':
      throw new Error(`${request.path} is not stateless`)
    case 'too-many':
      response.setHeader('Retry-After', String(reply.retryAfterSeconds))
      return sendPage(services, request, response, 'errors/too-many', { key: 'errors.too-many.title' }, { minutes: String(Math.max(1, Math.ceil(reply.retryAfterSeconds / 60))) }, 429)
  }
}

const fingerprint = (request: Request): string => `${request.sessionID} ${JSON.stringify((request.session as SessionWithData).data ?? {})}`

/** express-session stores what it finds: a session in which nothing is held is none. */
function leaveEmpty(request: Request): void {
  const held = request.session as Partial<SessionWithData> | undefined
  if (held?.data && Object.keys(held.data).length === 0) delete held.data
}

/**
 * A browser follows a redirect and fetches a page's pictures as soon as the answer's first octets arrive, which express-session
 * sends before it stores: what the next request needs is stored before the answer begins.
 */
function storeSession(request: Request, response: Response): Promise<void> {
  const stored = !request.session || response.locals['session'] === fingerprint(request)
  leaveEmpty(request)
  if (stored) return Promise.resolve()
  return new Promise((done, failed) => request.session.save((error) => (error ? failed(error as Error) : done())))
}

async function sendPage(services: Services, request: Request, response: Response, view: string, title: Message, model: Readonly<Record<string, unknown>>, status: number, errors: readonly FieldError[] = []): Promise<void> {
  const data: SessionData = request.session ? sessionData(request) : {}
  const notice = data.notice ?? null
  delete data.notice
  const language = languageOf(request)
  const csrf = csrfToken(data)
  const html = await renderPage(
    view,
    title,
    model,
    {
      language,
      account: (request.user as SignedIn | undefined) ?? null,
      path: request.path,
      query: request.method === 'GET' ? (request.originalUrl.split('?')[1] ?? '') : '',
      csrf,
      notice,
      demo: await services.demoHierarchy(),
      production: services.config.production,
      operator: services.policy.operator.name[language],
      idleMinutes: services.config.session.idleMinutes,
    },
    errors,
  )
  // A page without a form needs none: whoever only reads leaves no row in the database.
  if (html.includes(csrf)) data.csrfToken = csrf
  await storeSession(request, response)
  response.status(status).setHeader('Cache-Control', 'no-store')
  response.type('html').send(html)
}

/** Without the database nobody is known, and no session is kept. */
async function sendUnavailable(services: Services, request: Request, response: Response): Promise<void> {
  // One that was begun for this request is kept nowhere.
  ;(request as { session?: unknown }).session = undefined
  const language = languageOf(request)
  const { production } = services.config
  const frame = { language, account: null, path: request.path, query: '', csrf: '', notice: null, demo: false, production, operator: services.policy.operator.name[language], idleMinutes: services.config.session.idleMinutes }
  const html = await renderPage('errors/unavailable', { key: 'errors.unavailable.title' }, {}, frame)
  response.status(503).set({ 'Cache-Control': 'no-store', 'Retry-After': RETRY_SECONDS }).type('html').send(html)
}

/** The path as the table names it: links that were mailed, and tickets, are secrets in the path itself. */
const loggedPath = (request: Request): string => (request.route as { path?: string } | undefined)?.path ?? request.path.split('/').map((part) => (part.length > 16 ? '…' : part)).join('/')

/** What went wrong below the handlers: the sender's fault gets a sentence, ours gets a number to quote and a line in the log. */
async function answerError(services: Services, log: (line: LogLine) => void, away: (error: unknown) => boolean, error: unknown, request: Request, response: Response, next: NextFunction): Promise<void> {
  if (response.headersSent) return next(error)
  const status = (error as { status?: unknown }).status
  try {
    if (status === 413) return await sendPage(services, request, response, 'errors/too-large', { key: 'errors.too-large.title' }, {}, 413)
    if (typeof status === 'number' && status >= 400 && status < 500) return await sendPage(services, request, response, 'errors/bad-request', { key: 'errors.bad-request.title' }, {}, 400)
    if (away(error)) return await sendUnavailable(services, request, response)
    const reference = services.random(6).toString('hex')
    log({ level: 'error', reference, method: request.method, path: loggedPath(request), error: describeFault(error) })
    await sendPage(services, request, response, 'errors/fault', { key: 'errors.fault.title' }, { reference }, 500)
  } catch (fault) {
    if (away(fault)) return await sendUnavailable(services, request, response)
    log({ level: 'error', path: loggedPath(request), error: describeFault(fault) })
    response.status(500).type('text').send('500')
  }
}
