/**
 * `npm run demo:life -- --out DIR`: walks one application's whole life over HTTP, as a browser would, and leaves two certificates,
 * one good, one revoked. openssl judges the status, not a parser of ours.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { namedServices } from '../certificate/addresses.ts'
import { certificatePem, encodePem, readPem } from '../pki/pem.ts'
import { readCertificate, type X509Certificate } from '../pki/x509-certificate.ts'
import { say, StartRefused } from '../process.ts'
import { runDemoCommand } from './demo-command.ts'
import { demoPeople } from './demo-people-make.ts'
import { accept, apply, approve, awaitCertificate, register, revoke, signIn, vet, type Walker } from './demo-walk.ts'
import { makeDemoKey } from './make-demo-key.ts'
import { ocspStatus, revokedSerials, verifyChain } from './openssl-status.ts'

const COMPANY = 'Demo Walk Software K.K.'

const USAGE = `npm run demo:life -- --out DIR

Walks one application's whole life over HTTP, as a browser would, and leaves a good and a revoked certificate in DIR, judged by openssl.`

await runDemoCommand('demo:life', USAGE, ['out'], async (services, given) => {
  if (!given.out) throw new StartRefused('say where the files go:  npm run demo:life -- --out DIR')
  const out = resolve(given.out)
  mkdirSync(out, { recursive: true })
  const base = process.env['PORTAL_URL'] ?? services.config.portal.url
  let step = 0
  const walker: Walker = { base, now: services.clock, tell: (text) => say(text.startsWith(' ') ? text : `${String(++step).padStart(2)}. ${text}`) }
  say(`DEMO: one application's whole life at ${base}\n`)

  const mark = services.random(4).toString('hex')
  const password = services.random(15).toString('base64url')
  const { browser: applicant } = await register(walker, { name: 'Demo Walker', email: `walker-${mark}@demo.example`, password })
  walker.tell(`Registered walker-${mark}@demo.example: address confirmed by mail, second factor enrolled`)
  const people = await demoPeople(services)
  const officer = async (role: 'vetting-officer' | 'approving-officer') => signIn(walker, people.find((person) => person.roles.includes(role))!)
  const [vetting, approving] = [await officer('vetting-officer'), await officer('approving-officer')]
  walker.tell('A vetting and an approving officer signed in, each with password and TOTP code')

  const organisation = { legalName: COMPANY, country: services.policy.subject.countries[0]!, state: 'Tokyo', locality: 'Chiyoda-ku', street: '1-1 Demo', postalCode: '100-0001', registrationNumber: '8000000000001', foundedOn: '2001-04-02', phone: '+81 3 0000 0000' }
  const live = async (name: string) => {
    const key = await makeDemoKey(services, { subject: [{ type: 'commonName', value: COMPANY }], bits: Math.min(...services.policy.keys.subscriber.rsaBits), folder: join(services.config.dataDir, 'demo-keys', `${mark}-${name}`) })
    walker.tell(`Key made in a SoftHSM token of its own (${key.folder})`)
    const reference = await apply(walker, applicant, organisation, key)
    await vet(walker, vetting, reference)
    await approve(walker, approving, reference)
    await awaitCertificate(walker, applicant, reference)
    return { reference, pem: await accept(walker, applicant, reference) }
  }
  const good = await live('good')
  say('\nThe same once more, for a certificate to revoke:')
  const revoked = await live('revoked')
  await revoke(walker, applicant, revoked.reference)

  const leaf = readCertificate(readPem(good.pem.toString('utf8'))![0]!.der)
  const gone = readCertificate(readPem(revoked.pem.toString('utf8'))![0]!.der)
  const { ocsp, caIssuers, crl } = addresses(leaf)
  const issuingDer = await fetchBytes(caIssuers!)
  const above = addresses(readCertificate(issuingDer))
  const rootDer = await fetchBytes(above.caIssuers!)
  const file = (name: string, bytes: Buffer | string) => {
    writeFileSync(join(out, name), bytes)
    return join(out, name)
  }
  const issuing = file('issuing.pem', certificatePem(issuingDer))
  const root = file('root.pem', certificatePem(rootDer))
  const goodFile = file('good.pem', good.pem)
  const revokedFile = file('revoked.pem', revoked.pem)
  const rootCrl = await fetchBytes(above.crl!)
  file('root.crl.der', rootCrl)
  walker.tell('Fetched every address that the certificates carry: CA certificates, lists')

  const serialOf = (certificate: X509Certificate) => certificate.tbs.serialOctets.toString('hex').toUpperCase()
  const serials = { good: serialOf(leaf), revoked: serialOf(gone), unissued: Buffer.concat([Buffer.from([1]), services.random(16)]).toString('hex').toUpperCase() }
  const place = { url: ocsp!, issuing, root }
  for (const [name, expected] of [['good', 'good'], ['revoked', 'revoked'], ['unissued', 'unknown']] as const) {
    const status = await ocspStatus(place, serials[name])
    if (status !== expected) throw new StartRefused(`openssl ocsp says "${status}" of the ${name} certificate; it should be "${expected}"`)
    walker.tell(`openssl ocsp says of the ${name} one: ${status}`)
  }
  const list = await awaitOnList(crl!, Buffer.from(certificatePem(issuingDer)), serials)
  file('crl.der', list)
  walker.tell('openssl crl: the list holds the revoked serial number, and not the good one')
  const lists = file('.lists.pem', encodePem('X509 CRL', list) + encodePem('X509 CRL', rootCrl))
  for (const [leafFile, expected] of [[goodFile, 'ok'], [revokedFile, 'revoked']] as const) {
    const verdict = await verifyChain({ leaf: leafFile, issuing, root, lists })
    if (verdict !== expected) throw new StartRefused(`openssl verify says "${verdict}" of ${leafFile}; it should be "${expected}"`)
  }
  rmSync(lists)
  walker.tell('openssl verify, with both lists: the good one passes, the revoked one is refused')
  file('status.json', `${JSON.stringify({ ocsp, crl, caIssuers, ...serials }, null, 2)}\n`)
  say(`\nDone. Files in ${out}: good.pem revoked.pem issuing.pem root.pem crl.der root.crl.der status.json`)
})

function addresses({ tbs }: X509Certificate) {
  const { ocsp, caIssuers, lists } = namedServices(tbs.extensions)
  return { ocsp: ocsp[0], caIssuers: caIssuers[0], crl: lists[0] }
}

async function fetchBytes(url: string): Promise<Buffer> {
  const answer = await fetch(url)
  if (!answer.ok) throw new StartRefused(`${url} was answered ${answer.status}`)
  return Buffer.from(await answer.arrayBuffer())
}

/** REV-4: a new list within seconds. */
async function awaitOnList(url: string, issuerPem: Buffer, serials: { readonly good: string; readonly revoked: string }): Promise<Buffer> {
  const same = (serial: string) => serial.replace(/^0+/, '')
  for (let attempt = 0; attempt < 60; attempt++) {
    const list = await fetchBytes(url)
    const on = (await revokedSerials(list, issuerPem)).map(same)
    if (on.includes(same(serials.good))) throw new StartRefused('the good certificate stands on the list')
    if (on.includes(same(serials.revoked))) return list
    await sleep(500)
  }
  throw new StartRefused('the revoked certificate did not come onto the list within 30 s')
}
