import { connect } from 'node:net'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { mutate, rsaKeyPair, seededNumbers } from '../pki/keys.ts'
import type { Client } from '../support/client.ts'
import { words } from '../support/portal.ts'
import { applicantOf, applicationAt, requestText, startApplication, startScene, type Scene } from './applicant.ts'

let scene: Scene
let client: Client
let path: string
let version: string

beforeAll(async () => {
  scene = await startScene()
  ;({ client } = await applicantOf(scene))
  path = await startApplication(client)
  version = String((await applicationAt(scene, path)).version)
})
afterEach(async () => {
  expect(scene.portal.faults).toEqual([])
  expect((await applicationAt(scene, path)).request).toBeNull()
})

const BOUNDARY = 'the-boundary-of-this-form'
const part = (headers: string, body: string): string => `--${BOUNDARY}\r\n${headers}\r\n\r\n${body}\r\n`
const field = (name: string, value: string): string => part(`Content-Disposition: form-data; name="${name}"`, value)
const file = (name: string, filename: string, body: string): string => part(`Content-Disposition: form-data; name="${name}"; filename="${filename}"\r\nContent-Type: application/octet-stream`, body)
const END = `--${BOUNDARY}--\r\n`
/** As a browser sends it: the token and what else is hidden first. */
const hidden = (): string => field('_csrf', client.csrf!) + field('version', version)

async function send(body: string | Buffer, type = `multipart/form-data; boundary=${BOUNDARY}`): Promise<{ status: number; html: string }> {
  const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const answer = await fetch(`${scene.portal.url}${path}/request`, { method: 'POST', redirect: 'manual', body: new Uint8Array(Buffer.from(body)), headers: { cookie, 'content-type': type } })
  return { status: answer.status, html: await answer.text() }
}

/** Sends the octets as they are, without a fetch that would correct them, and goes away or waits for the answer's first line. */
function raw(head: string, body: string, { leave }: { leave: boolean }): Promise<string> {
  const { hostname, port } = new URL(scene.portal.url)
  const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  return new Promise((done) => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => {
      socket.write(`POST ${path}/request HTTP/1.1\r\nHost: ${hostname}:${port}\r\nCookie: ${cookie}\r\nContent-Type: multipart/form-data; boundary=${BOUNDARY}\r\n${head}\r\n\r\n${body}`)
      if (leave) setTimeout(() => socket.destroy(), 100)
    })
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text
      if (answer.includes('</html>')) socket.destroy()
    })
    socket.on('error', () => undefined).on('close', () => done(answer))
  })
}

/** The sentence, whatever number the page's own limit puts into it. */
const withNumber = (key: string): RegExp => new RegExp(words(key, { limit: 'NUMBER' }).replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace('NUMBER', '\\d+'))

const alive = async () => expect((await fetch(`${scene.portal.url}/`)).status).toBe(200)
const sentence = (html: string, key: string, values?: Record<string, string>) => expect(html.includes(words(key, values)), html.replace(/[\s\S]*<main/, '').slice(0, 1500)).toBe(true)

describe('forms with files', () => {
  test('too large: a sentence, nothing stored', async () => {
    const answer = await send(hidden() + file('requestFile', 'big.csr', 'x'.repeat(3_000_000)) + END)
    expect(answer.status).toBe(422)
    expect(answer.html).toMatch(withNumber('forms.upload-too-large'))
  })

  test('too many files: a sentence', async () => {
    const answer = await send(hidden() + Array.from({ length: 12 }, (_, each) => file('requestFile', `${each}.csr`, 'x')).join('') + END)
    expect(answer.status).toBe(422)
    expect(answer.html).toMatch(withNumber('forms.upload-too-many'))
  })

  test('too many fields or parts: a sentence, and none of them', async () => {
    const answer = await send(hidden() + Array.from({ length: 100 }, (_, each) => field(`field${each}`, 'x')).join('') + END)
    expect(answer.status).toBe(422)
    sentence(answer.html, 'forms.upload-broken')
  })

  test('a form that breaks off within a file, within a header, or before its end: a sentence', async () => {
    for (const body of [
      hidden() + file('requestFile', 'cut.csr', 'x'.repeat(1000)).slice(0, -400),
      hidden() + file('requestFile', 'cut.csr', 'x').slice(0, 60),
      hidden() + file('requestFile', 'cut.csr', 'x'),
      `${hidden()}--${BOUNDARY}`,
    ]) {
      const answer = await send(body)
      expect(answer.status).toBe(422)
      sentence(answer.html, 'forms.upload-broken')
      await alive()
    }
  })

  test('without a boundary, with another one, or empty: no fault', async () => {
    expect((await send(hidden() + END, 'multipart/form-data')).status).toBe(403)
    expect((await send(hidden() + END, 'multipart/form-data; boundary=another')).status).toBe(403)
    expect((await send(hidden() + END, `multipart/form-data; boundary=${'x'.repeat(5000)}`)).status).toBe(403)
    expect((await send('')).status).toBe(403)
    expect((await send(hidden() + END, 'multipart/mixed; boundary=x')).status).toBe(403)
    await alive()
  })

  test('a sender that goes away in the middle leaves the portal as it was', async () => {
    await raw('Content-Length: 100000', hidden() + file('requestFile', 'gone.csr', 'x'.repeat(500)), { leave: true })
    await raw('Transfer-Encoding: chunked', `${(200).toString(16)}\r\n${hidden().slice(0, 200)}`, { leave: true })
    await alive()
  })

  test('names of fields that every object has are names like others', async () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty', '']) {
      const answer = await send(hidden() + field(name, 'x') + field(name, 'y') + END)
      expect([name, answer.status]).toEqual([name, 422])
      const plain = await send(new URLSearchParams([['_csrf', client.csrf!], ['version', version], [name, 'x'], [name, 'y']]).toString(), 'application/x-www-form-urlencoded')
      expect([name, plain.status]).toEqual([name, 422])
    }
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })

  test('file names: folders, control characters and halves of characters are no fault', async () => {
    for (const name of ['../../etc/passwd', 'a\u0000b.csr', '\ud83d', 'x'.repeat(5000), '💩'.repeat(150), '\u202e', ' ', '%00']) {
      const answer = await send(hidden() + file('requestFile', name.replace(/[\r\n"]/g, ''), 'not a request') + END)
      expect([name.slice(0, 20), answer.status]).toEqual([name.slice(0, 20), 422])
    }
  })

  test('a form of files for a page that takes none is no fault', async () => {
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(`${scene.portal.url}/applications`, { method: 'POST', redirect: 'manual', body: hidden() + file('x', 'x.bin', 'x'.repeat(100_000)) + END, headers: { cookie, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` } })
    expect(answer.status).toBeLessThan(500)
    await alive()
  })

  test('600 damaged forms: never a fault, never anything stored', async () => {
    const random = seededNumbers(20260601)
    const whole = Buffer.from(hidden() + file('requestFile', 'key.csr', requestText(rsaKeyPair(1024))) + field('request', 'x') + END)
    const statuses = new Map<number, number>()
    for (let batch = 0; batch < 30; batch++) {
      const bodies = Array.from({ length: 20 }, () => mutate(whole, random))
      for (const { status } of await Promise.all(bodies.map((body) => send(body)))) statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    // 409: the hidden version was hit.
    expect([...statuses.keys()].filter((status) => ![403, 409, 422].includes(status)), JSON.stringify([...statuses])).toEqual([])
    expect(statuses.get(422)).toBeGreaterThan(100)
  }, 180_000)
})
