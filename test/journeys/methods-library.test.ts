/** Method 3 in a real browser: a challenge, our program downloaded and run on a module, its report verified; its key certified. */
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveChromium, NO_CHROMIUM, type Person } from '../support/browser.ts'
import { cleanEnvironment } from '../support/program.ts'
import { freshSoftHsm, type TestHsm } from '../support/softhsm.ts'
import { openCertificate, register, startUpToRequest, submit, upload, vet } from './steps.ts'
import { openWorkplace, type Workplace } from './workplace.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const available = haveChromium()
const RIKU = { name: 'Riku Endo', email: 'riku@journey.example', password: 'walnut harbour candle 31' }

describe.skipIf(!available)(available ? 'the prescribed library' : NO_CHROMIUM, () => {
  let place: Workplace
  let [riku, vetting]: Person[] = []
  let hsm: TestHsm
  let pin: string
  let folder: string
  let reference: string

  beforeAll(async () => {
    place = await openWorkplace('methods-library')
    hsm = freshSoftHsm()
    pin = (await hsm.token('TOKEN')).pin
    folder = mkdtempSync(join(tmpdir(), 'keygen-journey-'))
  })
  afterAll(async () => {
    hsm?.remove()
    if (folder) rmSync(folder, { recursive: true, force: true })
    await place?.close()
  })

  const said = (path: string, values?: Record<string, string>) => riku!.words(`key-protection-prescribed-library.${path}`, values)
  const keyProtection = () => `/applications/${reference}/key-protection`
  const copied = (term: string) => riku!.main.locator(`[data-copy="${said(`section.${term}`)}"]`).first().innerText()

  /** The program as the page's command calls it. */
  function program(parameters: readonly string[]): Promise<{ code: number | null; text: string }> {
    const child = spawn(process.execPath, [join(folder, 'package', 'main.js'), ...parameters], { cwd: folder, env: { ...cleanEnvironment({}), LC_ALL: 'C', SOFTHSM2_CONF: hsm.conf, KEYGEN_PIN: pin } })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    return new Promise((done) => child.once('close', (code) => done({ code, text })))
  }

  test('ATT-3: the applicant chooses the method, reads what it proves, and gets a challenge', async () => {
    riku = await place.person()
    await register(riku, RIKU)
    reference = await startUpToRequest(riku)
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
    vetting = await place.atWork('vetting-officer')
    await vet(vetting, reference)
    expect(await vetting.text()).toContain(vetting.words('review.item.key-report.title'))
    await place.approve(reference)
    await openCertificate(riku!, reference)
    expect(await riku!.text()).toContain(riku!.words('delivery.accept.text'))
  })
})
