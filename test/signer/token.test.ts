import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Module, SessionFlag, UserType } from 'graphene-pk11'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSigner } from '../../src/signer/pkcs11.ts'
import { SignerUnavailable } from '../../src/signer/signer.ts'
import { initialiseToken } from '../../src/signer/token.ts'
import { freshSoftHsm, type TestHsm } from '../support/softhsm.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

const PINS = { soPin: 'a'.repeat(32), userPin: 'b'.repeat(32) }
let hsm: TestHsm
let lockFile: string

const wanted = (label: string) => ({ module: hsm.module, label, lockFile, ...PINS })

function labels(): string[] {
  const module = Module.load(hsm.module)
  module.initialize()
  const slots = module.getSlots(true)
  const all = Array.from({ length: slots.length }, (_, index) => slots.items(index).getToken().label)
  module.finalize()
  return all
}

const reasonOf = (promise: Promise<unknown>) => promise.then(() => 'none', (error: unknown) => (SignerUnavailable.is(error) ? error.reason : Promise.reject(error)))

beforeAll(() => {
  hsm = freshSoftHsm()
  lockFile = join(hsm.directory, 'token.lock')
})
afterAll(() => hsm.remove())

test('ISS-6: makes a token once, and leaves it alone the second time', async () => {
  expect(await initialiseToken(wanted('once'))).toBe('made')
  const signer = await openSigner({ module: hsm.module, tokenLabel: 'once', pin: PINS.userPin })
  const pair = await signer.generateRsaKeyPair({ label: 'k', id: '01', bits: 2048 })
  // The open signer lives through it.
  expect(await initialiseToken({ ...wanted('once'), soPin: 'c'.repeat(32), userPin: 'd'.repeat(32) })).toBe('present')
  expect(await signer.publicKey('k')).toEqual(pair.spki)
  await signer.close()
})

test('ISS-6: pads the label with spaces to 32 octets', async () => {
  await initialiseToken(wanted('short'))
  const module = Module.load(hsm.module)
  module.initialize()
  const slots = module.getSlots(true)
  const raw = Array.from({ length: slots.length }, (_, index) => (module as unknown as { lib: { C_GetTokenInfo(slot: Buffer): { label: string } } }).lib.C_GetTokenInfo(slots.items(index).handle).label)
  module.finalize()
  expect(raw).toContain('short'.padEnd(32, ' '))
})

test('ISS-6: takes a label of 1 to 32 printable ASCII characters', async () => {
  for (const label of ['', ' lead', 'trail ', 'x'.repeat(33), 'é', 'a\nb']) await expect(initialiseToken(wanted(label))).rejects.toThrow(RangeError)
  expect(await initialiseToken(wanted('x'.repeat(32)))).toBe('made')
})

test('ISS-6: finishes a token that a crash left without its user PIN', async () => {
  const module = Module.load(hsm.module)
  module.initialize()
  const slots = module.getSlots(true)
  const empty = slots.items(slots.length - 1)
  expect(() => empty.initToken(PINS.soPin, 'half'.padEnd(32, ' '))).toThrow(TypeError)
  module.finalize()
  expect(await reasonOf(initialiseToken({ ...wanted('half'), soPin: 'e'.repeat(32) }))).toBe('pin-refused')
  expect(await initialiseToken(wanted('half'))).toBe('made')
  const signer = await openSigner({ module: hsm.module, tokenLabel: 'half', pin: PINS.userPin })
  await signer.close()
  expect(labels().filter((label) => label === 'half')).toHaveLength(1)
})

function makeElsewhere(label: string): Promise<string> {
  const child = fileURLToPath(new URL('../support/make-token.ts', import.meta.url))
  return new Promise((resolve, reject) => {
    const started = spawn(process.execPath, [...TYPESCRIPT, child, JSON.stringify(wanted(label))], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    started.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    started.on('error', reject)
    started.on('close', (code) => (code === 0 ? resolve(said.trim()) : reject(new Error(`exit code ${code}`))))
  })
}

test('ISS-6: two processes that make the same token at once make one', async () => {
  expect((await Promise.all(Array.from({ length: 3 }, () => makeElsewhere('raced')))).sort()).toEqual(['made', 'present', 'present'])
  expect(labels().filter((label) => label === 'raced')).toHaveLength(1)
})

test('ISS-6: sees a token that another process made since this one started the module', async () => {
  const running = await openSigner({ module: hsm.module, tokenLabel: 'once', pin: PINS.userPin })
  expect(await makeElsewhere('elsewhere')).toBe('made')
  expect(await initialiseToken(wanted('elsewhere'))).toBe('present')
  expect(await makeElsewhere('elsewhere too')).toBe('made')
  const found = await openSigner({ module: hsm.module, tokenLabel: 'elsewhere too', pin: PINS.userPin })
  expect(await running.publicKey('k')).toBeInstanceOf(Buffer)
  await found.close()
  await running.close()
})

test('ISS-6: two tokens with one label are refused by the signer and by the next set-up', async () => {
  for (let made = 0; made < 2; made++) {
    const module = Module.load(hsm.module)
    module.initialize()
    const slots = module.getSlots(true)
    expect(() => slots.items(slots.length - 1).initToken(PINS.soPin, 'twin'.padEnd(32, ' '))).toThrow(TypeError)
    module.finalize()
  }
  expect(await reasonOf(openSigner({ module: hsm.module, tokenLabel: 'twin', pin: PINS.userPin }))).toBe('token-ambiguous')
  expect(await reasonOf(initialiseToken(wanted('twin')))).toBe('token-ambiguous')
})

test('ISS-6: a token without a user PIN refuses to log in', async () => {
  const module = Module.load(hsm.module)
  module.initialize()
  const slots = module.getSlots(true)
  expect(() => slots.items(slots.length - 1).initToken(PINS.soPin, 'bare'.padEnd(32, ' '))).toThrow(TypeError)
  module.finalize()
  expect(await reasonOf(openSigner({ module: hsm.module, tokenLabel: 'bare', pin: PINS.userPin }))).toBe('pin-refused')
})

test('ISS-6: the lock of a process that has ended is taken over', async () => {
  mkdirSync(hsm.directory, { recursive: true })
  writeFileSync(lockFile, `999999999 1 ${(await import('node:os')).hostname()} 1`)
  expect(await initialiseToken(wanted('after-crash'))).toBe('made')
})

test('ISS-6: the security officer can log in with the PIN that the caller made', () => {
  const module = Module.load(hsm.module)
  module.initialize()
  const slots = module.getSlots(true)
  const slot = Array.from({ length: slots.length }, (_, index) => slots.items(index)).find((each) => each.getToken().label === 'once')!
  const session = slot.open(SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION)
  session.login(PINS.soPin, UserType.SO)
  session.logout()
  session.close()
  module.finalize()
})
