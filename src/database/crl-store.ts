/**
 * Revocation lists in the database. A list is the octets before its entries, chunks of encoded entries that lists share (immutable, named by their
 * SHA-256), the octets behind them, and the seal: algorithm and signature. Nothing here holds a whole list; readers get it in pieces.
 */
import { createHash } from 'node:crypto'
import { readDetails } from '../audit/details.ts'
import { crlHeader } from '../revocation/crl.ts'
import { encodeLines, type RevokedPage, type RevokedRow } from '../revocation/crl-entries.ts'
import { isPostgres, type Database, type Transaction, type Row } from './database.ts'

/** One list of an authority: its own (shard 0), or that of a shard. */
export interface ListId {
  readonly authorityId: string
  readonly shard: number
}

/** What a row says of a list, without its octets. */
export interface CrlRecord extends ListId {
  /** Rises from list to list of one authority, over all its shards (RFC 5280 5.2.3). */
  readonly number: bigint
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  /** How many revoked certificates stand on it. */
  readonly entries: number
  /** SHA-256 of the signed octets, lower-case hex. */
  readonly tbsSha256: string
  /** Length of the whole signed list, DER. */
  readonly octets: number
}

/** The octets of a list; the seal is null while it is on record and not yet signed. */
export interface CrlBody {
  readonly tbsHead: Buffer
  /** SHA-256 of each chunk, in order. */
  readonly chunks: readonly Buffer[]
  readonly tbsTail: Buffer
  /** AlgorithmIdentifier and BIT STRING. */
  readonly seal: Buffer | null
}

export interface Chunk {
  readonly sha256: Buffer
  readonly entries: number
  readonly octets: Buffer
}

/** A stored list whose octets are not what its row says. */
export class CrlDamaged extends Error {
  readonly #crlDamaged = true
  static is(error: unknown): error is CrlDamaged {
    return typeof error === 'object' && error !== null && #crlDamaged in error
  }
}

const RECORD = ['crls.authority_id', 'crls.shard', 'crls.number', 'crls.this_update', 'crls.next_update', 'crls.entries', 'crls.tbs_sha256', 'crls.octets']
/** So many chunks are in memory at once while a list is read. */
const AT_ONCE = 8

const read = (row: Row): CrlRecord => ({
  authorityId: row['authority_id'],
  shard: Number(row['shard']),
  number: BigInt(row['number']),
  thisUpdate: new Date(row['this_update']),
  nextUpdate: new Date(row['next_update']),
  entries: Number(row['entries']),
  tbsSha256: row['tbs_sha256'],
  octets: Number(row['octets']),
})

const key = ({ authorityId, number }: Pick<CrlRecord, 'authorityId' | 'number'>) => ({ authority_id: authorityId, number: Number(number) })

const newest = (db: Database | Transaction) =>
  db('crl_lists')
    .join('crls', function () {
      this.on('crls.authority_id', 'crl_lists.authority_id').andOn('crls.shard', 'crl_lists.shard').andOn('crls.number', 'crl_lists.number')
    })
    .whereNotNull('crls.seal')
    .select(RECORD)

/** The list published last; null before the first. */
export async function latestCrl(db: Database | Transaction, authorityId: string, shard = 0): Promise<CrlRecord | null> {
  const row = await newest(db).where({ 'crl_lists.authority_id': authorityId, 'crl_lists.shard': shard }).first()
  return row ? read(row) : null
}

/** The newest published list of each authority and shard, of one authority or of all, in that order. */
export async function latestCrls(db: Database | Transaction, authorityId?: string): Promise<readonly CrlRecord[]> {
  const query = newest(db).orderBy('crls.authority_id').orderBy('crls.shard')
  const rows: Row[] = await (authorityId === undefined ? query : query.where({ 'crl_lists.authority_id': authorityId }))
  return rows.map(read)
}

/** The lists that an authority has, published or opened for a shard. */
export async function listsOf(db: Database | Transaction, authorityId: string): Promise<readonly number[]> {
  const rows: Row[] = await db('crl_lists').where({ authority_id: authorityId }).orderBy('shard').select('shard')
  return rows.map((row) => Number(row['shard']))
}

