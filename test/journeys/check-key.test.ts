/** "Check my key" at a real browser, by somebody without an account: commands, a bad verdict, a good one, and on into an application. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'otplib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Language } from '../../src/web/locales.ts'
import { makeRequest, rsaKeyPair } from '../pki/keys.ts'
import { haveChromium, NO_CHROMIUM, openBrowser, type Person } from '../support/browser.ts'
import { createPerson } from '../support/portal.ts'
import { evidenceFiles, requestText, startScene, type Scene } from '../web/applicant.ts'

const available = haveChromium()

describe.skipIf(!available)(available ? 'check my key, at a browser' : NO_CHROMIUM, () => {
  const folder = mkdtempSync(join(tmpdir(), 'journey-check-key-'))
  const at = (...names: string[]) => names.map((name) => join(folder, name))
  let scene: Scene
  let browser: Awaited<ReturnType<typeof openBrowser>>

  beforeAll(async () => {
    scene = await startScene()
    browser = await openBrowser('check-key')
    const [keys, others] = [rsaKeyPair(3072), rsaKeyPair(3072)]
    writeFileSync(join(folder, 'request.csr'), requestText(keys))
    writeFileSync(join(folder, 'other.csr'), requestText(others))
    writeFileSync(join(folder, 'sha1.csr'), makeRequest(keys, { hash: 'sha1' }))
    for (const { name, bytes } of evidenceFiles(scene, keys)) writeFileSync(join(folder, name), bytes)
    writeFileSync(join(folder, 'my.key'), keys.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  })
  afterAll(async () => {
    await browser?.close()
    expect(scene?.portal.faults ?? []).toEqual([])
    rmSync(folder, { recursive: true, force: true })
  })

  async function drop(person: Person, names: readonly string[], name: string, status = 200, again = false): Promise<void> {
    await person.main.locator('input[name="files"]').setInputFiles(at(...names))
    await person.press(person.words(again ? 'check-key.drop.again' : 'check-key.drop.button'), { name, status })
  }

  test.each(['en', 'ja'] as const)('ATT-9: commands, verdicts and a private key, in %s', async (language: Language) => {
    const person = await browser.person(scene.portal.url, { language })
    await person.visit('/', { name: 'home' })
    await person.follow(person.words('home.check-key.link'), { name: 'start' })
    expect(await person.heading()).toBe(person.words('check-key.title'))
    await person.fill({ device: 'ykman', system: 'linux' })
    await person.press(person.words('commands.choose.show'), { name: 'commands' })
    expect(await person.main.locator('pre code').allInnerTexts()).toContain('ykman piv keys attest 9c attestation.pem')
    expect(await person.main.getByRole('button', { name: new RegExp(`^${person.words('frame.copy')}`) }).count()).toBeGreaterThan(5)
    await person.fill({ device: 'aws-kms', system: 'linux' })
    await person.press(person.words('commands.choose.show'), { name: 'without' })

    await drop(person, ['other.csr', 'intermediate.pem', 'attestation.pem'], 'bad')
    expect(await person.main.locator('#verdict .notice-title').first().innerText()).toBe(person.words('check-key.refused', { question: person.words('attestation.question.same-key') }))
    await drop(person, ['sha1.csr', 'intermediate.pem', 'attestation.pem'], 'good-but', 200, true)
    await drop(person, ['request.csr', 'my.key'], 'private-key', 422, true)
    expect((await person.errors()).join()).toContain(person.words('attestation.malformed.private-key'))
    await drop(person, ['attestation.pem', 'request.csr', 'intermediate.pem'], 'good', 200, true)
    expect(await person.main.locator('#verdict .notice-title').first().innerText()).toBe(person.words('check-key.verdict.verified'))
    await person.leave()
  })

  test('APP-2: somebody without an account carries the verdict into a new application', async () => {
    const account = await createPerson(scene.portal.services, { roles: ['subscriber'] })
    const person = await browser.person(scene.portal.url, { javaScript: false })
    await person.visit('/check-key')
    await drop(person, ['attestation.pem', 'request.csr', 'intermediate.pem'], 'good-guest')
    await person.press(person.words('check-key.use.button'), { name: 'kept' })
    expect(person.path).toBe('/sign-in')
    await person.fill({ email: account.email, password: account.password })
    await person.press(person.words('sign-in.submit'))
    await person.fill({ code: await generate({ secret: account.secret }) })
    await person.press(person.words('second-factor.submit'), { name: 'use' })
    expect(await person.heading()).toBe(person.words('check-key.use.title'))
    await person.press(person.words('check-key.use.go'), { name: 'carried' })
    expect(await person.page.locator('body').innerText()).toContain(person.words('check-key.use.done'))
    await person.leave()
  })
})
