/** What a page's handler gets and what it returns. Handlers know nothing of Express. */
import type { Services } from '../services.ts'
import type { Role } from '../people/roles.ts'
import type { AuditEventName } from '../audit/events.ts'
import type { Language, Message } from './locales.ts'

/** The person of a fully signed-in session: password and second factor both given. */
export interface SignedIn {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly roles: ReadonlySet<Role>
  readonly organisationId: string | null
}

/** Told at the head of the next page: in green unless it says that it is for information alone. */
export type Notice = Message & { readonly kind?: 'info' }

export interface UploadedFile {
  readonly field: string
  readonly name: string
  readonly bytes: Buffer
}

/** What the session holds. Everything here is stored in the database, none of it in the cookie. */
export interface SessionData {
  /** Password given, second factor not yet: only the second-factor pages answer. */
  pendingAccountId?: string
  pendingSince?: string
  /** A TOTP secret offered in enrolment, sealed, until the first right code. */
  offeredSecret?: string
  csrfToken?: string
  notice?: Notice
  /** One-time things to show once, e.g. recovery codes. */
  showOnce?: readonly string[]
  returnTo?: string
}

export interface PageRequest {
  readonly services: Services
  readonly now: Date
  readonly language: Language
  readonly account: SignedIn | null
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** The form's fields; a repeated field keeps its last value here and all of them in `lists`. */
  readonly form: Readonly<Record<string, string>>
  readonly lists: Readonly<Record<string, readonly string[]>>
  readonly files: readonly UploadedFile[]
  /** What was wrong with the upload as such (too large, too many), before any page looked at it. */
  readonly uploadProblem: Message | null
  readonly session: SessionData
  readonly address: string
  /** Makes the account the session's person, under a new session id. */
  signIn(accountId: string): Promise<void>
  /** Ends this session and begins an empty one under a new id: signing out, and each step up (no session id is carried from before it). */
  renewSession(): Promise<void>
}

export type Reply =
  | { readonly kind: 'page'; readonly view: string; readonly title: Message; readonly model: Readonly<Record<string, unknown>>; readonly status?: number; readonly errors?: readonly FieldError[] }
  | { readonly kind: 'redirect'; readonly to: string; readonly notice?: Notice }
  | { readonly kind: 'file'; readonly bytes: Buffer; readonly type: string; readonly name: string }
  /** For programs; only where a route is `stateless`. */
  | { readonly kind: 'json'; readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'refused'; readonly reason: Message }
  | { readonly kind: 'too-many'; readonly retryAfterSeconds: number }

/** What is wrong with one field; `field` is the id of the input that the error summary links to. */
export interface FieldError {
  readonly field: string
  readonly message: Message
}

/**
 * Who may ask for a route. There is no default: a route without one does not compile.
 * - `anyone`: also without an account
 * - `second-factor`: the password was given, the second factor not yet
 * - roles: fully signed in, holding at least one of them
 */
export type Who = 'anyone' | 'second-factor' | readonly [Role, ...Role[]]

export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly who: Who
  /** The audit events that a successful POST writes; empty only for routes that change nothing. */
  readonly events: readonly AuditEventName[]
  /** Multipart form with files, at most this many octets in all. */
  readonly upload?: { readonly maxBytes: number; readonly maxFiles: number }
  /**
   * For programs: no session, no cookie, no token of a form, answered in JSON alone. The value says why that is safe: such a route changes
   * nothing in anybody's name, and tells nothing that depends on who asks.
   */
  readonly stateless?: string
  /** Development only: the route does not exist in production. */
  readonly developmentOnly?: true
  readonly handle: (request: PageRequest) => Promise<Reply>
}

export const page = (view: string, title: Message | string, model: Readonly<Record<string, unknown>> = {}, more: { status?: number; errors?: readonly FieldError[] } = {}): Reply => ({
  kind: 'page',
  view,
  title: typeof title === 'string' ? { key: title } : title,
  model,
  ...more,
})
export const redirect = (to: string, notice?: Notice | string): Reply => ({ kind: 'redirect', to, ...(notice === undefined ? {} : { notice: typeof notice === 'string' ? { key: notice } : notice }) })
