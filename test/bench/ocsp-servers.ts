/** The responders that `bench -- ocsp` measures, each in processes of its own, and what they are asked. */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { context, integer, nullValue, octetString, oid, readDer, sequence } from '../../src/pki/der.ts'
import type { Authority } from '../revocation/openssl-authority.ts'
import { SERIALS } from '../revocation/openssl-authority.ts'
import { type Children, freePort, onPath } from './measure.ts'

const SERVERS = fileURLToPath(new URL('./servers/', import.meta.url))
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** How a server is asked. `anew`: by GET, each question on a connection of its own, as most clients ask. */
export type How = 'GET' | 'POST' | 'anew' | 'nonce'

export interface Server {
  readonly name: string
  readonly port: number
  readonly pid: number
  readonly path: string
  /** The request as POST sends it. */
  readonly body: Buffer
}

type Question = Pick<Server, 'path' | 'body'>

/** An OCSP request without nonce: SHA-1 CertID. */
export function requestFor(issuer: { subjectDer: Buffer; keyBits: Buffer }, serial: string): Buffer {
  const sha1 = (octets: Buffer) => octetString(createHash('sha1').update(octets).digest())
  const certId = sequence(sequence(oid('1.3.14.3.2.26'), nullValue()), sha1(issuer.subjectDer), sha1(issuer.keyBits), integer(BigInt(`0x${serial}`)))
  return sequence(sequence(sequence(sequence(certId))))
}

/** The same with a nonce of 16 octets at its end. */
export function withNonce(request: Buffer): Buffer {
  const [list] = readDer(request).children()[0]!.children()
  return sequence(sequence(list!.raw, context(2, sequence(sequence(oid('1.3.6.1.5.5.7.48.1.2'), octetString(octetString(Buffer.alloc(16))))))))
}

export const questionFor = (issuer: { subjectDer: Buffer; keyBits: Buffer }, serial: string): Question => {
  const body = requestFor(issuer, serial)
  return { body, path: `/ocsp/${encodeURIComponent(body.toString('base64'))}` }
}

/** The issuer's parts of a CertID, from its certificate. */
export function issuerOf({ subjectDer, certificateDer }: { readonly subjectDer: Buffer; readonly certificateDer: Buffer }): { subjectDer: Buffer; keyBits: Buffer } {
  const spki = readDer(certificateDer).children()[0]!.children()[6]!
  return { subjectDer, keyBits: spki.children()[1]!.bitStringOctets() }
}

/** Waits for a first answer. */
export async function answering(port: number, body: Buffer, seconds = 30): Promise<Response> {
  for (let tries = 0; ; tries++) {
    try {
      return await fetch(`http://127.0.0.1:${port}/ocsp`, { method: 'POST', headers: { 'content-type': 'application/ocsp-request' }, body: new Uint8Array(body) })
    } catch (error) {
      if (tries >= seconds * 10) throw error
      await sleep(100)
    }
  }
}

/** `status` of this product. */
export async function startStatus(children: Children, env: NodeJS.ProcessEnv, workers: number, question: Question): Promise<Server> {
  const port = await freePort()
  const pid = children.launch(process.execPath, ['--import', 'tsx', 'src/status.ts'], { cwd: ROOT, env: { ...process.env, ...env, NODE_ENV: 'test', STATUS_PORT: String(port), STATUS_METRICS_PORT: 'none', STATUS_WORKERS: String(workers) } })
  await answering(port, question.body, 180)
  return { name: workers === 1 ? 'this responder' : `this responder, ${workers} workers`, port, pid, ...question }
}

