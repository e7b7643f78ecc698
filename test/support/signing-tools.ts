/** The programs that judge certificates from outside (openssl, certtool, osslsigncode, jarsigner), and a life on a whole instance for them to judge. */
import type { OrganisationStatement } from '../../src/application/application.ts'
import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, test } from 'vitest'
import type { DemoBrowser } from '../../src/commands/demo-browser.ts'
import { demoPeople } from '../../src/commands/demo-people-make.ts'
import { accept, apply, approve, awaitCertificate, register, signIn, vet, type Walker } from '../../src/commands/demo-walk.ts'
import type { DemoKey } from '../../src/commands/make-demo-key.ts'
import { readAuthorityInfoAccess, readCrlDistributionPoints } from '../../src/pki/extension-values.ts'
import { OID } from '../../src/pki/oids.ts'
import { certificatePem, encodePem, readPem } from '../../src/pki/pem.ts'
import { readCertificate, type X509Certificate } from '../../src/pki/x509-certificate.ts'
import { startInstance, type Instance } from './instance.ts'

/** OpenSSL's PKCS #11 engine (libp11), or null. */
export function pkcs11Engine(): string | null {
  const places = ['/usr/lib64', ...(existsSync('/usr/lib') ? readdirSync('/usr/lib').map((name) => join('/usr/lib', name)) : [])]
  return places.flatMap((place) => ['engines-3', 'engines-1.1'].map((engines) => join(place, engines, 'pkcs11.so'))).find((path) => existsSync(path)) ?? null
}

export type Tool = 'openssl' | 'curl' | 'certtool' | 'osslsigncode' | 'jarsigner' | 'jar' | 'keytool' | 'x86_64-w64-mingw32-gcc' | 'pkcs11 engine'

