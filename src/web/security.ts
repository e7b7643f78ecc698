/** Headers for every answer, and the CSRF token for every change. */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import helmet from 'helmet'
import type { RequestHandler } from 'express'
import type { SessionData } from './reply.ts'

export function securityHeaders(https: boolean): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        scriptSrc: ["'self'"],
        imgSrc: ["'self'"],
        fontSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
        ...(https ? { upgradeInsecureRequests: [] } : {}),
      },
    },
    strictTransportSecurity: https ? { maxAge: 63_072_000, includeSubDomains: false } : false,
    referrerPolicy: { policy: 'same-origin' },
    crossOriginEmbedderPolicy: false,
  })
}

/** The session's token, or one for a page that may turn out to have no form. */
export const csrfToken = (session: SessionData): string => session.csrfToken ?? randomBytes(32).toString('base64url')

export function csrfMatches(session: SessionData, given: string | undefined): boolean {
  const expected = Buffer.from(session.csrfToken ?? '', 'utf8')
  const offered = Buffer.from(given ?? '', 'utf8')
  return expected.length > 0 && expected.length === offered.length && timingSafeEqual(expected, offered)
}
