/** Method 5 in a real browser: a report with the commonest mistake, put right by the command that the page shows, seen by an officer, issued by `ca`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haveChromium, NO_CHROMIUM, type Person } from '../support/browser.ts'
import { AZURE_LOCATION, azureKid, azureOutputs, printed, type AzureOutputs } from '../support/fake-cloud.ts'
import { openCertificate, register, startUpToRequest, submit, upload, vet } from './steps.ts'
import { openWorkplace, type Workplace } from './workplace.ts'

const available = haveChromium()
const REN = { name: 'Ren Okada', email: 'ren@journey.example', password: 'harbour violet ladder 27' }
const DAY = 86_400_000

describe.skipIf(!available)(available ? 'a report of a cloud subscription' : NO_CHROMIUM, () => {
  let place: Workplace
  let ren: Person
  let vetting: Person
  let reference: string
  let outputs: AzureOutputs
  const today = new Date().toISOString().slice(0, 10)
  const yesterday = new Date(Date.now() - DAY).toISOString().replace(/\.\d+Z$/, '+00:00')

  beforeAll(async () => {
    place = await openWorkplace('methods-cloud')
    ren = await place.person()
  })
  afterAll(async () => {
    await place?.close()
  })

  const area = (path: string, values?: Record<string, string>) => ren.words(`key-protection-cloud-report.${path}`, values)
  const keyProtection = () => `/applications/${reference}/key-protection`

  test('APP-2: the cloud option opens method 5, with the commands of each cloud to copy', async () => {
    await register(ren, REN)
    reference = await startUpToRequest(ren)
    const key = await place.instance.demoKey('CN=Cloud key')
    outputs = azureOutputs(key.spki)
    Object.assign(outputs['key.json'].attributes, { created: yesterday, updated: yesterday })
    outputs['key-log.json'][0]!['TimeGenerated'] = yesterday
    await ren.fill({ request: key.requestPem })
    await ren.press(ren.words('apply.request.check'))
    await ren.fill({ option: 'cloud-key-protection', representation: true, method: '5' })
    await ren.press(ren.words('forms.continue'))
    expect(await ren.text()).toContain(area('section.lead'))
    await ren.main.locator('summary', { hasText: area('section.commands.azure') }).click()
    expect(await ren.main.locator('details[open] code').first().innerText()).toContain('az keyvault key show --id KEY-URL --output json > key.json')
  })

  test('ATT-5: what is not stated is asked for at its field', async () => {
    await ren.press(ren.words('key-protection.details.save'), { status: 422 })
    expect((await ren.errors()).length).toBe(4)
    await ren.fill({ 'd-cloud': 'azure', 'd-region': AZURE_LOCATION, 'd-taken-on': today, 'd-taken-by': 'Ren Okada, platform team' })
    await ren.press(ren.words('key-protection.details.save'))
  })

  test('ATT-5, ATT-9: the line that fails is named, with the command that puts it right', async () => {
    const usual = structuredClone(outputs)
    usual['key.json'].key['keyOps'] = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey']
    await upload(ren, printed(usual))
    const text = await ren.text()
    expect(text).toContain(area('usage.other', { path: 'key.keyOps', value: 'encrypt, decrypt, sign, verify, wrapKey, unwrapKey', file: 'key.json' }))
    expect(text).toContain(`az keyvault key set-attributes --id ${azureKid(false)} --ops sign verify`)
    expect(await ren.page.getByRole('link', { name: ren.words('key-protection.next') }).count()).toBe(0)
  })

  test('ATT-5: after that the report is verified, in Japanese too, and can be handed in', async () => {
    const stale = ren.main.locator('li', { hasText: 'key.json' }).getByRole('button')
    await ren.arrive(() => stale.click())
    await upload(ren, printed({ 'key.json': outputs['key.json'] }))
    expect(await ren.text()).toContain(ren.words('key-protection.verdict-text.verified'))
    expect(await ren.text()).toContain(ren.words('key-protection.person-confirms'))
    ren.language = 'ja'
    await ren.follow('日本語')
    expect(await ren.text()).toContain(area('question.everything-logged'))
    ren.language = 'en'
    await ren.follow('English')
    await ren.visit(keyProtection())
    await ren.follow(ren.words('key-protection.next'))
    await submit(ren)
  })

  test('ATT-5, VET-5: an officer sees the subscription, another approves, and ca issues', async () => {
    vetting = await place.atWork('vetting-officer')
    await vetting.visit(`/review/${reference}`)
    expect(await vetting.text()).toContain(vetting.words('key-protection-cloud-report.caution.unsigned'))
    await vet(vetting, reference)
    await vetting.visit(`/review/${reference}`)
    expect(await vetting.text()).toContain(`${vetting.words('review.item.cloud-report.title')} ${vetting.words('review.check.confirmed')}`)
    await place.approve(reference)
    await openCertificate(ren, reference)
    expect(await ren.text()).toContain(ren.words('delivery.accept.text'))
  })
})