/** Whether it is on this machine. */
export function present(tool: Tool): boolean {
  if (tool === 'pkcs11 engine') return pkcs11Engine() !== null
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Tests that need programs. Without one they are skipped with a line that says so; under CI=true they fail, so that none passes by not running. */
export function describeWith(tools: readonly Tool[], title: string, tests: () => void): void {
  const missing = tools.filter((tool) => !present(tool))
  if (missing.length === 0) describe(title, tests)
  else if (process.env['CI'] === 'true')
    describe(title, () => {
      test(`needs ${missing.join(', ')}`, () => {
        throw new Error(`not on this machine: ${missing.join(', ')}`)
      })
    })
  else {
    process.stdout.write(`skipped: no ${missing.join(', ')} (${title})\n`)
    describe.skip(title, tests)
  }
}

export interface Ran {
  readonly code: number
  /** Standard output, then standard error. */
  readonly text: string
}

/** Runs a program in a folder to its end, whatever its exit code. @throws when it can't be started or is ended by a signal */
function run(cwd: string, command: string, words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  // A proxy of the machine's must not stand between a program and the instance; messages are compared in English.
  const { http_proxy: _lower, HTTP_PROXY: _upper, ...own } = process.env
  return new Promise((done, failed) => {
    execFile(command, [...words], { cwd, env: { ...own, LC_ALL: 'C', ...env }, timeout: 60_000, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      const code = error ? error.code : 0
      if (typeof code === 'number') done({ code, text: stdout + stderr })
      else failed(new Error(`${command}: ${error!.message}\n${stdout}${stderr}`))
    })
  })
}

/** The addresses that a certificate carries; null where it has none. */
export function addressesOf({ tbs }: X509Certificate): { readonly ocsp: string | null; readonly caIssuers: string | null; readonly crl: string | null } {
  const value = (oid: string) => tbs.extensions.find((extension) => extension.oid === oid)?.value
  const [access, points] = [value(OID.authorityInfoAccess), value(OID.crlDistributionPoints)]
  const url = (method: string) => (access ? readAuthorityInfoAccess(access) : []).find((description) => description.method === method)?.location.uri ?? null
  return { ocsp: url(OID.accessOcsp), caIssuers: url(OID.accessCaIssuers), crl: (points ? readCrlDistributionPoints(points) : [])[0]?.fullName[0]?.uri ?? null }
}

/** Fetched with its content type; anything but 200 is an error. */
export async function fetchBytes(url: string): Promise<{ readonly bytes: Buffer; readonly type: string | null; readonly headers: Headers }> {
  const answer = await fetch(url)
  if (answer.status !== 200) throw new Error(`${url} was answered ${answer.status}`)
  return { bytes: Buffer.from(await answer.arrayBuffer()), type: answer.headers.get('content-type'), headers: answer.headers }
}

/** One certificate in its subscriber's hands. */
export interface IssuedToSubscriber {
  readonly reference: string
  readonly key: DemoKey
  readonly certificate: X509Certificate
  readonly pem: string
  /** Upper-case hex, as openssl prints it: whole octets, no sign octet. */
  readonly serial: string
  /** The PEM file. */
  readonly file: string
}

export interface Life {
  readonly instance: Instance
  /** Has issuing.pem and root.pem, fetched from the addresses that certificates carry. */
  readonly folder: string
  readonly issuing: X509Certificate
  readonly root: X509Certificate
  /** Runs a program in the folder to its end, whatever its exit code. @throws when it can't be started or is ended by a signal */
  run(command: string, words: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran>
  openssl(...words: string[]): Promise<Ran>
  /** Writes a file into the folder and returns its path. */
  file(name: string, content: Buffer | string): string
  /** Applies, vets, approves, waits, accepts, through the pages. A key of its own unless one is given. */
  issue(name: string, key?: DemoKey): Promise<IssuedToSubscriber>
  /** The subscriber revokes on the pages; `ground` is an id of revocation-grounds.ts. Returns as soon as the portal has said so. */
  revoke(issued: IssuedToSubscriber, ground?: string): Promise<void>
  /**
   * The issuing CA's list that has this serial number, fetched from its address as soon as it is there, DER.
   * @throws when that takes more than ten seconds (REV-4)
   */
  listWith(issued: IssuedToSubscriber): Promise<Buffer>
  /** Both lists as they are served now, in one PEM file. */
  lists(): Promise<string>
  stop(): Promise<void>
}

const COMPANY: OrganisationStatement = {
  legalName: 'Example Signing K.K.',
  country: 'JP',
  state: 'Tokyo',
  locality: 'Chiyoda-ku',
  street: '1-1 Example',
  postalCode: '100-0001',
  registrationNumber: '8000000000001',
  foundedOn: '2001-04-02',
  phone: '+81 3 0000 0000',
}
const SUBSCRIBER = { name: 'Signing Aoki', email: 'aoki@signing.example', password: 'a long enough pass phrase' }

/** Starts an instance with a subscriber and two officers signed in, and issues the first certificate, `leaf.pem`. Takes about 15 seconds. */
export async function startLife(): Promise<Life & { readonly leaf: IssuedToSubscriber }> {
  const instance = await startInstance()
  const folder = mkdtempSync(join(tmpdir(), 'tools-'))
  const file = (name: string, content: Buffer | string) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const openssl = (...words: string[]) => run(folder, 'openssl', words)
  const stop = async () => {
    rmSync(folder, { recursive: true, force: true })
    await instance.stop()
  }
  try {
    const walker: Walker = { base: instance.portalUrl, now: () => new Date(), tell: () => undefined }
    const people = await demoPeople(instance.services)
    const officer = (role: 'vetting-officer' | 'approving-officer') => signIn(walker, people.find(({ roles }) => roles.includes(role))!)
    const signedIn = [register(walker, SUBSCRIBER), officer('vetting-officer'), officer('approving-officer')] as const
    const [{ browser: applicant }, vetting, approving] = await Promise.all(signedIn)
    const issue = (name: string, key?: DemoKey) => issueOne({ walker, applicant, vetting, approving, instance, file }, name, key)
    const leaf = await issue('leaf')
    const [issuing, root] = await fetchAuthorities(leaf.certificate)
    file('issuing.pem', certificatePem(issuing.der))
    file('root.pem', certificatePem(root.der))
    const [listUrl, rootListUrl] = [addressesOf(leaf.certificate).crl!, addressesOf(issuing).crl!]
    return {
      instance, folder, issuing, root, leaf, file, issue, stop, openssl,
      run: (command, words, env) => run(folder, command, words, env),
      async revoke({ reference }, ground = 'superseded') {
        const action = `/applications/${reference}/certificate/revoke`
        await applicant.get(action)
        await applicant.submit(action, { ground, explanation: 'No longer wanted.', step: 'stated' })
        await applicant.submit(action, { step: 'confirmed' })
      },
      async listWith({ serial }) {
        for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(200)) {
          const { bytes } = await fetchBytes(listUrl)
          const { text } = await openssl('crl', '-inform', 'DER', '-in', file('.list.der', bytes), '-noout', '-text')
          if (text.includes(`Serial Number: ${serial}`)) return bytes
        }
        throw new Error(`REV-4: ${serial} did not come onto the list within ten seconds`)
      },
      async lists() {
        const [list, rootList] = await Promise.all([fetchBytes(listUrl), fetchBytes(rootListUrl)])
        return file('lists.pem', encodePem('X509 CRL', list.bytes) + encodePem('X509 CRL', rootList.bytes))
      },
    }
  } catch (error) {
    await stop().catch(() => undefined)
    throw error
  }
}

interface People {
  readonly walker: Walker
  readonly applicant: DemoBrowser
  readonly vetting: DemoBrowser
  readonly approving: DemoBrowser
  readonly instance: Instance
  file(name: string, content: string): string
}

async function issueOne({ walker, applicant, vetting, approving, instance, file }: People, name: string, given?: DemoKey): Promise<IssuedToSubscriber> {
  const key = given ?? (await instance.demoKey(COMPANY.legalName))
  const reference = await apply(walker, applicant, COMPANY, key)
  await vet(walker, vetting, reference)
  await approve(walker, approving, reference)
  await awaitCertificate(walker, applicant, reference)
  const pem = (await accept(walker, applicant, reference)).toString('utf8')
  const certificate = readCertificate(readPem(pem)![0]!.der)
  const serial = certificate.tbs.serialNumber.toString(16).toUpperCase()
  return { reference, key, certificate, pem, serial: serial.padStart(serial.length + (serial.length % 2), '0'), file: file(`${name}.pem`, pem) }
}

async function fetchAuthorities(leaf: X509Certificate): Promise<readonly [X509Certificate, X509Certificate]> {
  const issuing = readCertificate((await fetchBytes(addressesOf(leaf).caIssuers!)).bytes)
  return [issuing, readCertificate((await fetchBytes(addressesOf(issuing).caIssuers!)).bytes)]
}
