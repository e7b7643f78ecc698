/** Whether a list still says what is to be said: its entries and the revocations of now, each brought to one digest. */
import { createHash } from 'node:crypto'
import type { CrlEntry } from './crl.ts'
import type { ListedCertificate } from './crl-reader.ts'
import { publishedReason } from './reason.ts'
import { EXTENSION } from './signed-object.ts'

type Line = readonly [serial: bigint, second: number, reason: string]

/** A number, however it is spelled: a spelling that never fits would make a new list at each look. */
const number = (serial: string): bigint => BigInt(`0x${serial}`)

const second = (date: Date): number => Math.floor(date.getTime() / 1000)

const digest = (lines: readonly Line[]): string => createHash('sha256').update(lines.map((line) => line.join(' ')).sort().join('\n')).digest('hex')

/** Of a list's entries: serial number, date to the second, reason; whatever their order. */
export const digestOfEntries = (entries: readonly ListedCertificate[]): string =>
  digest(
    entries.map(({ serial, revocationDate, extensions }) => [
      number(serial),
      second(revocationDate.at),
      extensions?.find(({ oid }) => oid === EXTENSION.reasonCode)?.value.toString('hex') ?? '',
    ]),
  )

/**
 * Of what would be listed: equal to the digest of the list that is made of it.
 * @throws RangeError for a reason that is never published (REV-5)
 */
export const digestOfRevoked = (revoked: readonly (Pick<CrlEntry, 'revokedAt' | 'reason'> & { readonly serial: string })[]): string =>
  digest(revoked.map(({ serial, revokedAt, reason }) => [number(serial), second(revokedAt), publishedReason(reason)?.toString('hex') ?? '']))
