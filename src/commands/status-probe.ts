/**
 * `npm run status:probe [-- --portal URL] [--root FILE]`: do the tools of others say of each example certificate what it is to show (REP-2)? Asks from
 * outside: addresses alone, no database, no key. The examples' own keys are gone; what they signed in their only minutes, time-stamped, is what jarsigner
 * and osslsigncode judge.
 * Exit code: 0 each says what it must, 1 one doesn't or an example is missing, 2 could not be probed.
 */
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { EXAMPLE_KINDS, showsOrWill } from '../application/example.ts'
import { ConfigRefused, readConfig } from '../config.ts'
import { readAuthorityInfoAccess, readCrlDistributionPoints } from '../pki/extension-values.ts'
import { OID } from '../pki/oids.ts'
import { certificatePem, readPem } from '../pki/pem.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import { type StatusClient, statusClient, StatusUnanswered } from '../status-client.ts'
import { CHECKS, type Subject } from './probe/checks.ts'
import { isPresent, run } from './probe/tools.ts'

const example = z.object({
  kind: z.enum(EXAMPLE_KINDS), state: z.enum(EXAMPLE_KINDS), pending: z.boolean(), authority: z.string(), serial: z.string(), notAfter: z.iso.datetime(), timeStamped: z.boolean(), chain: z.url(), jar: z.url(), program: z.url(),
})
const listing = z.object({ demo: z.boolean(), kinds: z.array(z.string()), examples: z.array(example).max(200) })
type Example = z.infer<typeof example>

async function main(): Promise<number> {
  const { portal, root } = parseArgs({ options: { portal: { type: 'string' }, root: { type: 'string' } }, allowPositionals: true }).values
  if (!isPresent('openssl')) {
    console.error('openssl was not found: install it, since it has to judge')
    return 2
  }
  const client = statusClient((portal ?? readConfig('command').portal.url).replace(/\/+$/, ''))
  const found = listing.safeParse(JSON.parse((await client.get('/repository/examples.json')).toString('utf8')))
  if (!found.success) {
    console.error(`The list of examples can't be read: ${found.error.issues[0]!.path.join('.')}: ${found.error.issues[0]!.message}`)
    return 2
  }
  const { demo, kinds, examples } = found.data
  if (examples.length === 0) {
    console.error('There are no examples: the policy file orders none, or they are not made yet (a minute after the start).')
    return 2
  }
  if (demo) console.log('A DEMO hierarchy: its certificates prove nothing.')
  if (root === undefined) console.log("Under the root that the portal gives: name one you trust with --root FILE to judge by that.")
  for (const tool of ['jarsigner', 'osslsigncode'] as const) if (!isPresent(tool)) console.log(`skipped: no ${tool} on this machine`)
  const folder = mkdtempSync(join(tmpdir(), 'probe-'))
  try {
    let wrong = 0
    const line = (right: boolean, one: Example | null, kind: string, name: string, words: string) => {
      if (!right) wrong++
      console.log(`${right ? 'ok   ' : 'WRONG'} ${kind.padEnd(20)} ${name.padEnd(12)} ${words}${one ? ` (${one.authority} ${one.serial})` : ''}`)
    }
    const current = new Set(examples.map(({ authority }) => authority))
    for (const authority of current)
      for (const kind of kinds.filter((each) => !examples.some((one) => one.authority === authority && one.kind === each))) line(false, null, kind, 'example', `${authority} has none`)
    for (const [index, one] of examples.entries()) {
      const own = join(folder, String(index))
      mkdirSync(own)
      if (one.pending) {
        console.log(`note  ${one.kind.padEnd(20)} shows ${one.state} now, and expires ${one.notAfter}`)
        if (!showsOrWill(one)) line(false, one, one.kind, 'example', `shows ${one.state}, and will not be ${one.kind} again`)
      }
      const subject = await fetchExample(client, one, own, root)
      for (const check of CHECKS) {
        if (!check.needs.every((tool) => isPresent(tool))) continue
        if (check.stamped && !subject.stamped) {
          console.log(`skip  ${one.kind.padEnd(20)} ${check.name.padEnd(12)} its files have no time-stamp`)
          continue
        }
        const [wanted, said] = [check.wanted(subject), await check.ask(subject)]
        line(said === wanted, one, one.kind, check.name, said === wanted ? said : `must say ${wanted}, says: ${said}`)
      }
    }
    return wrong === 0 ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function fetchExample(client: StatusClient, one: Example, folder: string, root: string | undefined): Promise<Subject> {
  const file = (name: string, octets: Buffer | string) => writeFileSync(join(folder, name), octets)
  const [leaf, issuing, top] = readPem((await client.get(one.chain)).toString('latin1')) ?? []
  if (!leaf || !issuing || !top) throw new StatusUnanswered(`${one.chain} does not give a certificate, its issuer and a root`)
  for (const [name, { der }] of [['leaf', leaf], ['issuing', issuing], ['root', top]] as const) file(`${name}.pem`, certificatePem(der))
  if (root !== undefined) copyFileSync(root, join(folder, 'root.pem'))
  if (one.timeStamped) {
    file('example.jar', await client.get(one.jar))
    file('example.exe', await client.get(one.program))
  }
  // A key store of the root alone: never of the leaf, which would make it a trust anchor, good even when revoked. Made once, since Java takes its time.
  const store = join(folder, '..', `${createHash('sha256').update(readFileSync(join(folder, 'root.pem'))).digest('hex')}.p12`)
  if (isPresent('keytool') && !existsSync(store)) await run(folder, 'keytool', ['-importcert', '-noprompt', '-alias', 'root', '-file', 'root.pem', '-keystore', store, '-storetype', 'PKCS12', '-storepass', 'changeit'])
  if (existsSync(store)) copyFileSync(store, join(folder, 'root.p12'))
  const [certificate, above] = [readCertificate(leaf.der), readCertificate(issuing.der)]
  const value = ({ tbs }: typeof certificate, oid: string) => tbs.extensions.find((extension) => extension.oid === oid)?.value
  const list = (of: typeof certificate) => readCrlDistributionPoints(value(of, OID.crlDistributionPoints) ?? Buffer.alloc(0))[0]?.fullName[0]?.uri
  const access = readAuthorityInfoAccess(value(certificate, OID.authorityInfoAccess) ?? Buffer.alloc(0))
  const ocsp = access.find(({ method }) => method === OID.accessOcsp)?.location.uri
  const lists = [list(certificate), list(above)]
  if (!ocsp || !lists[0] || !lists[1]) throw new StatusUnanswered(`${one.chain}: a certificate without addresses`)
  return { folder, revoked: one.state.startsWith('revoked'), expired: one.state.endsWith('expired'), stamped: one.timeStamped, ocsp, lists: [lists[0], lists[1]], client }
}

try {
  process.exitCode = await main()
} catch (error) {
  const told = ConfigRefused.is(error) || StatusUnanswered.is(error)
  console.error(told ? error.message : `It could not be probed: ${(error as Error).message}`)
  process.exitCode = 2
}
