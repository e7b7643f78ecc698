/** Methods 4, 6 and 7 in a real browser: registers kept by two officers, a witnessed generation, a Signing Service, an IT audit used again; issued by `ca`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodePem } from '../../src/pki/pem.ts'
import { haveChromium, NO_CHROMIUM, type Person } from '../support/browser.ts'
import { writePdf } from '../support/pdf-writer.ts'
import { opensslSigns, signatory, type Signatory } from '../support/witness.ts'
import { openCertificate, register, startUpToRequest, submit, upload, vet } from './steps.ts'
import { openWorkplace, type Workplace } from './workplace.ts'

const available = haveChromium()
const EMI = { name: 'Emi Tanaka', email: 'emi@journey.example', password: 'harbour violet ladder 27' }
/** A whole application, with issuing at its end. */
const LONG = 240_000
const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10)
const file = (name: string, buffer: Buffer | string) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(buffer) })

describe.skipIf(!available)(available ? 'documents that show how a key is kept' : NO_CHROMIUM, () => {
  let place: Workplace
  let emi: Person
  let vetting: Person
  let approving: Person
  let auditor: Signatory

  beforeAll(async () => {
    auditor = signatory('Midori Ueda', { notBefore: new Date(Date.now() - 86_400_000), notAfter: new Date(Date.now() + 300 * 86_400_000) })
    place = await openWorkplace('methods-documents')
    ;[emi, vetting, approving] = [await place.person(), await place.atWork('vetting-officer'), await place.atWork('approving-officer', { language: 'ja' })]
  })
  afterAll(async () => {
    await place?.close()
  })

  /** A draft up to the step of key protection. */
  async function upToKeyProtection(): Promise<string> {
    const reference = await startUpToRequest(emi)
    await emi.fill({ request: (await place.instance.demoKey('CN=Documents')).requestPem })
    await emi.press(emi.words('apply.request.check'))
    return reference
  }

  /** The same, with this method chosen. */
  async function draft(method: string, option = 'own-module'): Promise<string> {
    const reference = await upToKeyProtection()
    await emi.fill({ option, representation: true, method })
    await emi.press(emi.words('forms.continue'))
    return reference
  }
  async function issue(reference: string): Promise<void> {
    await vet(vetting, reference)
    await place.approve(reference)
    await openCertificate(emi, reference)
    expect(await emi.text()).toContain(emi.words('delivery.accept.text'))
  }

  test('ATT-6, ATT-7: one officer proposes an auditor and a Signing Service, another one confirms', async () => {
    await vetting.follow(vetting.words('frame.menu.registers'))
    await vetting.follow(vetting.words('registers.propose.auditors'))
    await vetting.press(vetting.words('registers.propose.submit'), { status: 422 })
    expect((await vetting.errors()).length).toBe(8)
    await vetting.fill({ name: 'Midori Ueda', employer: 'Ueda Audit LLC, Osaka', qualification: 'cisa', qualificationNumber: '1234567', validFrom: day(-1), validUntil: day(200) })
    await vetting.main.locator('[name="certificate"]').setInputFiles(file('auditor.pem', encodePem('CERTIFICATE', auditor.certificate)))
    await vetting.main.locator('[name="evidence"]').setInputFiles(file('cisa.pdf', writePdf(['CISA'])))
    await vetting.press(vetting.words('registers.propose.submit'))
    expect(await vetting.text()).toContain(vetting.words('registers.other-confirms'))
    const auditors = vetting.path

    await vetting.visit('/registers')
    await vetting.follow(vetting.words('registers.propose.signing-services'))
    await vetting.fill({
      name: 'Example Signing',
      operator: 'Example Signing K.K.',
      address: '1-1 Kanda, Tokyo',
      technique: 'module',
      authentication: 'multi-factor',
      auditScheme: 'webtrust-code-signing',
      auditor: 'Example Audit LLC',
      reportDate: day(-60),
      periodFrom: day(-460),
      periodTo: day(-100),
      moduleModel: 'YubiHSM 2 FIPS 2.4.1',
      moduleScheme: 'FIPS 140-3',
      moduleCertificate: '5302',
      moduleLevel: '2',
      agreementVersions: '2026-01\n2026-07',
    })
    await vetting.main.locator('[name="evidence"]').setInputFiles(file('webtrust.pdf', writePdf(['Report'])))
    await vetting.press(vetting.words('registers.propose.submit'), { status: 422 })
    expect((await vetting.errors()).length).toBe(1)
    await vetting.fill({ moduleLevel: '3' })
    await vetting.main.locator('[name="evidence"]').setInputFiles(file('webtrust.pdf', writePdf(['Report'])))
    await vetting.press(vetting.words('registers.propose.submit'))
    const services = vetting.path

    for (const path of [auditors, services]) {
      await approving.visit(path)
      await approving.press(approving.words('registers.confirm.submit'))
      expect(await approving.text()).toContain(approving.words('registers.state.confirmed'))
    }
    await approving.visit('/registers')
  }, LONG)

  test('ATT-6: a witnessed generation: challenge, template, signed report; ca issues', async () => {
    await register(emi, EMI)
    const reference = await draft('6')
    expect(await emi.text()).toContain('Ueda Audit LLC, Osaka')
    await emi.press(emi.words('key-protection-witnessed-generation.get-challenge'))
    const template = (await emi.download(emi.words('key-protection-witnessed-generation.download'))).bytes.toString()
    const filled = Object.entries({
      'Module-Model': 'YubiHSM 2 FIPS',
      'Module-Serial': '12345678',
      'Module-Firmware': '2.4.1',
      'Module-Certificate': 'FIPS 140-3 #5302, level 3',
      Place: 'Tokyo',
      Date: day(0),
      Participants: 'Midori Ueda; Emi Tanaka',
      'Generated-Inside': 'yes',
      Exportable: 'yes',
      Auditor: 'Midori Ueda',
    }).reduce((text, [name, value]) => text.replace(new RegExp(`^${name}:$`, 'm'), `${name}: ${value}`), template)
    const signed = (text: string) => [{ name: 'witness-report.txt', bytes: text }, { name: 'witness-report.txt.p7s', bytes: opensslSigns(Buffer.from(text), auditor, '-binary') }]
    await upload(emi, signed(filled))
    expect(await emi.text()).toContain(emi.words('key-protection-witnessed-generation.exportable.not-witnessed', { value: 'yes' }))
    for (let files = 2; files > 0; files--) await emi.arrive(() => emi.main.locator('li', { hasText: 'witness-report.txt' }).getByRole('button').first().click())
    await upload(emi, signed(filled.replace('Exportable: yes', 'Exportable: no')))
    expect(await emi.text()).toContain(emi.words('key-protection.verdict-text.verified'))
    await emi.follow(emi.words('key-protection.next'))
    await submit(emi)
    await issue(reference)
  }, LONG)

  test('ATT-7: an agreement with an accepted Signing Service; an officer reads it; ca issues', async () => {
    const reference = await draft('7', 'signing-service')
    await emi.press(emi.words('key-protection.details.save'), { status: 422 })
    const service = await emi.main.locator('[name="d-service"]').first().getAttribute('value')
    await emi.fill({ 'd-service': service!, 'd-agreement-version': '2026-07', 'd-agreement-number': 'K-2026-1', 'd-agreement-date': day(-10), 'd-statement': 'all-keys' })
    await emi.press(emi.words('key-protection.details.save'))
    await upload(emi, [{ name: 'agreement.pdf', bytes: writePdf(['Agreement']) }])
    expect(await emi.text()).toContain(emi.words('key-protection.verdict-text.verified'))
    await emi.follow(emi.words('key-protection.next'))
    await submit(emi)
    await issue(reference)
  }, LONG)

  test('ATT-4, VET-5: an IT audit is judged, confirmed, and used again in the next application with its date', async () => {
    const reference = await draft('4')
    await emi.fill({
      'd-auditor': 'Midori Ueda',
      'd-organisation': 'Ueda Audit LLC',
      'd-relation': 'external',
      'd-scope': 'Generation and keeping of code-signing keys in certified modules',
      'd-covers': 'yes',
      'd-from': day(-300),
      'd-to': day(-60),
      'd-report-date': day(-400),
      'd-modules': 'Acme HSM 9; 1; FIPS 140-3 #9999',
    })
    await emi.press(emi.words('key-protection.details.save'))
    await upload(emi, [{ name: 'it-audit.pdf', bytes: writePdf(['Report']) }])
    expect(await emi.text()).toContain(emi.words('key-protection-it-audit.dates.out-of-order', { from: day(-300), to: day(-60), report: day(-400) }))
    await emi.fill({ 'd-report-date': day(-30) })
    await emi.press(emi.words('key-protection.details.save'))
    expect(await emi.text()).toContain(emi.words('key-protection.verdict-text.verified'))
    await emi.follow(emi.words('key-protection.next'))
    await submit(emi)
    await issue(reference)

    const second = await draft('4')
    expect(await emi.text()).toContain(emi.words('key-protection-document.reuse.it-audit', { date: day(-30), reference }))
    await emi.arrive(() => emi.main.getByRole('button', { name: emi.words('key-protection-document.reuse.submit') }).first().click())
    expect(await emi.text()).toContain(emi.words('key-protection-document.reuse.done'))
    emi.language = 'ja'
    await emi.follow('日本語')
    expect(await emi.text()).toContain(emi.words('key-protection-it-audit.question.recent'))
    await emi.visit(`/applications/${second}/key-protection`)
    emi.language = 'en'
    await emi.follow('English')
  }, LONG)

  test('ATT-6: an officer withdraws the auditor with a reason: nobody is offered any more', async () => {
    await approving.visit('/registers')
    await approving.follow('Midori Ueda')
    await approving.fill({ reason: '資格の更新が確認できないため。' })
    await approving.press(approving.words('registers.withdraw.submit'))
    expect(await approving.text()).toContain('資格の更新が確認できないため。')
    await upToKeyProtection()
    expect(await emi.main.locator('[name="method"][value="6"]').isDisabled()).toBe(true)
    expect(await emi.text()).toContain(emi.words('key-protection.standing.closed'))
  }, LONG)
})
