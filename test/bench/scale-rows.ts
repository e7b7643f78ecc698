/** Certificates by the million, written straight into an SQLite database, under an authority whose key is software. */
import { createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { issuerUrls } from '../../src/certificate/addresses.ts'
import { assembleCertificate, buildTbs, type CertificateKind, signatureAlgorithmOf } from '../../src/certificate/profile.ts'
import type { Database } from '../../src/database/database.ts'
import { readPublicKey } from '../../src/pki/public-key.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import type { NameAttribute } from '../../src/pki/name.ts'
import type { Services } from '../../src/services.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import type { Authority } from '../revocation/openssl-authority.ts'

const ID = 'issuing-software'
const DAY = 86_400_000
/** One in so many is revoked. */
const REVOKED = 10

export interface SoftwareAuthority {
  readonly id: string
  readonly subjectDer: Buffer
  readonly certificateDer: Buffer
  certify(kind: CertificateKind, subject: readonly NameAttribute[], spki: Buffer, serial: Buffer, notBefore: Date, notAfter: Date): Buffer
}

/** Puts an authority with an openssl key on record, and a responder with a key of the token under it. */
export async function insertSoftwareAuthority({ database, policy, config }: Services, made: Authority, token: Pkcs11Signer): Promise<SoftwareAuthority> {
  const { der, notBefore, notAfter } = made.certificate('issuing')
  const { subject: subjectDer, spki } = readCertificate(der).tbs
  const key: KeyObject = createPrivateKey(made.key('issuing').export({ type: 'pkcs8', format: 'pem' }))
  const issuer = { nameDer: subjectDer, keyIdentifier: readPublicKey(spki).keyIdentifier, notAfter }
  const urls = issuerUrls(ID, { statusUrl: config.status.url, portalUrl: config.portal.url })
  const certify: SoftwareAuthority['certify'] = (kind, subject, of, serial, from, until) => {
    const tbs = buildTbs(kind, { policy, serial, issuer, subject, spki: of, notBefore: from, notAfter: until, urls })
    const { hash, der: algorithm } = signatureAlgorithmOf(kind, policy)
    return assembleCertificate(tbs, algorithm, sign(hash, tbs, key))
  }
  const { id: ceremony_id } = await database('ceremonies').first('id')
  const stamp = (date: Date) => date.toISOString()
  const sha256 = (octets: Buffer) => createHash('sha256').update(octets).digest('hex')
  await database('authorities').insert({ id: ID, kind: 'issuing', parent_id: null, ceremony_id, demo: 1, token_label: 'software', key_label: ID, key_id: '01', spki_sha256: sha256(spki), subject_der: subjectDer, certificate_der: der, not_before: stamp(notBefore), not_after: stamp(notAfter), created_at: stamp(new Date()) })
  const { spki: own, reference } = await token.generateRsaKeyPair({ label: `software-responder-${Date.now()}`, id: Date.now().toString(16).padStart(16, '0'), bits: policy.keys.responder.rsaBits })
  await database('responder_keys').insert({ id: 'software', authority_id: ID, token_label: reference.tokenLabel, key_label: reference.label, key_id: reference.id, spki_der: own, spki_sha256: reference.spkiSha256, enrolled_at: stamp(new Date()), enrolment_signature: Buffer.alloc(1) })
  const began = new Date(Math.floor(Date.now() / 1000) * 1000 - DAY)
  const serial = Buffer.from(`01${'77'.repeat(16)}`, 'hex')
  const responder = certify('responder', [{ type: 'commonName', value: 'Responder' }], own, serial, began, new Date(began.getTime() + 100 * DAY))
  await database('responder_certificates').insert({ id: 'software', responder_key_id: 'software', authority_id: ID, serial: serial.toString('hex'), tbs: Buffer.alloc(1), der: responder, not_before: stamp(began), not_after: stamp(new Date(began.getTime() + 100 * DAY)), recorded_at: stamp(began) })
  return { id: ID, subjectDer, certificateDer: der, certify }
}

/** The serial number of certificate n: as spread as a random one, and another for each n. */
const FACTORS = [2654435761, 2246822519, 3266489917, 668265263] as const
export const serialOf = (n: number): string => `01${FACTORS.map((factor) => ((BigInt(n) * BigInt(factor)) % 4294967296n).toString(16).padStart(8, '0')).join('')}`

/** Rows of one statement. */
const AT_ONCE = 500_000

/**
 * Writes certificates 1 to `count`. Only those of `asked` carry their own serial number under a signature; the rest have the octets of one, as long as theirs.
 * What would write a page again and again, triggers and indexes by serial number, is put aside meanwhile and made again: the tables end as migrations make them.
 * The other indexes take their rows in order, each at its end; made afterwards, each would have every certificate's octets read once more.
 */
export async function fill(database: Database, authority: SoftwareAuthority, count: number, asked: readonly number[], spki: Buffer): Promise<void> {
  const notBefore = new Date(Math.floor(Date.now() / 1000) * 1000 - 30 * DAY)
  const notAfter = new Date(notBefore.getTime() + 400 * DAY)
  const subject: readonly NameAttribute[] = [
    { type: 'countryName', value: 'JP' },
    { type: 'stateOrProvinceName', value: 'Tokyo' },
    { type: 'organizationName', value: 'Example Kabushiki Kaisha' },
    { type: 'commonName', value: 'Example Kabushiki Kaisha' },
  ]
  const made = (n: number) => authority.certify('subscriber', subject, spki, Buffer.from(serialOf(n), 'hex'), notBefore, notAfter)
  const template = made(0)
  for (const pragma of ['foreign_keys=OFF', 'synchronous=OFF', 'journal_mode=OFF', 'cache_size=-524288', 'temp_store=MEMORY', 'ignore_check_constraints=ON']) await database.raw(`PRAGMA ${pragma}`)
  const there: { name: string; type: string; sql: string }[] = await database('sqlite_master').whereIn('tbl_name', ['certificates', 'revocations']).whereIn('type', ['index', 'trigger']).whereNotNull('sql').select('name', 'type', 'sql')
  const aside = there.filter(({ type, sql }) => type === 'trigger' || sql.includes('serial'))
  for (const { name, type } of aside) await database.raw(`DROP ${type} ${name}`)
  const signing = signed(asked.filter((n) => n % REVOKED !== 0), made)
  const account = (await database('accounts').first('id'))?.id ?? 'nobody'
  await writeRows(database, count, { authority: authority.id, der: template, notBefore: notBefore.toISOString(), notAfter: notAfter.toISOString(), account })
  const id = (n: number) => `certificate-${String(n).padStart(20, '0')}`
  for (const [n, der] of await signing) await database('certificates').where({ id: id(n) }).update({ der })
  for (const type of ['index', 'trigger']) for (const each of aside) if (each.type === type) await database.raw(each.sql)
  await database.raw('PRAGMA journal_mode=WAL')
}

/** While the database writes, in its own thread. */
async function signed(numbers: readonly number[], made: (n: number) => Buffer): Promise<readonly (readonly [number, Buffer])[]> {
  const ready: [number, Buffer][] = []
  for (const n of numbers) {
    ready.push([n, made(n)])
    await new Promise((soon) => setImmediate(soon))
  }
  return ready
}

interface Common {
  readonly authority: string
  readonly der: Buffer
  readonly notBefore: string
  readonly notAfter: string
  readonly account: string
}

async function writeRows(database: Database, count: number, { authority, der, notBefore, notAfter, account }: Common): Promise<void> {
  const serial = `'01' || printf('%08x%08x%08x%08x', ${FACTORS.map((factor) => `(n * ${factor}) % 4294967296`).join(', ')})`
  for (let first = 1; first <= count; first += AT_ONCE) {
    const numbers = `WITH RECURSIVE numbers(n) AS (SELECT ${first} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${Math.min(first + AT_ONCE - 1, count)}), named(n, number, sha256) AS (SELECT n, printf('%020d', n), printf('%064x', n) FROM numbers)`
    await database.raw(
      `${numbers} INSERT INTO certificates (id, authority_id, application_id, approval_id, serial, state, spki_sha256, tbs, der, certificate_sha256, not_before, not_after, recorded_at, issued_at)
      SELECT 'certificate-' || number, ?, 'application-' || number, 'approval-' || number, ${serial}, 'issued', sha256, x'30', ?, sha256, ?, ?, ?, ? FROM named`,
      [authority, der, notBefore, notAfter, notBefore, notBefore],
    )
    await database.raw(
      `${numbers} INSERT INTO revocations (certificate_id, authority_id, serial, reason_code, ground, explanation, revoked_at, recorded_at, requested_by)
      SELECT 'certificate-' || number, ?, ${serial}, 1, 'key-compromise', '', ?, ?, ? FROM named WHERE n % ${REVOKED} = 0`,
      [authority, notBefore, notBefore, account],
    )
  }
}
