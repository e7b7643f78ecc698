/** The status port: OCSP, CRLs, CA certificates and time-stamps over plain HTTP. No session, no cookie, no view. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { readCrlPath, TSA_PATH } from '../certificate/addresses.ts'
import { limitServer, Pipelines } from '../server-limits.ts'
import { answerTimestamp } from '../timestamp/endpoint.ts'
import type { StampRequest } from '../timestamp/timestamp-authority.ts'
import type { AnswerTally } from './answer-tally.ts'
import { handleOcsp } from './ocsp-http.ts'
import type { OcspService } from './ocsp-service.ts'
import { HighestServed, sendCrl, type ServedCrl } from './served-crl.ts'

export interface StatusParts {
  readonly now: () => Date
  readonly ocsp: OcspService
  /** Counts what goes out by OCSP (OCS-8). */
  readonly tally?: AnswerTally
  /** @param shard 0 for the authority's own list */
  findCrl(authorityId: string, shard: number): Promise<ServedCrl | null>
  findCertificate(authorityId: string): Promise<Buffer | null>
  /** Time-stamps (RFC 3161); null or absent where there are none. */
  readonly stamp?: StampRequest | null
  fault(error: unknown): void
}

/** A database comes back within seconds as a rule, and who asks for lists asks seldom. */
const RETRY_SECONDS = 30

/** A list older than one that was served before. */
class CrlWentBack extends Error {}

export function createStatusServer(parts: StatusParts): Server {
  const highest = new HighestServed()
  // Room for the longest request by GET, each of its characters escaped.
  const pipelines = new Pipelines()
  const server = createServer({ maxHeaderSize: 48 * 1024, connectionsCheckingInterval: 5000 }, (request, response) => {
    if (!pipelines.admits(request, response)) return
    // RFC 9112 3.2.2: a server takes the absolute form too, which is written to proxies.
    if (request.url!.charCodeAt(0) !== 0x2f) request.url = request.url!.replace(/^http:\/\/[^/?#]*/i, '') || '/'
    // Addresses that end with a slash are joined with paths that begin with one, in front as well as inside.
    if (request.url!.charCodeAt(1) === 0x2f) request.url = request.url!.replace(/^\/+/, '/')
    if (handleOcsp(parts, request, response)) return
    answer(parts, highest, request, response).catch((error: unknown) => {
      parts.fault(error)
      if (response.headersSent) response.destroy()
      else {
        // What was said of the list is not true of this answer.
        for (const name of ['ETag', 'Last-Modified', 'Expires', 'Content-Length']) response.removeHeader(name)
        later(response, 'The status could not be read. Try again later.')
      }
    })
  })
  limitServer(server, { connections: 5000, idle: 30_000, head: 10_000, request: 20_000 })
  server.maxHeadersCount = 50
  return server
}

async function answer(parts: StatusParts, highest: HighestServed, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const raw = request.url ?? '/'
  const path = raw.split('?')[0]!
  const reading = request.method === 'GET' || request.method === 'HEAD'
  response.setHeader('X-Content-Type-Options', 'nosniff')

  if (path === TSA_PATH) return answerTimestamp(parts.stamp ?? null, request, response)
  const list = readCrlPath(path)
  const certificate = /^\/ca\/([a-z0-9-]{1,64})\.cer$/.exec(path)
  if (!list && !certificate && path !== '/') return plain(response, 404, 'Not found.')
  if (!reading) return refuseMethod(response, 'GET, HEAD')

  if (list) {
    const found = await parts.findCrl(list.authorityId, list.shard)
    if (!found) return plain(response, 404, 'No such list.')
    if (highest.admits(found)) return sendCrl(found, parts.now(), request, response)
    parts.fault(new CrlWentBack(`CRL ${found.number} of ${path} has a lower number than one served before: it is not served (CRL-2)`))
    return later(response, 'No newer list can be read. Try again later.')
  }
  if (certificate) {
    const found = await parts.findCertificate(certificate[1]!)
    if (!found) return plain(response, 404, 'No such certificate.')
    return sendCertificate(request, response, found)
  }
  return plain(response, 200, 'Certificate status: OCSP at /ocsp, lists at /crl/, CA certificates at /ca/, time-stamps at /tsa.')
}

function sendCertificate(request: IncomingMessage, response: ServerResponse, der: Buffer): void {
  response.setHeader('Content-Type', 'application/pkix-cert')
  response.setHeader('Cache-Control', 'max-age=3600, public')
  response.setHeader('Content-Length', der.length)
  response.end(request.method === 'HEAD' ? undefined : der)
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.setHeader('Cache-Control', 'no-store')
  response.end(`${text}\n`)
}

/** What can't be read now, the database away or a row damaged, is there again when somebody has seen to it (RFC 9110 15.6.4). */
function later(response: ServerResponse, text: string): void {
  response.setHeader('Retry-After', RETRY_SECONDS)
  plain(response, 503, text)
}

function refuseMethod(response: ServerResponse, allowed: string): void {
  response.setHeader('Allow', allowed)
  plain(response, 405, `Allowed here: ${allowed}.`)
}
