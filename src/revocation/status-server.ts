/** The status port: OCSP, CRLs, CA certificates and time-stamps over plain HTTP. No session, no cookie, no view. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { TSA_PATH } from '../certificate/addresses.ts'
import { answerTimestamp } from '../timestamp/endpoint.ts'
import { handleOcsp } from './ocsp-http.ts'
import type { OcspService } from './ocsp-service.ts'

export interface StatusParts {
  readonly now: () => Date
  readonly ocsp: OcspService
  findCrl(authorityId: string): Promise<{ readonly der: Buffer; readonly thisUpdate: Date; readonly nextUpdate: Date } | null>
  findCertificate(authorityId: string): Promise<Buffer | null>
  /** Time-stamps (RFC 3161); null or absent where there are none. */
  readonly stamp?: ((request: Buffer) => Promise<Buffer>) | null
  fault(error: unknown): void
}

/** How long a cache may hold an answer without asking again: short, so that a revocation shows soon behind one too (REV-4). */
const CACHE_SECONDS = 30

export function createStatusServer(parts: StatusParts): Server {
  // Room for the longest request by GET, each of its characters escaped.
  const server = createServer({ maxHeaderSize: 48 * 1024 }, (request, response) => {
    if (handleOcsp(parts, request, response)) return
    answer(parts, request, response).catch((error: unknown) => {
      parts.fault(error)
      if (!response.headersSent) plain(response, 500, 'The status could not be read. Try again later.')
      else response.destroy()
    })
  })
  server.headersTimeout = 10_000
  server.requestTimeout = 20_000
  server.maxHeadersCount = 50
  return server
}

async function answer(parts: StatusParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const raw = request.url ?? '/'
  const path = raw.split('?')[0]!
  const reading = request.method === 'GET' || request.method === 'HEAD'
  response.setHeader('X-Content-Type-Options', 'nosniff')

  if (path === TSA_PATH) return answerTimestamp(parts.stamp ?? null, request, response)
  if (!reading) return refuseMethod(response, 'GET, HEAD')

  const crl = /^\/crl\/([a-z0-9-]{1,64})\.crl$/.exec(path)
  if (crl) {
    const found = await parts.findCrl(crl[1]!)
    if (!found) return plain(response, 404, 'No such list.')
    return sendBytes(parts, request, response, found.der, 'application/pkix-crl', { thisUpdate: found.thisUpdate, nextUpdate: found.nextUpdate })
  }
  const certificate = /^\/ca\/([a-z0-9-]{1,64})\.cer$/.exec(path)
  if (certificate) {
    const found = await parts.findCertificate(certificate[1]!)
    if (!found) return plain(response, 404, 'No such certificate.')
    return sendBytes(parts, request, response, found, 'application/pkix-cert', null)
  }
  return plain(response, path === '/' ? 200 : 404, path === '/' ? 'Certificate status: OCSP at /ocsp, lists at /crl/, CA certificates at /ca/, time-stamps at /tsa.' : 'Not found.')
}

function sendBytes(parts: StatusParts, request: IncomingMessage, response: ServerResponse, bytes: Buffer, type: string, times: { readonly thisUpdate: Date; readonly nextUpdate: Date } | null): void {
  response.setHeader('Content-Type', type)
  if (times) {
    const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`
    const left = Math.floor((times.nextUpdate.getTime() - parts.now().getTime()) / 1000)
    response.setHeader('ETag', etag)
    response.setHeader('Last-Modified', times.thisUpdate.toUTCString())
    response.setHeader('Expires', times.nextUpdate.toUTCString())
    response.setHeader('Cache-Control', `max-age=${Math.max(0, Math.min(CACHE_SECONDS, left))}, public, no-transform, must-revalidate`)
    if (isKnown(request.headers['if-none-match'], etag)) {
      response.statusCode = 304
      response.end()
      return
    }
  } else response.setHeader('Cache-Control', type === 'application/pkix-cert' ? 'max-age=3600, public' : 'no-store')
  response.setHeader('Content-Length', bytes.length)
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

/** RFC 9110 13.1.2: one of a list, compared weakly since a cache on the way may have weakened it, or any. */
const isKnown = (header: string | undefined, etag: string): boolean => header !== undefined && header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)

function plain(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.setHeader('Cache-Control', 'no-store')
  response.end(`${text}\n`)
}

function refuseMethod(response: ServerResponse, allowed: string): void {
  response.setHeader('Allow', allowed)
  plain(response, 405, `Allowed here: ${allowed}.`)
}
