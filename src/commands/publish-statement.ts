/**
 * What `npm run repository` does: lists ceremonies that made keys, and publishes what a witness or a Qualified Auditor signed about one of them
 * (CSBR 6.1.1.1), with two persons confirming. Whether the signer is who they should be, those two decide: they read name and fingerprint.
 */
import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import { readFileSync, statSync } from 'node:fs'
import { MalformedStatement } from '../attestation/verifier.ts'
import { twoPersons } from '../ceremony/refused.ts'
import { insertStatement, listCeremonies, listStatements, type CeremonyStatement, type StatementFiles } from '../database/ceremony-store.ts'
import { signatureCheck, signerText } from '../key-protection/document-signature.ts'
import { readSignedDocument } from '../key-protection/signed-document.ts'
import { decodeName, displayName } from '../pki/name.ts'
import { SIGNED_DATA_LIMITS } from '../pki/signed-data.ts'
import type { X509Certificate } from '../pki/x509-certificate.ts'
import { readCeremony } from '../repository/key-generation.ts'
import type { Services } from '../services.ts'
import { StartRefused } from '../start-refused.ts'
import { translate } from '../web/locales.ts'
import type { Terminal } from './ask.ts'
import { askPersons, confirmPlan } from './two-persons.ts'

export const ACTOR = 'process:repository'

export const USAGE = `npm run repository -- ceremonies
npm run repository -- publish-statement CEREMONY FILE [SIGNATURE] --as witness|auditor

FILE is a PDF or a plain text with its signature inside or around it (CMS), or with a detached one in SIGNATURE.
What is published stays: everybody can read it at /repository/key-generation.
Exit code: 0 published, or listed; 1 refused or broken off, nothing was published; 2 the command does not know the words.`

const PARTS = ['witness', 'auditor'] as const satisfies readonly CeremonyStatement['part'][]

/** What is asked of the command: the list, or that a statement be published. */
export type RepositoryOrder = { readonly ceremonies: true } | { readonly ceremonyId: string; readonly paths: readonly string[]; readonly part: CeremonyStatement['part'] }

/** The command's words understood; or what is wrong with them, in one line. */
export function readOrder({ positionals, values }: { readonly positionals: readonly string[]; readonly values: { readonly as?: string } }): RepositoryOrder | { readonly wrong: string } {
  const [command, ...rest] = positionals
  if (command === 'ceremonies') {
    if (rest.length > 0 || values.as !== undefined) return { wrong: `Unexpected argument '${rest[0] ?? '--as'}': ceremonies takes none` }
    return { ceremonies: true }
  }
  if (command === undefined) return { wrong: 'Say what to do: ceremonies or publish-statement' }
  if (command !== 'publish-statement') return { wrong: `Unknown command '${command}': there are ceremonies and publish-statement` }
  const [ceremonyId, ...paths] = rest
  const part = PARTS.find((each) => each === values.as)
  if (!part) return { wrong: values.as === undefined ? 'Say whose statement it is: --as witness or --as auditor' : `--as is witness or auditor, not '${values.as}'` }
  if (ceremonyId === undefined || paths.length === 0) return { wrong: `publish-statement wants ${ceremonyId === undefined ? 'a ceremony and a file' : 'a file'}` }
  if (paths.length > 2) return { wrong: `Unexpected argument '${paths[2]}': a document and its signature at most` }
  return { ceremonyId, paths, part }
}

/** Does what is asked. @throws StartRefused with what the operator must know, when nothing was published */
export async function publishStatements(services: Services, order: RepositoryOrder, terminal: Terminal): Promise<void> {
  return 'ceremonies' in order ? listThem(services, terminal) : publish(services, terminal, order.ceremonyId, order.paths, order.part)
}

async function listThem({ database, policy }: Services, { say }: Terminal): Promise<void> {
  const statements = await listStatements(database)
  for (const row of await listCeremonies(database)) {
    const ceremony = readCeremony(row, policy.publication.ceremonyNames)
    if (!ceremony) continue
    say(`${row.id}  ${row.heldAt.toISOString()}  ${row.kind}${row.demo ? ' (demo)' : ''}: ${ceremony.keys.map(({ label }) => label).join(', ')}`)
    for (const { part, signer, sha256 } of statements.filter(({ ceremonyId }) => ceremonyId === row.id)) say(`  ${part}: ${signer}, SHA-256 ${sha256}`)
  }
}

