import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createPerson, signIn, startPortal } from '../support/portal.ts'

test('ACC-3: a body that outlasts its session changes nothing and brings nothing back', async () => {
  const portal = await startPortal()
  const person = await createPerson(portal.services, { roles: ['subscriber'] })
  const [thief, owner] = [portal.client(), portal.client()]
  await signIn(portal, thief, person)
  await signIn(portal, owner, person)
  const started = await thief.post('/applications', {}, { from: '/applications' })
  const action = `${/^\/applications\/[^/?]+/.exec(started.path)![0]}/request`
  await thief.get(action)

  const body = ['_csrf', 'version', 'request'].map((name) => `--X\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${{ _csrf: thief.csrf!, version: '1' }[name] ?? 'no request at all'}\r\n`).join('') + '--X--\r\n'
  const { hostname, port } = new URL(portal.url)
  const socket = connect(Number(port), hostname)
  let answered = ''
  socket.on('data', (chunk) => (answered += chunk.toString('latin1')))
  const cookie = [...thief.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  socket.write(`POST ${action} HTTP/1.1\r\nHost: ${hostname}\r\nCookie: ${cookie}\r\nContent-Type: multipart/form-data; boundary=X\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body.slice(0, 20)}`)
  await sleep(300)
  await owner.post('/sign-out/everywhere', {}, { from: '/account' })
  socket.write(body.slice(20))
  await new Promise((done) => socket.on('close', done))

  expect(answered).toMatch(/^HTTP\/1\.1 303 /)
  expect(answered).toMatch(/\r\nLocation: \/sign-in\r\n/)
  expect((await thief.get('/account', { follow: false })).location).toBe('/sign-in')
  expect(await portal.services.database('sessions').where({ account_id: person.id })).toEqual([])
})

test('a request for no path at all is refused, with and without a session', async () => {
  const portal = await startPortal()
  const { hostname, port } = new URL(portal.url)
  for (const method of ['GET', 'OPTIONS']) {
    const socket = connect(Number(port), hostname)
    let answered = ''
    socket.on('data', (chunk) => (answered += chunk.toString('latin1')))
    socket.write(`${method} * HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`)
    await new Promise((done) => socket.on('close', done))
    expect(answered).toMatch(/^HTTP\/1\.1 400 /)
  }
  expect(portal.faults).toEqual([])
})
