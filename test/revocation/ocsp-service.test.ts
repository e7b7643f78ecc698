import { beforeEach, expect, test } from 'vitest'
import { loadPolicy, SHIPPED_POLICY } from '../../src/policy/policy.ts'
import { changeTag } from '../../src/revocation/answer-cache.ts'
import { aboutCertificates } from '../../src/revocation/answer-tally.ts'
import { bodyKey, OcspService } from '../../src/revocation/ocsp-service.ts'
import type { OcspAnswer } from '../../src/revocation/responder.ts'
import { remembering } from '../../src/revocation/status-memory.ts'
import { StatusWatch, type StatusChange } from '../../src/revocation/status-watch.ts'

const HOUR = 3_600_000
const policy = loadPolicy(SHIPPED_POLICY)
const start = Date.UTC(2026, 10, 22)
const REQUEST = Buffer.from('0request')
const PATH = '/ocsp/MHJlcXVlc3Q='
const TAG = changeTag('issuing', '11')

/** What the database would tell at the next reading, or how it fails. */
let told: { changes: StatusChange[]; gap: boolean } | Error
let now: number
let running: number
let signed: number
let life: number
let asked: string
let answering: (answer: OcspAnswer) => Promise<OcspAnswer>
let watch: StatusWatch
let service: OcspService
const faults: unknown[] = []

beforeEach(async () => {
  told = { changes: [], gap: false }
  ;[now, running, signed, life] = [start, 0, 0, 24 * HOUR]
  answering = async (answer) => answer
  faults.length = 0
  watch = new StatusWatch({
    feed: {
      async read() {
        if (told instanceof Error) throw told
        const read = told
        told = { changes: [], gap: false }
        return read
      },
    },
    elapsed: () => running,
    staleMinutes: policy.periods.statusStaleMinutes,
  })
  service = new OcspService({ now: () => new Date(now), policy, respond, watch, fault: (error) => void faults.push(error) })
  await watch.poll()
})
const ABOUT = aboutCertificates('issuing', [{ serial: '0a', state: 'good' }])
const respond = (request: Buffer, at: Date): Promise<OcspAnswer> => {
  signed++
  asked = request.toString()
  return answering({ der: Buffer.from(`answer ${signed}`), about: ABOUT, cache: { thisUpdate: at, nextUpdate: new Date(at.getTime() + life), tags: [TAG], revoked: false } })
}
const given = async (request = REQUEST, path?: string) => (await service.answer(request, path)).der.toString()
const found = (key = bodyKey(REQUEST)) => service.find(key)?.der.toString() ?? null
const change = async (...serials: string[]) => {
  told = { changes: serials.map((serial) => ({ authorityId: 'issuing', serial })), gap: false }
  await watch.poll()
}
const settled = () => new Promise((done) => setImmediate(done))

test('the same octets are answered by one signature, by path and by body', async () => {
  expect([found(), found(PATH)]).toEqual([null, null])
  expect([await given(REQUEST, PATH), await given(), found(), found(PATH)]).toEqual(Array(4).fill('answer 1'))
  // Another spelling of the same request.
  expect([await given(REQUEST, '/ocsp//MHJlcXVlc3Q'), found('/ocsp//MHJlcXVlc3Q')]).toEqual(['answer 1', 'answer 1'])
  expect(await given(Buffer.from('0other'))).toBe('answer 2')
})
test('who ask at once share one signature', async () => {
  expect(await Promise.all([given(), given(), given(REQUEST, PATH)])).toEqual(Array(3).fill('answer 1'))
})
test('OCS-7: an answer with a nonce, and an error, is kept for nobody', async () => {
  answering = async ({ der }) => ({ der, about: ABOUT, cache: null })
  expect([await given(REQUEST, PATH), await given(REQUEST, PATH), found(), found(PATH)]).toEqual(['answer 1', 'answer 2', null, null])
})
test('the octets are its own: the connection may use its buffer again', async () => {
  const buffer = Buffer.from(REQUEST)
  await given(buffer)
  buffer.fill(0)
  now += 9 * HOUR
  found()
  await settled()
  expect([asked, found()]).toEqual([REQUEST.toString(), 'answer 2'])
})

// Changes.

test('REV-4: a change ends what was kept, by path and by body, and the next is signed before anybody asks', async () => {
  await given(REQUEST, PATH)
  await change('22')
  expect(found()).toBe('answer 1')
  await change('11')
  expect(found(PATH)).toBeNull()
  await settled()
  expect([found(), signed]).toEqual(['answer 2', 2])
})
test('OCS-2: another generation, and a gap in what is told, end everything', async () => {
  await given()
  await change('*')
  expect(found()).toBeNull()
  await given()
  told = { changes: [], gap: true }
  await watch.poll()
  expect(found()).toBeNull()
})
test('OCS-3: what was read before a change is not kept after it', async () => {
  let release!: () => void
  answering = async (answer) => (await new Promise<void>((go) => (release = go)), answer)
  const asked = given(REQUEST, PATH)
  await change('11')
  answering = async (answer) => answer
  // Who asks after the change gets what is read after it.
  expect(await given()).toBe('answer 2')
  release()
  expect(await asked).toBe('answer 1')
  expect([found(), found(PATH)]).toEqual(['answer 2', null])
})

// Staleness.

