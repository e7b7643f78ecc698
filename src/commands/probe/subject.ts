/** An example with its chain, fetched into a folder of its own for the tools to judge. */
import { createHash, X509Certificate } from 'node:crypto'
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { namedServices } from '../../certificate/addresses.ts'
import { certificatePem, readPem } from '../../pki/pem.ts'
import { readCertificate } from '../../pki/x509-certificate.ts'
import { StartRefused } from '../../start-refused.ts'
import { type StatusClient, StatusUnanswered } from '../../status-client.ts'
import { unread } from '../words.ts'
import { isPresent, run } from './tools.ts'

/** What the checks ask about. In the folder: `leaf.pem`, `issuing.pem`, `root.pem`, `root.p12`. */
export interface Subject {
  readonly folder: string
  /** What it shows now, in both of its parts. */
  readonly revoked: boolean
  readonly expired: boolean
  /** Its files were time-stamped: before that, tools that look at the files have nothing to go by. */
  readonly stamped: boolean
  /** Addresses of the portal. */
  readonly jar: string
  readonly program: string
  /** Addresses that the certificates carry. */
  readonly ocsp: string
  readonly lists: readonly string[]
  readonly client: StatusClient
}

/** An example as the portal lists it. */
export interface Listed {
  readonly state: string
  readonly timeStamped: boolean
  readonly chain: string
  readonly jar: string
  readonly program: string
}

/** The roots that the operator trusts, where a file was named. */
export interface Trusted {
  readonly file: string
  readonly roots: readonly X509Certificate[]
}

/** The chain leads to another root than the operator trusts. */
export class OtherRoot extends Error {
  readonly #otherRoot = true
  static is(error: unknown): error is OtherRoot {
    return typeof error === 'object' && error !== null && #otherRoot in error
  }
}

/** One or more certificates in PEM, or one in DER. @throws StartRefused */
export function readTrusted(file: string, path: string): Trusted {
  let octets: Buffer
  try {
    octets = readFileSync(path)
  } catch (error) {
    throw new StartRefused(`--root: ${file} can't be read: ${unread(error)}`)
  }
  const blocks = readPem(octets.toString('latin1'))?.filter(({ label }) => label === 'CERTIFICATE') ?? []
  try {
    return { file, roots: (blocks.length > 0 ? blocks.map(({ der }) => der) : [octets]).map((der) => new X509Certificate(der)) }
  } catch {
    throw new StartRefused(`--root: ${file} holds no certificate (PEM or DER)`)
  }
}

/** @throws StatusUnanswered; MalformedDer; OtherRoot */
export async function fetchSubject(client: StatusClient, one: Listed, folder: string, trusted: Trusted | null): Promise<Subject> {
  const chain = readPem((await client.get(one.chain)).toString('latin1'))?.map(({ der }) => der) ?? []
  const [leaf, issuing, top] = chain
  if (!leaf || !issuing || !top) throw new StatusUnanswered(`${one.chain} does not give a certificate, its issuer and a root`)
  for (const [name, der] of [['leaf', leaf], ['issuing', issuing], ['root', trusted ? trustedRoot(trusted, issuing, top) : top]] as const) writeFileSync(join(folder, `${name}.pem`), certificatePem(der))
  await keyStore(folder)
  const [own, above] = [leaf, issuing].map((der) => namedServices(readCertificate(der).tbs.extensions))
  const [ocsp, lists] = [own!.ocsp[0], [own!.lists[0], above!.lists[0]]]
  if (!ocsp || !lists[0] || !lists[1]) throw new StatusUnanswered(`${one.chain}: a certificate without addresses`)
  const { jar, program, timeStamped, state } = one
  return { folder, revoked: state.startsWith('revoked'), expired: state.endsWith('expired'), stamped: timeStamped, jar, program, ocsp, lists: [lists[0], lists[1]], client }
}

function trustedRoot({ file, roots }: Trusted, issuing: Buffer, top: Buffer): Buffer {
  const below = new X509Certificate(issuing)
  const root = roots.find((each) => below.checkIssued(each) && below.verify(each.publicKey))
  if (root) return root.raw
  const { subject, fingerprint256 } = new X509Certificate(top)
  throw new OtherRoot(`${file} is not the root of these certificates, which is ${subject.replaceAll('\n', ', ')}, SHA-256 ${fingerprint256.replaceAll(':', '').toLowerCase()}`)
}

/** A key store of the root alone: never of the leaf, which would make it a trust anchor, good even when revoked. Made once, since Java takes its time. */
async function keyStore(folder: string): Promise<void> {
  const store = join(folder, '..', `${createHash('sha256').update(readFileSync(join(folder, 'root.pem'))).digest('hex')}.p12`)
  if (isPresent('keytool') && !existsSync(store)) await run(folder, 'keytool', ['-importcert', '-noprompt', '-alias', 'root', '-file', 'root.pem', '-keystore', store, '-storetype', 'PKCS12', '-storepass', 'changeit'])
  if (existsSync(store)) copyFileSync(store, join(folder, 'root.p12'))
}
