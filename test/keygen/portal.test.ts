/** What the program makes of a portal's answers: a server that is broken, slow of mind, or not ours. */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { fetchChallenge } from '../../src/keygen/portal.ts'
import { Refusal } from '../../src/keygen/refusal.ts'

let server: Server | null = null
afterEach(() => void server?.close())

const GOOD = { challenge: 'ab'.repeat(32), expiresAt: '2026-11-23T00:00:00.000Z', reference: 'CS-2345-ABCD', subject: null, libraryVersions: ['1.0.0'], modules: [{ manufacturer: 'M', model: 'X', firmware: { from: '1.0', to: '2.0' } }] }
const seen: string[] = []

async function asked(listener: RequestListener): Promise<unknown> {
  server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.cookie ?? ''}`)
    listener(request, response)
  })
  await new Promise<void>((ready) => server!.listen(0, '127.0.0.1', ready))
  const portal = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/somewhere/below`)
  try {
    return await fetchChallenge(portal, 'CS-2345-ABCD.x')
  } catch (error) {
    if (!Refusal.is(error)) throw error
    return error.key
  } finally {
    server.closeAllConnections()
  }
}
const answer =
  (body: unknown, status = 200): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body))

describe('asking the portal', () => {
  test('ATT-3: sends the ticket and nothing else, and reads the answer', async () => {
    expect(await asked(answer({ ...GOOD, more: 'is ignored' }))).toEqual(GOOD)
    expect(seen).toEqual(['GET /keygen/challenge/CS-2345-ABCD.x '])
  })

  test.each<[string, RequestListener, string]>([
    ['does not know the ticket', answer({ error: 'unknown-ticket' }, 404), 'error.portal-refused'],
    ['has too much to do', answer('', 429), 'error.portal-busy'],
    ['has a fault', answer('', 500), 'error.portal-answer'],
    ['leads elsewhere', (_request, response) => void response.writeHead(302, { location: 'https://elsewhere.example/' }).end(), 'error.portal-unreachable'],
    ['answers with a page', answer('<!doctype html>'), 'error.portal-answer'],
    ['answers without end', answer('x'.repeat(65 * 1024)), 'error.portal-answer'],
    ['gives a challenge of another length', answer({ ...GOOD, challenge: 'ab' }), 'error.portal-answer'],
    ['gives words that move the cursor', answer({ ...GOOD, reference: '\u001b[2J' }), 'error.portal-answer'],
    ['gives a subject that is none', answer({ ...GOOD, subject: 7 }), 'error.portal-answer'],
    ['gives versions that are none', answer({ ...GOOD, libraryVersions: [1] }), 'error.portal-answer'],
    ['gives modules that are none', answer({ ...GOOD, modules: [{ manufacturer: 'M', model: 'X', firmware: { from: '1', to: '2.0' } }] }), 'error.portal-answer'],
    ['gives null', answer('null'), 'error.portal-answer'],
  ])('ATT-3: says so when it %s', async (_name, listener, key) => expect(await asked(listener)).toBe(key))

  test('ATT-3: says so when nobody answers', async () => {
    await expect(fetchChallenge(new URL('http://127.0.0.1:1'), 'x')).rejects.toMatchObject({ key: 'error.portal-unreachable' })
  })
})