/** node:http that sends the same octets and headers to whoever asks. */
export async function startBare(children: Children, folder: string, question: Question, one: Response, workers: number): Promise<Server> {
  const der = Buffer.from(await one.arrayBuffer())
  const file = join(folder, 'answer.der')
  writeFileSync(file, der)
  const always = ['Content-Type', 'application/ocsp-response', 'Content-Length', String(der.length), 'X-Content-Type-Options', 'nosniff']
  const caching = ['Cache-Control', 'ETag', 'Last-Modified', 'Expires'].flatMap((name) => [name, one.headers.get(name)!])
  const port = await freePort()
  const pid = children.launch(process.execPath, [join(SERVERS, 'bare-http.mjs'), String(port), file, JSON.stringify([...always, ...caching]), JSON.stringify([...always, 'Cache-Control', 'no-store']), String(workers)])
  await answering(port, question.body, 180)
  return { name: workers === 1 ? 'bare node:http, same octets' : `bare node:http, ${workers} workers`, port, pid, ...question }
}

/** The same octets as a file: the limit. null where nginx is not installed. */
export async function startNginx(children: Children, folder: string, question: Question): Promise<Server | null> {
  const nginx = onPath('nginx')
  if (!nginx) return null
  const port = await freePort()
  const config = join(folder, 'nginx.conf')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path ${folder}/${each};`).join(' ')
  writeFileSync(config, `daemon off; worker_processes 1; error_log ${folder}/nginx.log; pid ${folder}/nginx.pid; events {}
http { access_log off; ${temporary} keepalive_requests 10000000; open_file_cache max=10;
server { listen 127.0.0.1:${port}; root ${folder}; default_type application/ocsp-response; location / { rewrite ^ /answer.der break; error_page 405 =200 /answer.der; } } }\n`)
  const pid = children.launch(nginx, ['-c', config, '-p', folder, ...(process.getuid?.() === 0 ? ['-g', 'user root;'] : [])])
  await answering(port, question.body, 180)
  return { name: 'nginx, same octets as a file', port, pid, ...question }
}

/** Answers signed beforehand. null where cfssl is not installed. */
export async function startCfssl(children: Children, folder: string, question: Question, der: Buffer): Promise<Server | null> {
  const cfssl = onPath('cfssl')
  if (!cfssl) return null
  const port = await freePort()
  writeFileSync(join(folder, 'responses'), `${der.toString('base64')}\n`)
  const pid = children.launch(cfssl, ['ocspserve', '-address=127.0.0.1', `-port=${port}`, `-responses=${join(folder, 'responses')}`, '-loglevel=5'])
  await answering(port, question.body, 180)
  return { name: 'cfssl ocspserve, signed beforehand', port, pid, ...question }
}

/** Signs each answer, one after the other. */
export async function startOpenssl(children: Children, foreign: Authority): Promise<Server> {
  writeFileSync(foreign.path('index.txt'), `V\t350101000000Z\t\t${SERIALS.good.toUpperCase()}\tunknown\t/C=JP/O=Test/CN=good\n`)
  const port = await freePort()
  const pid = children.launch('openssl', ['ocsp', '-port', String(port), '-index', 'index.txt', '-CA', 'issuing.pem', '-rsigner', 'responder.pem', '-rkey', 'responder.key', '-ndays', '1'], { cwd: foreign.folder })
  const question = questionFor(foreign.certificate('issuing'), SERIALS.good)
  await answering(port, question.body, 180)
  return { name: 'openssl ocsp', port, pid, ...question }
}

/** The npm package `ocsp`: it keeps nothing, and signs each answer by the issuing CA's key. */
export async function startNpmOcsp(children: Children, foreign: Authority): Promise<Server> {
  const port = await freePort()
  const pid = children.launch(process.execPath, [join(SERVERS, 'npm-ocsp.mjs'), String(port), foreign.path('issuing.pem'), foreign.path('issuing.key'), SERIALS.good])
  const question = questionFor(foreign.certificate('issuing'), SERIALS.good)
  const { status } = await answering(port, question.body)
  if (status !== 200) throw new Error(`the npm package ocsp answers ${status}`)
  return { name: 'npm package `ocsp`', port, pid, ...question }
}
