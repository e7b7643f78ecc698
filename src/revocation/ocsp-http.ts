/** OCSP over HTTP (RFC 6960 A.1, RFC 5019 5 and 6): the hot path. What is kept is sent with a look-up, and no header is parsed that doesn't decide. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { OCSP_PATH } from '../certificate/addresses.ts'
import type { AnswerTally } from './answer-tally.ts'
import { hasTag } from './entity-tag.ts'
import { decodeGetPath, isUsualSpelling, MAX_REQUEST_BYTES } from './ocsp-request.ts'
import { bodyKey, type OcspService } from './ocsp-service.ts'
import type { ReadyAnswer } from './ready-answer.ts'

export interface OcspHttpParts {
  readonly ocsp: OcspService
  /** Counts what is sent (OCS-8). */
  readonly tally?: AnswerTally
  fault(error: unknown): void
}

/** Answers, or returns false when the request is not for OCSP. */
export function handleOcsp(parts: OcspHttpParts, request: IncomingMessage, response: ServerResponse): boolean {
  const { method } = request
  const url = request.url!
  if (method === 'GET' || method === 'HEAD') {
    if (sendKept(parts, url, request, response)) return true
    if (!isOcsp(url)) return false
    const spelling = url.slice(OCSP_PATH.length)
    const decoded = decodeGetPath(spelling)
    if (decoded === null) send(parts, parts.ocsp.malformed, request, response)
    else reply(parts, parts.ocsp.answer(decoded, isUsualSpelling(spelling, decoded) ? url : undefined), request, response)
    return true
  }
  if (!isOcsp(url)) return false
  if (method === 'POST') readBody(parts, request, response)
  else refuse(parts, request, response, 405, 'Allowed here: GET, HEAD, POST.', ['Allow', 'GET, HEAD, POST'])
  return true
}

function sendKept(parts: OcspHttpParts, key: string, request: IncomingMessage, response: ServerResponse): boolean {
  const { tally } = parts
  const began = tally === undefined ? -1 : tally.begin()
  const kept = parts.ocsp.find(key)
  if (kept === null) {
    tally?.notKept()
    return false
  }
  send(parts, kept, request, response)
  tally?.kept(began)
  return true
}

const isOcsp = (url: string): boolean => url.startsWith(OCSP_PATH) && (url.length === OCSP_PATH.length || url[OCSP_PATH.length] === '/' || url[OCSP_PATH.length] === '?')

/** The first header of this name (in lower case), without building Node's table of all of them. */
function header({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const given = rawHeaders[index]!
    if (given.length === name.length && (given === name || given.toLowerCase() === name)) return rawHeaders[index + 1]
  }
  return undefined
}

const TYPE = 'application/ocsp-request'
const isRequestType = (type: string | undefined): boolean => type === TYPE || (type !== undefined && type.split(';')[0]!.trim().toLowerCase() === TYPE)

/** What decides on a body before it is read: both headers in one pass, which each question by POST pays for. */
function declared({ rawHeaders }: IncomingMessage): { readonly type: string | undefined; readonly length: string | undefined } {
  let type: string | undefined
  let length: string | undefined
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!
    if (type === undefined && name.length === 12 && name.toLowerCase() === 'content-type') type = rawHeaders[index + 1]
    else if (name.length === 14 && name.toLowerCase() === 'content-length') length ??= rawHeaders[index + 1]
  }
  return { type, length }
}

function readBody(parts: OcspHttpParts, request: IncomingMessage, response: ServerResponse): void {
  const { type, length } = declared(request)
  // RFC 6960 A.1
  if (!isRequestType(type)) return refuse(parts, request, response, 415, `Send an OCSP request as ${TYPE}.`)
  if (length !== undefined && Number(length) > MAX_REQUEST_BYTES) return tooLarge(parts, request, response)
  let body: Buffer | null = null
  const more = (chunk: Buffer) => {
    body = body === null ? chunk : Buffer.concat([body, chunk])
    if (body.length <= MAX_REQUEST_BYTES) return
    request.off('data', more)
    request.off('end', whole)
    tooLarge(parts, request, response)
  }
  const whole = () => {
    const bytes = body ?? Buffer.alloc(0)
    if (!sendKept(parts, bodyKey(bytes), request, response)) reply(parts, parts.ocsp.answer(bytes), request, response)
  }
  // Without a listener for it, a client that goes away is no error (Node's IncomingMessage), and nobody waits for an answer.
  request.on('data', more)
  request.on('end', whole)
}

function reply(parts: OcspHttpParts, answer: Promise<ReadyAnswer>, request: IncomingMessage, response: ServerResponse): void {
  const began = parts.tally?.now() ?? 0
  answer
    .then((ready) => {
      send(parts, ready, request, response)
      parts.tally?.made(began)
    })
    .catch((error: unknown) => {
      parts.fault(error)
      if (response.headersSent) response.destroy()
      else refuse(parts, request, response, 500, 'The status could not be read. Try again later.')
    })
}

function send({ tally }: OcspHttpParts, ready: ReadyAnswer, request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'POST') {
    tally?.sent(ready.count, 'POST', request)
    response.writeHead(200, ready.post)
    response.end(ready.der)
  } else if (ready.notModified !== null && isKnown(ready, request)) {
    tally?.sent(ready.count, '304', request)
    response.writeHead(304, ready.notModified)
    response.end()
  } else {
    tally?.sent(ready.count, request.method === 'HEAD' ? 'HEAD' : 'GET', request)
    response.writeHead(200, ready.get)
    response.end(request.method === 'HEAD' ? undefined : ready.der)
  }
}

/** RFC 9110 13.1.3: a tag decides alone, else the date. */
function isKnown(ready: ReadyAnswer, request: IncomingMessage): boolean {
  const tags = header(request, 'if-none-match')
  if (tags !== undefined) return hasTag(tags, ready.etag)
  if (ready.lastModified === null) return false
  const since = header(request, 'if-modified-since')
  return since !== undefined && ready.lastModified <= Date.parse(since)
}

function tooLarge(parts: OcspHttpParts, request: IncomingMessage, response: ServerResponse): void {
  refuse(parts, request, response, 413, `An OCSP request has at most ${MAX_REQUEST_BYTES} octets.`, ['Connection', 'close'])
  response.once('finish', () => request.destroy())
}

function refuse({ tally }: OcspHttpParts, request: IncomingMessage, response: ServerResponse, status: number, text: string, more: string[] = []): void {
  tally?.refused(request.method ?? '', status)
  // What is not read would stand before the next request on this connection.
  request.resume()
  response.writeHead(status, ['Content-Type', 'text/plain; charset=utf-8', 'X-Content-Type-Options', 'nosniff', 'Cache-Control', 'no-store', ...more])
  response.end(`${text}\n`)
}
