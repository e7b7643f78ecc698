/** What may have changed on an authority's lists since the last ones: for each list, its entries as the database would have them now. */
import { findRevoked, type RevokedCertificate } from '../database/crl-store.ts'
import type { Database } from '../database/database.ts'
import { canonicalSerial, encodeRevoked, isDate, type RevokedPage, type RevokedRow } from '../revocation/crl-entries.ts'
import { revocationDate } from '../revocation/revocation-date.ts'
import { serialOfCertificate, shardOfCertificate } from '../revocation/crl-shard.ts'

export type Alert = (line: { readonly level: 'alert' } & Readonly<Record<string, unknown>>) => void

/**
 * The list that a certificate is revoked on: the one that it names itself. Where its row says another, somebody is told; where it names none, the
 * row is all there is.
 */
export function listOf(authorityId: string, revoked: RevokedCertificate, alert: Alert): number {
  const named = shardOfCertificate(authorityId, revoked)
  if (named === revoked.shard) return named
  const means = named === null ? 'it is listed where its row says' : `it is listed on the one that its certificate names (RFC 5280 5.2.5)`
  alert({ level: 'alert', job: 'crl', authority: authorityId, serial: revoked.serial, refused: `its row names list ${revoked.shard}, its certificate ${named ?? 'none'}`, means })
  return named ?? revoked.shard
}

/**
 * The certificate's own serial number where the row of its revocation has another: OCSP says revoked of both, and so does the list. Too many revoked harm nobody
 * who relies on certificates. Asked of each revocation once, when it is new: for the octets of a million at each daily list there is no time (holding rows against rows alone takes
 * longer than publishing), and the daily comparison (revocation/reconcile.ts) finds what is on a list under a number that no certificate has.
 */
function ownSerial(authorityId: string, revoked: RevokedCertificate, alert: Alert): string | null {
  const own = serialOfCertificate(revoked)
  if (own === null || own === canonicalSerial(revoked.serial)) return null
  alert({ level: 'alert', job: 'crl', authority: authorityId, serial: revoked.serial, refused: `its certificate has the serial number ${own}`, means: 'both are listed as revoked: correct the row' })
  return own
}

/** The revocations among these serial numbers, by list, none dated after `latest`. */
export async function changesByList(db: Database, authorityId: string, serials: readonly string[], latest: Date, alert: Alert): Promise<ReadonlyMap<number, RevokedPage>> {
  const lists = new Map<number, RevokedRow[]>()
  const stamp = latest.toISOString()
  for (const row of await findRevoked(db, authorityId, serials)) {
    const revoked = isDate(row.revokedAt) ? row : { ...row, revokedAt: sinceItsBeginning(authorityId, row, alert) }
    const shard = listOf(authorityId, revoked, alert)
    const dated = revoked.revokedAt > stamp ? { ...revoked, revokedAt: stamp } : revoked
    const own = ownSerial(authorityId, revoked, alert)
    lists.set(shard, [...(lists.get(shard) ?? []), dated, ...(own === null ? [] : [{ ...dated, serial: own }])])
  }
  return new Map([...lists].map(([shard, rows]) => [shard, inOrder(rows)]))
}

/**
 * Rows with dates that lists can have (see `revocationDate`), and somebody told of each that had none; the others as they are.
 */
export async function withDates(db: Database, authorityId: string, rows: readonly RevokedRow[], alert: Alert): Promise<readonly RevokedRow[]> {
  const undated = rows.filter(({ revokedAt }) => !isDate(revokedAt)).map(({ serial }) => serial)
  if (undated.length === 0) return rows
  const found = new Map((await findRevoked(db, authorityId, undated)).map((revoked) => [revoked.serial, revoked]))
  return rows.map((row) => (isDate(row.revokedAt) ? row : { ...row, revokedAt: sinceItsBeginning(authorityId, found.get(row.serial) ?? row, alert) }))
}

function sinceItsBeginning(authorityId: string, revoked: RevokedRow & Partial<Pick<RevokedCertificate, 'der' | 'tbs'>>, alert: Alert): string {
  const listed = revocationDate(revoked.revokedAt, { der: null, ...revoked }).toISOString()
  alert({ level: 'alert', job: 'crl', authority: authorityId, serial: revoked.serial, refused: 'the row of its revocation has a date that no calendar has', means: `it is listed as revoked since ${listed}: correct its date` })
  return listed
}

/** @throws RangeError as encodeRevoked does */
export function inOrder(rows: readonly RevokedRow[]): RevokedPage {
  const spelled = rows.map((row) => ({ ...row, serial: canonicalSerial(row.serial) }))
  return encodeRevoked(spelled.sort((one, other) => (one.serial < other.serial ? -1 : 1)))
}