/** The addresses under which certificates name a list, the oldest first. */
export async function addressesOfList(db: Database | Transaction, { authorityId, shard }: ListId): Promise<readonly string[]> {
  const rows: Row[] = await db('crl_addresses').where({ authority_id: authorityId, shard }).orderBy('first_used_at').orderBy('url').select('url')
  return rows.map((row) => row['url'])
}

/** Opens a list, and an address of it, once for each. */
export async function openList(db: Database | Transaction, { authorityId, shard }: ListId, url: string, now: Date): Promise<void> {
  await db('crl_lists').insert({ authority_id: authorityId, shard, number: null }).onConflict(['authority_id', 'shard']).ignore()
  await db('crl_addresses').insert({ authority_id: authorityId, shard, url, first_used_at: now.toISOString() }).onConflict(['authority_id', 'shard', 'url']).ignore()
}

/** The highest number of an authority on record, signed or not. */
export async function lastNumber(db: Database | Transaction, authorityId: string): Promise<bigint> {
  const row = await db('crls').where({ authority_id: authorityId }).max('number as number').first()
  return BigInt(row?.number ?? 0)
}

/** The newest record of a list that waits for its signature; null when the newest one is signed. */
export async function unsignedCrl(db: Database | Transaction, { authorityId, shard }: ListId): Promise<CrlRecord | null> {
  const row = await db('crls').where({ authority_id: authorityId, shard }).orderBy('number', 'desc').first()
  return row && row.seal === null ? read(row) : null
}

/** @throws CrlDamaged when it is not on record */
export async function readCrlBody(db: Database | Transaction, crl: Pick<CrlRecord, 'authorityId' | 'number'>): Promise<CrlBody> {
  const row = await db('crls').where(key(crl)).first('tbs_head', 'chunks', 'tbs_tail', 'seal')
  if (!row) throw new CrlDamaged(`CRL ${crl.number} of ${crl.authorityId} is not on record`)
  const digests: Buffer = row.chunks ?? Buffer.alloc(0)
  const chunks = Array.from({ length: digests.length / 32 }, (_, at) => digests.subarray(at * 32, at * 32 + 32))
  return { tbsHead: row.tbs_head, chunks, tbsTail: row.tbs_tail ?? Buffer.alloc(0), seal: row.seal }
}

/**
 * Chunks in the order asked for, a few at a time.
 * @throws CrlDamaged for one that is missing or isn't what its name says
 */
export async function* readChunks(db: Database | Transaction, digests: readonly Buffer[]): AsyncGenerator<Chunk> {
  for (let at = 0; at < digests.length; at += AT_ONCE) {
    const wanted = digests.slice(at, at + AT_ONCE)
    const rows: Row[] = await db('crl_chunks').whereIn('sha256', wanted.map((digest) => digest.toString('hex'))).select('sha256', 'entries', 'octets')
    const found = new Map(rows.map((row) => [row['sha256'], row]))
    for (const sha256 of wanted) {
      const row = found.get(sha256.toString('hex'))
      if (!row) throw new CrlDamaged(`the entries ${sha256.toString('hex')} are missing`)
      const octets: Buffer = row['octets']
      if (!createHash('sha256').update(octets).digest().equals(sha256)) throw new CrlDamaged(`the entries ${sha256.toString('hex')} are others`)
      yield { sha256, entries: Number(row['entries']), octets }
    }
  }
}

/** The signed list, DER, in pieces. @throws CrlDamaged */
export async function* crlOctets(db: Database | Transaction, crl: Pick<CrlRecord, 'authorityId' | 'number' | 'octets'>): AsyncGenerator<Buffer> {
  const { tbsHead, chunks, tbsTail, seal } = await readCrlBody(db, crl)
  if (!seal) throw new CrlDamaged(`CRL ${crl.number} of ${crl.authorityId} is not signed`)
  yield Buffer.concat([crlHeader(crl.octets), tbsHead])
  for await (const { octets } of readChunks(db, chunks)) yield octets
  yield Buffer.concat([tbsTail, seal])
}

