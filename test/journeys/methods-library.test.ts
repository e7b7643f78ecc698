/** Method 3 in a real browser: a challenge, our program downloaded and run on a module, its report verified; its key certified. */
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demoPeople, type DemoPerson } from '../../src/commands/demo-people-make.ts'
import { approve, signIn as walkerSignIn } from '../../src/commands/demo-walk.ts'
import type { Role } from '../../src/people/roles.ts'
import { haveChromium, NO_CHROMIUM, openBrowser, type Person } from '../support/browser.ts'
import { startInstance, type Instance } from '../support/instance.ts'
import { cleanEnvironment } from '../support/program.ts'
import { freshSoftHsm, type TestHsm } from '../support/softhsm.ts'
import { agree, nameSubject, openCertificate, register, signIn, start, stateOrganisation, submit, upload, vet } from './steps.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const available = haveChromium()
const RIKU = { name: 'Riku Endo', email: 'riku@journey.example', password: 'walnut harbour candle 31' }

describe.skipIf(!available)(available ? 'the prescribed library' : NO_CHROMIUM, () => {
  let instance: Instance
  let browser: Awaited<ReturnType<typeof openBrowser>>
  let staff: readonly DemoPerson[]
  let [riku, vetting]: Person[] = []
  let hsm: TestHsm
  let pin: string
  let folder: string
  let reference: string

  beforeAll(async () => {
    ;[instance, browser] = await Promise.all([startInstance(), openBrowser('methods-library')])
    staff = await demoPeople(instance.services)
    hsm = freshSoftHsm()
    pin = (await hsm.token('TOKEN')).pin
    folder = mkdtempSync(join(tmpdir(), 'keygen-journey-'))
  })
  afterAll(async () => {
    hsm?.remove()
    if (folder) rmSync(folder, { recursive: true, force: true })
    await browser?.close()
    if (!instance) return
    await instance.stop()
    expect(instance.faults()).toEqual([])
  })

  const said = (path: string, values?: Record<string, string>) => riku!.words(`key-protection-prescribed-library.${path}`, values)
  const keyProtection = () => `/applications/${reference}/key-protection`
  const officer = (role: Role) => staff.find(({ roles }) => roles.includes(role))!
  const copied = (term: string) => riku!.main.locator(`[data-copy="${said(`section.${term}`)}"]`).first().innerText()

  /** The program as the page's command calls it. */
  function program(parameters: readonly string[]): Promise<{ code: number | null; text: string }> {
    const child = spawn(process.execPath, [join(folder, 'package', 'main.js'), ...parameters], { cwd: folder, env: { ...cleanEnvironment({}), LC_ALL: 'C', SOFTHSM2_CONF: hsm.conf, KEYGEN_PIN: pin } })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    return new Promise((done) => child.once('close', (code) => done({ code, text })))
  }

  test('ATT-3: the applicant chooses the method, reads what it proves, and gets a challenge', async () => {
    riku = await browser.person(instance.portalUrl)
    await register(riku, RIKU)
    reference = await start(riku)
    await riku.visit(`/applications/${reference}/organisation`)
    await stateOrganisation(riku)
    await agree(riku)
    await nameSubject(riku)
    await riku.visit(keyProtection())
    await riku.fill({ option: 'own-module', representation: true, method: '3' })
    await riku.press(riku.words('forms.continue'))
    expect(await riku.text()).toContain(said('section.proves-no'))
    expect(await riku.text()).toContain(said('section.challenge-none'))
    await riku.press(said('section.challenge-new'))
    expect(await riku.text()).toContain(said('notice.challenge'))
    expect(await copied('challenge-value')).toMatch(/^[0-9a-f]{64}$/)
  })

  test('ATT-3: the program is downloaded, is the one whose SHA-256 the page shows, and runs as the page says', async () => {
    const { name, bytes } = await riku!.download(said('section.download', { name: 'code-signing-keygen-1.0.0.tgz' }))
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(await copied('sha256'))
    writeFileSync(join(folder, name), bytes)
    execFileSync('tar', ['-xzf', name], { cwd: folder })
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    await riku!.main.locator('summary', { hasText: said('section.linux') }).click()
    const command = await riku!.main.locator('details[open] pre code', { hasText: '--ticket' }).innerText()
    expect(command).toContain(`npx --yes --allow-scripts=pkcs11js --package=./${name} code-signing-keygen --module /path/to/module.so`)
    const parameters = command.replaceAll('\\\n', ' ').replaceAll('"', '').split(/\s+/)
    const made = await program(parameters.slice(parameters.indexOf('--module')).map((word) => word.replace('/path/to/module.so', hsm.module)))
    expect(made.text).toContain(`Challenge for application ${reference}`)
    expect(made.code, made.text).toBe(0)
  })

  test('ATT-3: the request and the report are given, and verified at once', async () => {
    await riku!.visit(`/applications/${reference}/request`)
    await riku!.fill({ request: readFileSync(join(folder, 'request.pem'), 'utf8') })
    await riku!.press(riku!.words('apply.request.check'))
    expect(riku!.path).toBe(keyProtection())
    const report = readFileSync(join(folder, 'key-report.json'), 'utf8')
    await upload(riku!, [{ name: 'key-report.json', bytes: report.replace('"firmwareVersion": "2', '"firmwareVersion": "3') }])
    expect(await riku!.text()).toContain(said('signature.bad'))
    await riku!.press(`${riku!.words('key-protection.evidence.remove')} key-report.json`)
    await upload(riku!, [{ name: 'key-report.json', bytes: report }])
    expect(await riku!.text()).toContain(said('signature.good'))
    expect(await riku!.text()).toContain(said('section.challenge-answered'))
  })

  test('ATT-3: in Japanese too', async () => {
    riku!.language = 'ja'
    await riku!.follow('日本語')
    expect(await riku!.text()).toContain(said('question.challenge-answered'))
    await riku!.press(said('section.challenge-new'))
    expect(await riku!.text()).toContain(said('section.ticket-hint'))
    riku!.language = 'en'
    await riku!.follow('English')
    await riku!.follow(riku!.words('key-protection.next'))
    await submit(riku!)
  })

  test('ATT-3: an officer confirms the module beside the machine’s judgement, and ca issues', async () => {
    const { email, password, totpSecret } = officer('vetting-officer')
    vetting = await browser.person(instance.portalUrl)
    await signIn(vetting, { email, password, key: totpSecret })
    await vet(vetting, reference)
    expect(await vetting.text()).toContain(vetting.words('review.item.key-report.title'))
    const walker = { base: instance.portalUrl, now: () => new Date(), tell: () => {} }
    await approve(walker, await walkerSignIn(walker, officer('approving-officer')), reference)
    await openCertificate(riku!, reference)
    expect(await riku!.text()).toContain(riku!.words('delivery.accept.text'))
  })
})
