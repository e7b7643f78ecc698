/** What strangers may hold of a server that anybody reaches: connections, time without progress, answers that they do not read. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface ServerLimits {
  readonly connections: number
  /** Milliseconds in which neither side took an octet. */
  readonly idle: number
  /** Milliseconds until the head of a request stands whole, and until all of it does. */
  readonly head: number
  readonly request: number
}

/** RFC 9112 9.3: a connection ends in time, and with it what it gathered. As many as nginx leads over one (keepalive_requests). */
const REQUESTS_OF_CONNECTION = 1000
/** How long who sent what can't be read has for reading why. */
const LINGER_MS = 1000

export function limitServer(server: Server, limits: ServerLimits): void {
  server.maxConnections = limits.connections
  server.timeout = limits.idle
  server.headersTimeout = limits.head
  server.requestTimeout = limits.request
  server.maxRequestsPerSocket = REQUESTS_OF_CONNECTION
  const refused = new WeakSet<Socket>()
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (refused.has(socket)) return
    refused.add(socket)
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
    // Ended, and what still comes is read and passed over: a connection that is cut with octets unread loses the answer, and a proxy takes the node for dead.
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request'
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    setTimeout(() => socket.destroy(), LINGER_MS).unref()
  })
}

/** Answers that wait behind one another on a connection. No OCSP client known sends a second question before the first is answered. */
const MOST_QUEUED = 64

/** RFC 9112 9.3.2 lets a client send requests before it has read the answers; each then waits whole in memory. */
export class Pipelines {
  readonly #queues = new WeakMap<Socket, ServerResponse[]>()

  /** Whether this answer may wait; otherwise the connection is gone. Costs a comparison where nothing waits. */
  admits(request: IncomingMessage, response: ServerResponse): boolean {
    // Node gives an answer its socket when those before it are out.
    if (response.socket !== null) return true
    const { socket } = request
    const waiting = (this.#queues.get(socket) ?? []).filter(({ writableFinished }) => !writableFinished)
    if (waiting.length >= MOST_QUEUED) {
      socket.destroy()
      return false
    }
    this.#queues.set(socket, [...waiting, response])
    return true
  }
}