/** The whole signed list, DER: for lists that are known to be small, and for tests. */
export async function readCrl(db: Database | Transaction, crl: Pick<CrlRecord, 'authorityId' | 'number' | 'octets'>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of crlOctets(db, crl)) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Keeps chunks that lists to come will name. What no list names harms nobody. */
export async function keepChunks(db: Database | Transaction, chunks: readonly Chunk[]): Promise<void> {
  if (chunks.length === 0) return
  const rows = chunks.map(({ sha256, entries, octets }) => ({ sha256: sha256.toString('hex'), entries, octets }))
  await db('crl_chunks').insert(rows).onConflict('sha256').ignore()
}

/**
 * Keeps the place behind a published list until the transaction ends: of several processes one at a time comes next.
 * @param previous number of that list; null for the first
 * @returns false when another list was published meanwhile
 */
export async function holdPlace(trx: Transaction, { authorityId, shard }: ListId, previous: bigint | null): Promise<boolean> {
  const row = await trx('crl_lists').where({ authority_id: authorityId, shard }).forUpdate().first('number')
  return row !== undefined && (row.number === null ? null : BigInt(row.number)) === previous
}

/** Puts a list on record before its signature. The primary key refuses a number that is taken (CRL-2). */
export async function recordCrl(trx: Transaction, crl: CrlRecord, { tbsHead, chunks, tbsTail }: CrlBody): Promise<void> {
  await trx('crls').insert({
    ...key(crl),
    shard: crl.shard,
    this_update: crl.thisUpdate.toISOString(),
    next_update: crl.nextUpdate.toISOString(),
    entries: crl.entries,
    tbs_head: tbsHead,
    chunks: Buffer.concat(chunks),
    tbs_tail: tbsTail,
    tbs_sha256: crl.tbsSha256,
    octets: crl.octets,
    seal: null,
  })
}

/**
 * Publishes a recorded list in the place of the one that it was made from: one row changes, so a reader gets the old list or the new (CRL-4).
 * @param previous number of that one; null for the first
 * @returns false when another list was published meanwhile, or this one was
 */
export async function publishCrl(trx: Transaction, crl: Pick<CrlRecord, 'authorityId' | 'shard' | 'number'>, previous: bigint | null, seal: Buffer): Promise<boolean> {
  const list = { authority_id: crl.authorityId, shard: crl.shard }
  const taken = await trx('crl_lists').where({ ...list, number: previous === null ? null : Number(previous) }).update({ number: Number(crl.number) })
  return taken === 1 && (await trx('crls').where({ ...key(crl), shard: crl.shard, seal: null }).update({ seal })) === 1
}

const UNDATED = '-'.repeat(24)
/** Rows a page: some milliseconds of work each. */
const PAGE = 4000

/**
 * The revocations that have their place on this list, ascending by serial number, in pages; without those that retention runs took off the lists.
 * A page's octets are good until the next is asked for.
 * @param latest what is dated later comes with this moment: no list may say a revocation after itself, and the certificate is revoked all the same
 * @param odd told of rows that `encodeLines` doesn't take: they come in no page
 */
export async function* revokedPages(db: Database | Transaction, { authorityId, shard }: ListId, latest: Date, odd: (row: RevokedRow) => void): AsyncGenerator<RevokedPage> {
  const postgres = isPostgres(db)
  const order = postgres ? 'serial COLLATE "C"' : 'serial'
  // What has not the length of a date, or would end its line, has none.
  const none = postgres ? `octet_length(revoked_at) <> ${UNDATED.length} OR strpos(revoked_at, chr(10)) > 0` : `length(CAST(revoked_at AS BLOB)) <> ${UNDATED.length} OR instr(revoked_at, char(10)) > 0`
  const dated = `CASE WHEN ${none} THEN '${UNDATED}' WHEN revoked_at${postgres ? ' COLLATE "C"' : ''} > ? THEN ? ELSE revoked_at END`
  const page = `SELECT serial, ${dated} || serial || '/' || reason_code AS line FROM revocations WHERE authority_id = ? AND crl_shard = ? AND ${order} > ? AND retention_run_id IS NULL ORDER BY ${order} LIMIT ${PAGE}`
  // One value for a page: one for each column of each row takes several times as long.
  const all = postgres
    ? `SELECT convert_to(string_agg(line, chr(10) ORDER BY ${order}), 'UTF8') AS lines, max(${order}) AS last, count(*) AS rows FROM (${page}) AS page`
    : `SELECT CAST(group_concat(line, char(10)) AS BLOB) AS lines, max(serial) AS last, count(*) AS rows FROM (${page})`
  const room = Buffer.allocUnsafeSlow(PAGE * 72)
  for (let after = ''; ; ) {
    const answer = await db.raw(all, [latest.toISOString(), latest.toISOString(), authorityId, shard, after])
    const [{ lines, last, rows }]: [{ lines: Buffer | null; last: string; rows: number | string }] = postgres ? answer.rows : answer
    if (lines === null) return
    yield encodeLines(lines, odd, room)
    if (Number(rows) < PAGE) return
    after = last
  }
}

