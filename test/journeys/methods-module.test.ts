/** Method 1 in a real browser: a module ordered, prepared by two persons at the command, shipped, received, its letter sent another way; its key certified. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeName } from '../../src/pki/name.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { assembleRequest, requestInfo } from '../../src/pki/request-writer.ts'
import { openSigner } from '../../src/signer/pkcs11.ts'
import { useSoftHsm } from '../../src/signer/softhsm.ts'
import { haveChromium, NO_CHROMIUM, type Person } from '../support/browser.ts'
import { oneLine, run, start as startProgram } from '../support/program.ts'
import { softHsmModule } from '../support/softhsm.ts'
import { openCertificate, register, startUpToRequest, submit, vet } from './steps.ts'
import { openWorkplace, type Workplace } from './workplace.ts'

const available = haveChromium()
const SORA = { name: 'Sora Ito', email: 'sora@journey.example', password: 'marble kettle sunrise 58' }
const LABEL = 'module-1'

describe.skipIf(!available)(available ? 'a module that the CA ships' : NO_CHROMIUM, () => {
  let place: Workplace
  let [sora, vetting, approving]: Person[] = []
  let env: Record<string, string>
  let letter: string
  let reference: string
  let module: string

  beforeAll(async () => {
    place = await openWorkplace('methods-module')
    env = Object.fromEntries(['DATA_DIR', 'PORTAL_PORT', 'STATUS_PORT', 'PORTAL_URL', 'STATUS_URL'].map((name) => [name, place.instance.env[name]!]))
    letter = join(place.instance.dataDir, 'letter.txt')
  })
  afterAll(async () => {
    await place?.close()
  })

  const said = (path: string, values?: Record<string, string>) => sora!.words(`key-protection-shipped-module.${path}`, values)
  const keyProtection = () => `/applications/${reference}/key-protection`
  const prepare = (parameters: readonly string[], typed = '') => run('commands/token-prepare', env, parameters, typed)

  test('ATT-1: the subscriber orders a module on the page of key protection', async () => {
    sora = await place.person()
    await register(sora, SORA)
    reference = await startUpToRequest(sora)
    await sora.visit(keyProtection())
    await sora.fill({ option: 'own-module', representation: true, method: '1' })
    await sora.press(sora.words('forms.continue'))
    expect(await sora.text()).toContain(said('section.none'))
    await sora.fill({ recipient: '' })
    await sora.press(said('section.order-button'), { status: 422 })
    expect(await sora.errors()).toHaveLength(1)
    await sora.fill({ recipient: SORA.name })
    await sora.press(said('section.order-button'))
    expect(await sora.text()).toContain(said('notice.ordered'))
    expect(await sora.text()).toContain('1-1 Chiyoda')
  })

  test('ATT-1: one person alone, or a code not confirmed, prepares nothing', async () => {
    const words = ['--label', LABEL, '--letter', letter]
    expect(oneLine(await prepare(words, 'Aoki Hanako\n aoki  hanako\n'))).toMatch(/Two different persons/)
    expect(oneLine(await prepare(words, 'Aoki Hanako\nBeppu Taro\nno\n'))).toMatch(/Aoki Hanako did not confirm: nothing was done/)
    expect((await prepare(['--label', LABEL])).code).toBe(2)
    expect(existsSync(letter)).toBe(false)
    expect(await place.instance.services.database('shipped_modules')).toEqual([])
  })

  test('ATT-1, ATT-10: two persons prepare a module; its PIN is on the letter and nowhere else', async () => {
    const program = startProgram('commands/token-prepare', env, ['--label', LABEL, '--letter', letter, '--keys', '2'])
    program.type('Aoki Hanako')
    program.type('Beppu Taro')
    await program.said(/Code of this plan {2}([0-9a-f]{8})/)
    const code = /Code of this plan {2}([0-9a-f]{8})/.exec(program.output())![1]!
    program.type(code)
    program.type(code)
    const ended = await program.ended
    expect([ended.code, ended.err]).toEqual([0, ''])
    expect(statSync(letter).mode & 0o777).toBe(0o600)
    const [, pin] = /^PIN: (\w+)$/m.exec(readFileSync(letter, 'utf8'))!
    expect(pin).toHaveLength(27)
    expect(ended.out).not.toContain(pin)
    const [row] = await place.instance.services.database('shipped_modules')
    expect(row).toMatchObject({ state: 'prepared', prepared_by: 'Aoki Hanako', witnessed_by: 'Beppu Taro', activation_bits: 132 })
    module = row.id
    expect(await place.instance.services.database('shipped_keys').where({ module_id: module })).toHaveLength(2)
    for (const table of ['shipped_modules', 'shipped_keys', 'audit_events']) expect(JSON.stringify(await place.instance.services.database(table))).not.toContain(pin)
    // The same token again is no new module; a letter is written once.
    const again = await prepare(['--label', LABEL, '--letter', letter], 'Aoki Hanako\nBeppu Taro\n')
    expect(again.code).toBe(1)
  })

  test('ATT-1: an officer ships it for the order; the subscriber says that it arrived', async () => {
    vetting = await place.atWork('vetting-officer')
    await vetting.visit('/modules')
    await vetting.visit(`/modules/${module}`)
    await vetting.press(vetting.words('modules.ship.button'), { status: 422 })
    const order = await vetting.main.locator('[name="order"]').first().getAttribute('value')
    await vetting.fill({ order: order!, carrier: 'Yamato', tracking: '1234-5678' })
    await vetting.press(vetting.words('modules.ship.button'))
    expect(await vetting.text()).toContain(vetting.words('modules.letter.waits'))
    await sora!.visit(keyProtection())
    await sora!.press(said('section.received-button'))
    expect(await sora!.text()).toContain(said('notice.received'))
    expect(await sora!.text()).toContain(said('section.letter-waits'))
  })

  test('ATT-10: whoever shipped it does not send the letter; another officer does', async () => {
    await vetting!.visit(`/modules/${module}`)
    expect(await vetting!.text()).toContain(vetting!.words('modules.letter.not-you'))
    approving = await place.atWork('approving-officer')
    await approving.visit(`/modules/${module}`)
    await approving.fill({ route: 'Registered mail 77' })
    await approving.press(approving.words('modules.letter.button'))
    expect(await approving.text()).toContain(approving.words('modules.notice.letter-sent'))
  })

  test('ATT-1: the request of a key in the module is verified at once; in Japanese too', async () => {
    const [, pin] = /^PIN: (\w+)$/m.exec(readFileSync(letter, 'utf8'))!
    const [key] = await place.instance.services.database('shipped_keys').where({ module_id: module, label: 'code-signing-2' })
    useSoftHsm(join(place.instance.dataDir, 'shipped-modules', LABEL))
    const signer = await openSigner({ module: softHsmModule(), tokenLabel: LABEL, pin: pin! })
    const info = requestInfo(encodeName([{ type: 'commonName', value: 'code-signing-2' }]), key.spki_der)
    const request = encodePem('CERTIFICATE REQUEST', assembleRequest(info, await signer.sign({ tokenLabel: LABEL, label: key.label, id: key.key_id, spkiSha256: key.spki_sha256 }, 'sha256', info)))
    await signer.close()
    await sora!.visit(`/applications/${reference}/request`)
    await sora!.fill({ request })
    await sora!.press(sora!.words('apply.request.check'))
    const text = await sora!.text()
    expect(text).toContain(sora!.words('key-protection.verdict-text.verified'))
    expect(text).toContain(`id=${(key.key_id as string).replace(/../g, '%$&')}`)
    sora!.language = 'ja'
    await sora!.follow('日本語')
    expect(await sora!.text()).toContain(said('question.activation-apart'))
    sora!.language = 'en'
    await sora!.follow('English')
    await sora!.visit(keyProtection())
    await sora!.follow(sora!.words('key-protection.next'))
    await submit(sora!)
  })

  test('ATT-1: officers see the inventory’s word on it, and ca issues', async () => {
    await vet(vetting!, reference)
    await vetting!.visit(`/modules/${module}`)
    expect(await vetting!.text()).toContain(reference)
    await place.approve(reference)
    await openCertificate(sora!, reference)
    expect(await sora!.text()).toContain(sora!.words('delivery.accept.text'))
  })
})
