/**
 * The private port of a process: `/metrics` for Prometheus, `/health` (it is alive), `/ready` (it can do its work; 503 with what is not ready).
 * It tells inner figures: the configuration binds it to this machine unless somebody says otherwise on purpose.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Registry } from 'prom-client'
import { inText, readinessFigure, type Seen } from './seen.ts'

/** Whoever asks more often gets the answer of a moment ago: a check costs a query. */
const READY_MS = 1_000

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * Whether a request asked for this machine by a name of its own. A page in an operator's browser may have the name of its own site lead here (DNS
 * rebinding), and its requests then carry that name. Bound beyond loopback, the port is asked for by whatever names the network has: all may pass.
 */
export function asksForUs(host: string | undefined, bound: string): boolean {
  const loopback = bound === 'localhost' || bound === '::1' || /^127\./.test(bound)
  if (!loopback || host === undefined) return true
  const name = host.replace(/:\d*$/, '').toLowerCase()
  return LOOPBACK.has(name) || name === bound
}

/** @param bound the address it listens on */
export function createPrivateServer(seen: Seen, bound: string, elapsed: () => number, fault: (error: unknown) => void): Server {
  let asked = -Infinity
  let ready: ReturnType<Seen['readiness']>
  const readiness = () => {
    if (elapsed() - asked > READY_MS) {
      asked = elapsed()
      ready = seen.readiness()
    }
    return ready
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const send = (status: number, type: string, text: string) => {
      response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff', 'Content-Length': Buffer.byteLength(text) })
      response.end(request.method === 'HEAD' ? undefined : text)
    }
    const plain = (status: number, text: string) => send(status, 'text/plain; charset=utf-8', `${text}\n`)
    if (!asksForUs(request.headers.host, bound)) return plain(421, 'Here by localhost or the address alone (METRICS_HOST).')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return plain(405, 'Allowed here: GET, HEAD.')
    }
    switch ((request.url ?? '').split('?')[0]) {
      case '/metrics':
        return send(200, Registry.PROMETHEUS_CONTENT_TYPE, await inText([...(await seen.figures()), ...(await readinessFigure(await readiness()))]))
      case '/health':
        return plain(200, 'alive')
      case '/ready': {
        const checks = await readiness()
        const wrong = Object.entries(checks).filter(([, why]) => why !== null)
        return send(wrong.length === 0 ? 200 : 503, 'application/json', `${JSON.stringify({ ready: wrong.length === 0, notReady: wrong.map(([name]) => name), checks: Object.fromEntries(Object.entries(checks).map(([name, why]) => [name, why ?? 'ok'])) })}\n`)
      }
      default:
        return plain(404, 'Here are /metrics, /health and /ready.')
    }
  }
  const server = createServer({ maxHeaderSize: 8192 }, (request, response) => {
    request.resume()
    answer(request, response).catch((error: unknown) => {
      fault(error)
      if (!response.headersSent) response.writeHead(500, { 'Cache-Control': 'no-store' })
      response.end()
    })
  })
  server.headersTimeout = 5_000
  server.requestTimeout = 10_000
  server.maxConnections = 50
  return server
}
