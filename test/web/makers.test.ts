import { describe, expect, test } from 'vitest'
import { anchors as luna } from '../../attestations/thales-luna/index.ts'
import { changeAnchors } from '../../src/commands/anchor-changes.ts'
import { LANGUAGES } from '../../src/web/locales.ts'
import { withAttestation, shippedPolicy } from '../support/attestation-policy.ts'
import { createPerson, signIn, startPortal, words, type Portal } from '../support/portal.ts'
import { textOf } from '../support/page-checks.ts'

const CHRYSALIS = luna.rows.find(({ off }) => !off)!
const NOW = new Date('2026-11-22T09:00:00Z')
const at = (moment: Date | string) => ({ clock: () => new Date(moment) })

async function withdraw({ services }: Portal): Promise<void> {
  const lines: string[] = []
  const answers = ['Aoki Hanako', 'Beppu Taro']
  const terminal = { say: (line: string) => void lines.push(line), ask: async () => answers.shift() ?? /^Code +([0-9a-f]{8})$/m.exec(lines.join('\n'))![1]! }
  await changeAnchors(services, ['propose-withdraw', 'thales-luna', CHRYSALIS.spkiSha256, '--reason', 'The maker <announced> a new root'], terminal)
  await changeAnchors(services, ['confirm', /Proposal +([0-9a-f-]{36})/.exec(lines.join('\n'))![1]!], terminal)
}

/** The part of a page under one heading of the second level. */
const section = (html: string, id: string): string => textOf(new RegExp(`<h2 id="${id}">[\\s\\S]*?</section>`).exec(html)![0])
const rowOf = (html: string, model: string): string => textOf([...html.matchAll(/<tr role="row">[\s\S]*?<\/tr>/g)].map(([row]) => row).find((row) => row.includes(`<td role="cell">${model}<`))!)

describe('the makers\' keys', () => {
  test('REP-1: stand open to everybody, each with fingerprint, days, and how it was confirmed; one that is off with the address to confirm it at', async () => {
    const page = await (await startPortal(at(NOW))).client().get('/anchors')
    expect(page.title).toBe(words('anchors.title'))
    const text = section(page.html, 'thales-luna')
    for (const row of luna.rows) expect(text).toContain(row.spkiSha256)
    expect(text).toContain('CN=Chrysalis-ITS Root,O=Chrysalis-ITS Inc.,L=Ottawa,ST=Ontario,C=CA')
    expect(text).toContain(words('anchors.validity.from-to', { from: '2002-01-01', until: '2032-01-01' }))
    expect(text).toContain(words('anchors.confirmed.one'))
    expect(text).toContain(words('anchors.standing.off'))
    expect(page.html).toContain('href="https://supportportal.thalesgroup.com/"')
    expect(page.html).toContain(`data-copy="${words('anchors.fact.key')}">${CHRYSALIS.spkiSha256}`)
    expect(section(page.html, 'entrust-nshield')).toContain(words('anchors.validity.unbounded'))
    expect(section(page.html, 'yubikey-piv')).toContain(words('anchors.refused', { count: '14' }))
  })

  test('REP-1 ATT-2: a key that was withdrawn says so at once, with the day and the reason', async () => {
    const portal = await startPortal(at(NOW))
    await withdraw(portal)
    const page = await portal.client().get('/anchors')
    const text = section(page.html, 'thales-luna')
    expect(text).toContain(words('anchors.standing.withdrawn'))
    expect(text).toContain('2026-11-22: The maker <announced> a new root')
    expect(page.html).not.toContain('<announced>')
    expect(rowOf((await portal.client().get('/devices')).html, 'Luna K7 (Luna Network HSM 7, Luna PCIe HSM 7)')).toContain(words('devices.refused'))
  })

  test('ATT-2: administrators and auditors are told of keys that end, when they do', async () => {
    const told = async (moment: string, role: 'administrator' | 'auditor', path: string) => {
      const portal = await startPortal(at(moment))
      const client = portal.client()
      await signIn(portal, client, await createPerson(portal.services, { roles: [role] }))
      return (await client.get(path)).text.includes(words('anchors.ending.title'))
    }
    for (const [role, path] of [['administrator', '/people'], ['auditor', '/audit']] as const) {
      expect(await told('2026-11-22T09:00:00Z', role, path)).toBe(false)
      expect(await told('2029-12-01T09:00:00Z', role, path)).toBe(true)
    }
  })
})