async function publish(services: Services, terminal: Terminal, ceremonyId: string, paths: readonly string[], part: CeremonyStatement['part']): Promise<void> {
  const row = (await listCeremonies(services.database)).find(({ id }) => id === ceremonyId)
  const ceremony = row && readCeremony(row, services.policy.publication.ceremonyNames)
  if (!ceremony) throw new StartRefused(`No ceremony ${ceremonyId} made keys: npm run repository -- ceremonies`)
  const read = readStatement(paths)
  const lines = [
    `Ceremony          ${ceremony.id}, ${ceremony.heldAt.toISOString()}, ${ceremony.kind}`,
    `Published as      statement of the ${part}`,
    `Document          ${read.fileName}, SHA-256 ${read.sha256}`,
    ...read.signers.flatMap(({ certificate: { tbs, der }, signedAt }) => [
      `Signed by         ${displayName(decodeName(tbs.subject))}`,
      `Certificate       SHA-256 ${sha256Of({ der })}`,
      `                  issued by ${displayName(decodeName(tbs.issuer))}, valid ${tbs.notBefore.date.toISOString()} to ${tbs.notAfter.date.toISOString()}`,
      `Signed at         ${signedAt?.toISOString() ?? 'not stated'}`,
    ]),
  ]
  const persons = await askPersons(terminal)
  twoPersons(persons)
  await confirmPlan(terminal, lines, persons, 'published')
  const published = await services.work(ACTOR, async (work, trx) => {
    const { signers, ...statement } = read
    const certificates = signers.map(({ certificate }) => certificate)
    const signed = { signer: certificates.map(signerText).join('; ').slice(0, 255), signerCertificates: Buffer.concat(certificates.map(({ der }) => der)) }
    if (!(await insertStatement(trx, { ...statement, ...signed, ceremonyId, part, publishedAt: work.now }, persons))) return false
    await work.audit({ event: 'ceremony.statement-published', subject: `ceremony:${ceremonyId}`, details: { part, sha256: read.sha256, signerCertificates: certificates.map(sha256Of), persons } })
    return true
  })
  if (!published) throw new StartRefused('This document is published already')
  terminal.say(`Published: ${services.config.portal.url}/repository/key-generation`)
}

const sha256Of = ({ der }: Pick<X509Certificate, 'der'>): string => createHash('sha256').update(der).digest('hex')

interface ReadStatement extends StatementFiles, Pick<CeremonyStatement, 'sha256' | 'fileName' | 'mediaType' | 'signatureName' | 'signedAt'> {
  /** All who signed, in the document's order. */
  readonly signers: readonly { readonly certificate: X509Certificate; readonly signedAt: Date | null }[]
}

function readStatement(paths: readonly string[]): ReadStatement {
  const files = paths.map((path) => ({ name: basename(path), bytes: octetsOf(path) }))
  if (files.length > 1 && files[0]!.name === files[1]!.name) throw new StartRefused('The document and its signature need names of their own')
  try {
    const document = readSignedDocument(files)
    // Published is the file that was handed in: where the signature stands around the text, with it.
    const main = files.find(({ name }) => name === document.file)!
    const beside = files.find((file) => file !== main) ?? null
    if (document.signatures.length === 0) throw new StartRefused(`${main.name} carries no signature: sign it, or give the signature's file too`)
    for (const signature of document.signatures) {
      const { certificate } = signature
      if (!certificate) throw new StartRefused(`A signature of ${main.name} came without its signer's certificate`)
      const check = signatureCheck(signature, certificate, 'CSBR 6.1.1.1')
      if (check.outcome !== 'pass') throw new StartRefused(`A signature of ${main.name} does not hold: ${translate('en', check.observed.key, check.observed.values)}`)
      const { notBefore, notAfter } = certificate.tbs
      if (signature.signedAt && (signature.signedAt < notBefore.date || signature.signedAt > notAfter.date)) throw new StartRefused(`${main.name} was signed at ${signature.signedAt.toISOString()}, outside of its signer's certificate`)
    }
    const stated = document.signatures.map(({ signedAt }) => signedAt?.getTime() ?? null)
    return {
      sha256: createHash('sha256').update(main.bytes).digest('hex'),
      fileName: publishedName(main.name),
      mediaType: document.signatures.some(({ form }) => form === 'attached') ? 'application/pkcs7-mime' : document.kind === 'pdf' ? 'application/pdf' : 'text/plain; charset=utf-8',
      octets: main.bytes,
      signatureName: beside ? publishedName(beside.name) : null,
      signatureOctets: beside?.bytes ?? null,
      // The last of them; of one who doesn't say when, nobody knows whether they were the last.
      signedAt: stated.includes(null) ? null : new Date(Math.max(...stated.map(Number))),
      signers: document.signatures.map((signature) => ({ certificate: signature.certificate!, signedAt: signature.signedAt })),
    }
  } catch (error) {
    if (MalformedStatement.is(error)) throw new StartRefused(`${error.file ?? 'A file'} can't be read: ${translate('en', error.reason.key, error.reason.values)}`)
    throw error
  }
}

/** A name that any system takes, its ending kept. */
const publishedName = (name: string): string => name.normalize('NFKC').replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(-100)

function octetsOf(path: string): Buffer {
  let size: number
  try {
    size = statSync(path).size
  } catch {
    throw new StartRefused(`There is no file ${path}`)
  }
  if (size > SIGNED_DATA_LIMITS.bytes) throw new StartRefused(`${path} is longer than ${SIGNED_DATA_LIMITS.bytes} octets`)
  return readFileSync(path)
}