test('OCS-3: while changes can\'t be read, what was signed goes on for ten minutes, and not longer', async () => {
  await given(REQUEST, PATH)
  told = new Error('no database')
  running = 600_000
  await expect(watch.poll()).rejects.toThrow('no database')
  expect([found(), found(PATH)]).toEqual(['answer 1', 'answer 1'])
  running = 600_001
  expect([found(), found(PATH)]).toEqual([null, null])
  told = { changes: [], gap: false }
  await watch.poll()
  expect(found()).toBe('answer 1')
})
test('OCS-3: a pause longer than changes are told for ends everything', async () => {
  await given()
  running = HOUR + 1
  await watch.poll()
  expect(found()).toBeNull()
})
test('a change told while another reading is under way is read behind it', async () => {
  await given()
  const first = watch.poll()
  await change('11')
  await Promise.all([first, settled()])
  expect(found()).toBe('answer 2')
})

// Times.

test('OCS-4: an answer is signed anew ahead of need, and given no later than eight hours before its end (CSBR 4.9.10)', async () => {
  await given(REQUEST, PATH)
  now = start + 8 * HOUR - 1
  expect([found(), signed]).toEqual(['answer 1', 1])
  now = start + 8 * HOUR
  // The old one serves while the new one is signed, once.
  expect([found(), found(PATH)]).toEqual(['answer 1', 'answer 1'])
  await settled()
  expect([found(), signed]).toEqual(['answer 2', 2])
  now += 16 * HOUR
  expect([found(), found(PATH)]).toEqual([null, null])
})
test('an answer signed anew serves every spelling of its request', async () => {
  for (const path of ['/ocsp/a', '/ocsp/b', '/ocsp/c']) await given(REQUEST, path)
  now = start + 8 * HOUR
  found('/ocsp/a')
  await settled()
  expect([found('/ocsp/a'), found('/ocsp/b'), found('/ocsp/c'), found(), signed]).toEqual([...Array(4).fill('answer 2'), 2])
})
test('OCS-4: a life shorter than sixteen hours is used to its half', async () => {
  life = 2 * HOUR
  await given()
  now = start + HOUR - 1
  expect(found()).toBe('answer 1')
  now = start + HOUR
  expect(found()).toBeNull()
})
test('an answer of which no cache could hold a part is given once', async () => {
  life = 59_000
  const ready = await service.answer(REQUEST)
  expect(ready.get.join()).toContain('max-age=30,')
  expect(found()).toBeNull()
})
test('an answer from the future is not given: the clock went back', async () => {
  await given()
  now = start - 1
  expect(found()).toBeNull()
})
test('a fault while signing ahead of need is told, and the old answer goes on', async () => {
  await given()
  now = start + 9 * HOUR
  answering = () => Promise.reject(new Error('token'))
  expect(found()).toBe('answer 1')
  await settled()
  expect([found(), faults.length]).toEqual(['answer 1', 1])
  await settled()
  expect(signed).toBe(2)
  // Not at each hit, but again.
  now += 10_000
  found()
  expect(signed).toBe(3)
})

// Limits.

test('OCS-6: more questions than can be signed soon are told to try later, and what is kept goes on', async () => {
  await given(Buffer.from('0kept'))
  const held: (() => void)[] = []
  answering = (answer) => new Promise((go) => held.push(() => go(answer)))
  const waiting = Array.from({ length: 1000 }, (_, n) => service.answer(Buffer.from(`0${n}`)))
  expect((await service.answer(Buffer.from('0more'))).der.toString('hex')).toBe('30030a0103')
  expect(await given(Buffer.from('0kept'))).toBe('answer 1')
  for (const go of held) go()
  expect((await Promise.all(waiting)).every(({ der }) => der.toString().startsWith('answer'))).toBe(true)
})

test('OCS-6: questions with a nonce, which serve nobody else, take half of the places at most', async () => {
  const held: (() => void)[] = []
  answering = (answer) => new Promise((go) => held.push(() => go(answer)))
  const nonce = Buffer.from('06092b0601050507300102', 'hex')
  const own = (n: number) => service.answer(Buffer.concat([Buffer.from(`0${n}`), nonce]))
  const waiting = Array.from({ length: 500 }, (_, n) => own(n))
  expect((await own(500)).der.toString('hex')).toBe('30030a0103')
  waiting.push(service.answer(REQUEST))
  expect(signed).toBe(501)
  for (const go of held) go()
  await Promise.all(waiting)
  answering = async (answer) => answer
  expect((await own(500)).der.toString()).toBe('answer 502')
})

// What is remembered of the database.

let held: Promise<void> | null = null
const reading = () => {
  let asked = 0
  const { readStatus } = remembering(
    {
      async readStatus() {
        asked++
        if (told instanceof Error) throw told
        await held
        return { state: 'good' }
      },
      findResponder: async () => null,
    },
    watch,
    () => running,
  )
  return { asked: () => asked, status: () => readStatus('issuing', '11') }
}
test('a status asked for again costs no query, until it changes or changes were not read for two seconds', async () => {
  const { status, asked } = reading()
  await status()
  await status()
  expect(asked()).toBe(1)
  await change('22')
  await status()
  expect(asked()).toBe(1)
  await change('11')
  await status()
  expect(asked()).toBe(2)
  running += 2001
  await status()
  expect(asked()).toBe(3)
})
test('OCS-3: a status is not read at all when changes have been unknown for too long', async () => {
  const { status, asked } = reading()
  running = 600_001
  await expect(status()).rejects.toThrow('OCS-3')
  expect(asked()).toBe(0)
})
test('OCS-3: a status read before a change is not remembered after it', async () => {
  const { status, asked } = reading()
  let release!: () => void
  held = new Promise((go) => (release = go))
  const early = status()
  await change('11')
  held = null
  release()
  await early
  await status()
  expect(asked()).toBe(2)
})
test('OCS-3: a status that can\'t be read is remembered as nothing', async () => {
  const { status } = reading()
  told = new Error('no database')
  await expect(status()).rejects.toThrow('no database')
  told = { changes: [], gap: false }
  expect(await status()).toEqual({ state: 'good' })
})
