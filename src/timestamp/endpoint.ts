/** RFC 3161 3.4: time-stamps over HTTP. POST alone; the size is known before anything is read further. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { MAX_REQUEST_BYTES } from './request.ts'
import type { StampRequest } from './timestamp-authority.ts'

const QUERY = 'application/timestamp-query'
const REPLY = 'application/timestamp-reply'

/** @param respond null where this installation gives no time-stamps */
export async function answerTimestamp(respond: StampRequest | null, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST') {
    response.setHeader('Allow', 'POST')
    return refuse(request, response, 405, 'Allowed here: POST.')
  }
  if (!respond) return refuse(request, response, 404, 'This CA gives no time-stamps yet.')
  if ((request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase() !== QUERY) return refuse(request, response, 415, `Send a time-stamp request as ${QUERY}.`)
  if (Number(request.headers['content-length'] ?? 0) > MAX_REQUEST_BYTES) return tooLarge(request, response)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_REQUEST_BYTES) return tooLarge(request, response)
    chunks.push(chunk)
  }
  const reply = await respond(Buffer.concat(chunks), () => response.destroyed)
  if (response.destroyed) return
  response.setHeader('Content-Type', REPLY)
  response.setHeader('Content-Length', reply.length)
  // No two answers are alike.
  response.setHeader('Cache-Control', 'no-store')
  response.end(reply)
}

function tooLarge(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Connection', 'close')
  plain(response, 413, `A time-stamp request has at most ${MAX_REQUEST_BYTES} octets.`)
  response.once('finish', () => request.destroy())
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  request.resume()
  plain(response, status, text)
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.setHeader('Cache-Control', 'no-store')
  response.end(`${text}\n`)
}