describe('what works with us', () => {
  test('ATT-8 REP-1: shows each device with its firmware, keys, answer and days', async () => {
    const { html, title } = await (await startPortal(at(NOW))).client().get('/devices')
    expect(title).toBe(words('devices.title'))
    const row = rowOf(html, 'YubiKey 5 FIPS')
    for (const text of [words('devices.firmware', { firmware: '5.7.4' }), 'RSA 3072, RSA 4096', words('devices.accepted'), 'FIPS 140-3 certificate 5291', '2026-05-22', '2031-05-21']) expect(row).toContain(text)
    expect(rowOf(html, 'Primus HSM X-Series and E-Series')).toContain(words('devices.why.module-state'))
    expect(html).toContain('href="/check-key"')
  })

  test('ATT-8: the dated switch decides on historical certificates: accepted until its day, refused after', async () => {
    const policy = withAttestation(shippedPolicy, { historicalCertificates: [{ scheme: 'FIPS 140-2', acceptedUntil: '2027-03-31T23:59:59Z', why: 'test' }] })
    const row = async (moment: string, chosen = policy) => {
      const { html, text } = await (await startPortal({ ...at(moment), policy: chosen })).client().get('/devices')
      return [rowOf(html, 'Marvell NITROX III CNN35xx-NFBE (LiquidSecurity), firmware 3.4'), text] as const
    }
    const [before, beforeText] = await row('2027-03-31T12:00:00Z')
    expect(before).toContain(words('devices.accepted'))
    expect(before).toContain('2027-03-31')
    expect(beforeText).toContain(words('devices.rules.historical-until', { scheme: 'FIPS 140-2', until: '2027-03-31' }))
    const [after, afterText] = await row('2027-04-01T00:00:00Z')
    expect(after).toContain(words('devices.refused'))
    expect(after).toContain('on the historical list since 2026-09-22')
    expect(after).toMatch(/2027-04-01\s+–/)
    expect(afterText).toContain(words('devices.rules.historical-over', { scheme: 'FIPS 140-2', until: '2027-03-31' }))
    expect((await row('2026-11-22T09:00:00Z', withAttestation(shippedPolicy, { historicalCertificates: [] })))[1]).toContain(words('devices.rules.historical-never'))
  })

  test('ATT-5, ATT-8: shows whether the modules of clouds are accepted, while method 5 is open', async () => {
    const { html } = await (await startPortal(at(NOW))).client().get('/devices')
    const clouds = section(html, 'clouds')
    expect(clouds).toMatch(new RegExp(`AWS Key[^]*${words('devices.refused')}[^]*Azure[^]*${words('devices.accepted')}`))
    const keyProtection = { ...shippedPolicy.keyProtection, methods: [1, 2] as [1, 2] }
    expect((await (await startPortal({ ...at(NOW), policy: { ...shippedPolicy, keyProtection } })).client().get('/devices')).html).not.toContain('id="clouds"')
  })

  test.each(LANGUAGES)('REP-1: both are linked from the home page and the repository (%s)', async (language) => {
    const client = (await startPortal(at(NOW))).client({ language })
    expect((await client.get('/')).html).toContain('href="/devices"')
    const repository = await client.get('/repository')
    for (const path of ['/anchors', '/devices']) {
      expect(repository.html).toContain(`href="${path}"`)
      expect((await client.get(path)).status).toBe(200)
    }
  })
})
