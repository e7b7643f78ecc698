/** How the portal answers: requests by method and code, and how long they took. No path and nobody's address. */
import type { Server } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import { Counter, Histogram, type Registry } from 'prom-client'

export function requestFigures(registry: Registry, server: Server | TlsServer, elapsed: () => number): void {
  const registers = [registry]
  const requests = new Counter({ name: 'portal_requests_total', help: 'Requests answered, by method and status code', labelNames: ['method', 'code'], registers })
  const durations = new Histogram({ name: 'portal_request_duration_seconds', help: 'From the head of the request to the end of the answer', buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10], registers })
  server.on('request', (request, response) => {
    const began = elapsed()
    response.once('close', () => {
      requests.inc({ method: ['GET', 'HEAD', 'POST'].includes(request.method ?? '') ? request.method! : 'other', code: response.writableFinished ? String(response.statusCode) : 'aborted' })
      durations.observe((elapsed() - began) / 1000)
    })
  })
}