/** A revocation with what its certificate says of the list that it belongs on. */
export interface RevokedCertificate extends RevokedRow {
  /** As the database has it. */
  readonly shard: number
  /** The certificate as it was issued; what was to be signed where there is no more. */
  readonly der: Buffer | null
  readonly tbs: Buffer
}

/** The revocations among these serial numbers; of the certificates' octets, since rows alone are not believed. */
export async function findRevoked(db: Database | Transaction, authorityId: string, serials: readonly string[]): Promise<readonly RevokedCertificate[]> {
  const found: RevokedCertificate[] = []
  for (let at = 0; at < serials.length; at += 200) {
    const rows: Row[] = await db('revocations')
      .join('certificates', 'certificates.id', 'revocations.certificate_id')
      .where('revocations.authority_id', authorityId)
      .whereIn('revocations.serial', serials.slice(at, at + 200))
      .select('revocations.serial', 'revocations.revoked_at', 'revocations.reason_code', 'revocations.retention_run_id', 'certificates.crl_shard', 'certificates.der', 'certificates.tbs')
    for (const row of rows)
      found.push({
        serial: row['serial'],
        revokedAt: row['revoked_at'],
        reason: Number(row['reason_code']),
        gone: row['retention_run_id'] !== null,
        shard: Number(row['crl_shard']),
        der: row['der'],
        tbs: row['tbs'],
      })
  }
  return found
}

/** Some serial numbers whose row says that they are revoked after this moment. */
export async function revokedAfter(db: Database | Transaction, { authorityId, shard }: ListId, moment: Date): Promise<readonly string[]> {
  return db('revocations').where({ authority_id: authorityId, crl_shard: shard }).where('revoked_at', '>', moment.toISOString()).orderBy('serial').limit(10).pluck('serial')
}

/** Serial numbers whose row names a list that the authority hasn't: no page has them. */
export async function strayRevoked(db: Database | Transaction, authorityId: string, shards: readonly number[]): Promise<readonly string[]> {
  const rows: Row[] = await db('revocations').where({ authority_id: authorityId }).whereNotIn('crl_shard', [...shards]).limit(PAGE).select('serial')
  return rows.map((row) => row['serial'])
}

/** Rows of this list that carry a seal and a higher number, the highest first: what the seal is worth, whoever asks has to see. */
export async function sealedAbove(db: Database | Transaction, { authorityId, shard }: ListId, number: bigint): Promise<readonly CrlRecord[]> {
  const rows: Row[] = await db('crls').where({ authority_id: authorityId, shard }).where('number', '>', Number(number)).whereNotNull('seal').orderBy('number', 'desc').select(RECORD)
  return rows.map(read)
}

/** The number of the list that the audit log has as issued last, where every process may append; null where there is none. */
export async function numberOnLog(db: Database | Transaction, subject: string): Promise<bigint | null> {
  const entry: Row | undefined = await db('audit_events').where({ event: 'crl.issued', subject }).orderBy('seq', 'desc').first('details')
  return entry ? numberIn(entry['details']) : null
}

function numberIn(details: string): bigint | null {
  const { number } = readDetails(details)
  return typeof number === 'string' && /^\d{1,48}$/.test(number) ? BigInt(number) : null
}
