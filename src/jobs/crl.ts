/**
 * Publishes revocation lists: in time, at once when a certificate was revoked, and never backwards (CRL-1…4; CSBR 4.9.7). Each list is made from
 * the one before it, whose signature was verified, by what changed; a million entries are read in pieces and never stand in memory.
 */
import { audit } from '../audit/audit-log.ts'
import { findIssuingAuthority } from '../database/authority-store.ts'
import {
  addressesOfList,
  holdPlace,
  lastNumber,
  latestCrls,
  listsOf,
  openList,
  publishCrl,
  numberOnLog,
  recordCrl,
  revokedAfter,
  revokedPages,
  sealedAbove,
  strayRevoked,
  unsignedCrl,
  findRevoked,
  CrlDamaged,
  type CrlBody,
  type CrlRecord,
} from '../database/crl-store.ts'
import { ChunkStore } from '../database/chunk-store.ts'
import { isUniqueViolation } from '../database/database.ts'
import { publicKeyObject } from '../pki/key-object.ts'
import { crlSeal } from '../revocation/crl.ts'
import type { RevokedPage, RevokedRow } from '../revocation/crl-entries.ts'
import { mergeEntries, type ChunkRef, type Merged } from '../revocation/crl-merge.ts'
import type { StatusChange } from '../revocation/status-watch.ts'
import type { Services } from '../services.ts'
import { type Signer, verifyDigest } from '../signer/signer.ts'
import { changesByList, inOrder, listOf, withDates, type Alert } from './crl-changes.ts'
import { CA_ACTOR } from './actor.ts'
import type { SigningAuthority } from './issuing-authority.ts'
import { draftList, listName } from './list-draft.ts'
import { CrlRefused, pagesOf, readPublished, type JudgedChunks } from './published-list.ts'

/** A list on record for less than this is another process's, which is about to sign it. */
const SIGNING_MS = 5_000
/** A number that only the audit log knows is passed over when it is no further ahead than this. */
const PASSED_OVER = 1000n
/** Hosts' clocks may differ by so much. */
const AHEAD_MS = 5 * 60_000
/** What goes on being refused is said again after this time. */
const ALARM_AGAIN_MS = 3_600_000

export interface CrlPublisherParts extends Pick<Services, 'policy' | 'database' | 'clock'> {
  readonly signer: Pick<Signer, 'signDigest'>
  /** Where entries are kept beside the database while the process runs; null: nowhere. */
  readonly folder: string | null
  /** For operators: the log. */
  readonly alert: Alert
}

export interface IssuedList {
  readonly authorityId: string
  readonly shard: number
  readonly number: bigint
}

/** What this process knows of a list: the one that it read or published last. */
interface KnownList {
  record: CrlRecord | null
  chunks: readonly ChunkRef[]
  judged: JudgedChunks
  /** All revocations were held against it once; since then those that changed are enough. */
  compared: boolean
}

/** As audit entries name a list. */
const subjectOf = (authorityId: string, shard: number): string => `authority:${listName(authorityId, shard)}`

export class CrlPublisher {
  readonly #parts: CrlPublisherParts
  readonly #store: ChunkStore
  readonly #lists = new Map<string, KnownList>()
  /** By authority: serial numbers whose revocation may have changed. */
  readonly #changed = new Map<string, Set<string>>()
  readonly #opened = new Set<string>()
  readonly #alarmed = new Map<string, number>()
  /** By authority: a number that the audit log has and no sealed list. It is not used again. */
  readonly #passed = new Map<string, bigint>()

  constructor(parts: CrlPublisherParts) {
    this.#parts = parts
    this.#store = new ChunkStore(parts.database, parts.folder)
  }

  /** Told what the database says has changed; `everything` when that can't be told. */
  changed(changes: readonly StatusChange[] | 'everything'): void {
    if (changes === 'everything') for (const list of this.#lists.values()) list.compared = false
    else for (const { authorityId, serial } of changes) if (serial !== '*') this.#note(authorityId, serial)
  }

  /**
   * Publishes each list that is due, of each authority.
   * @throws the first fault met, after the other lists were seen to: lints that refuse, a signature that is not the authority's, a token or database away
   */
  async turn(authorities: readonly SigningAuthority[]): Promise<readonly IssuedList[]> {
    const issued: IssuedList[] = []
    const faults: unknown[] = []
    for (const authority of authorities) {
      const { database, alert } = this.#parts
      await this.#open(authority)
      const serials = [...(this.#changed.get(authority.id) ?? [])]
      const changes = serials.length > 0 ? await changesByList(database, authority.id, serials, this.#parts.clock(), alert) : new Map<number, RevokedPage>()
      for (const shard of changes.keys()) await this.#openShard(authority, shard)
      const shards = await listsOf(database, authority.id)
      const published = new Map((await latestCrls(database, authority.id)).map((record) => [record.shard, record]))
      let settled = true
      for (const shard of shards) {
        try {
          const number = await this.#publish(authority, shard, published.get(shard) ?? null, shards, changes.get(shard) ?? null)
          if (number === null) settled = false
          else if (number !== 'none') issued.push({ authorityId: authority.id, shard, number })
        } catch (error) {
          settled = false
          if (CrlRefused.is(error)) await this.#alarm(authority, shard, error.message)
          else faults.push(error)
        }
      }
      if (settled) for (const serial of serials) this.#changed.get(authority.id)!.delete(serial)
    }
    if (faults.length > 0) throw faults[0]
    return issued
  }

  #note(authorityId: string, serial: string): void {
    const known = this.#changed.get(authorityId)
    if (known) known.add(serial)
    else this.#changed.set(authorityId, new Set([serial]))
  }

  /** The authority's own list, and where the policy wants shards theirs, so that an address in a certificate never leads nowhere. */
  async #open(authority: SigningAuthority): Promise<void> {
    const { database, policy } = this.#parts
    await this.#openShard(authority, 0)
    const { shards } = policy.crl
    if (shards > 1 && (await findIssuingAuthority(database))?.id === authority.id) for (let shard = 1; shard <= shards; shard++) await this.#openShard(authority, shard)
  }

  async #openShard(authority: SigningAuthority, shard: number): Promise<void> {
    const url = authority.crlUrl(shard)
    if (this.#opened.has(url)) return
    await openList(this.#parts.database, { authorityId: authority.id, shard }, url, this.#parts.clock())
    this.#opened.add(url)
  }

  /** @returns the number published; `none` when nothing was due; null when another process was quicker, or is about to publish */
  async #publish(authority: SigningAuthority, shard: number, record: CrlRecord | null, shards: readonly number[], changes: RevokedPage | null): Promise<bigint | 'none' | null> {
    const { policy, clock } = this.#parts
    const list = await this.#known(authority, shard, record)
    const now = clock()
    const byAge = !record || now.getTime() - record.thisUpdate.getTime() >= policy.periods.crlIssueHours * 3_600_000
    const everything = !list.compared || byAge
    if (!everything && !changes) return 'none'
    const merged = await this.#merge(authority, shard, list, shards, changes, everything, now)
    if (!byAge && !merged.changed) {
      list.compared = true
      return 'none'
    }
    return this.#issue(authority, shard, list, merged, shards.length > 1, now)
  }

  /** What is published, read and verified when it is not what this process published itself. @throws CrlRefused */
  async #known(authority: SigningAuthority, shard: number, record: CrlRecord | null): Promise<KnownList> {
    const { database } = this.#parts
    const name = listName(authority.id, shard)
    const known = this.#lists.get(name)
    if (known && known.record?.number === record?.number && known.record?.tbsSha256 === record?.tbsSha256) return known
    const judged = known?.judged ?? new Map()
    const seen = known?.record?.number ?? (await this.#publishedBefore(authority, shard, record, judged))
    if (seen !== null && !record) throw new CrlRefused(`CRL ${seen} was published and is not on record`)
    if (seen !== null && record!.number < seen) throw new CrlRefused(`the published CRL ${record!.number} has a lower number than ${seen}, which was published before`)
    if (known && record!.number === seen) throw new CrlRefused(`the published CRL ${seen} is another one than this process published`)
    const read = record ? await readPublished(database, this.#store, record, keyOf(authority), judged) : { chunks: [], judged }
    // What changed since this process last compared, it was told of; another's newer list makes none of that untrue.
    const list = { record, ...read, compared: known?.compared ?? false }
    this.#lists.set(name, list)
    return list
  }

  /**
   * What was published under the highest number: the list in place, or one on record above it that the authority signed. Neither a row whose seal is not the
   * authority's nor the audit log is a reason to stop: whoever may write one of them would stop every list for ever. A list that they alone know is told of, and
   * its number passed over where that can be.
   */
  async #publishedBefore(authority: SigningAuthority, shard: number, record: CrlRecord | null, judged: JudgedChunks): Promise<bigint | null> {
    const sealed = (await this.#signedAbove(authority, shard, record?.number ?? 0n, judged)) ?? record?.number ?? null
    const onLog = await numberOnLog(this.#parts.database, subjectOf(authority.id, shard))
    if (onLog !== null && onLog > (sealed ?? 0n)) {
      const last = await lastNumber(this.#parts.database, authority.id)
      const passed = onLog > last && onLog - last <= PASSED_OVER
      if (passed && onLog > (this.#passed.get(authority.id) ?? 0n)) this.#passed.set(authority.id, onLog)
      const means = `no sealed list has this number: one was removed, or the entry is false; lists go on${passed ? ' above it' : ''}`
      this.#parts.alert({ level: 'alert', job: 'crl', list: listName(authority.id, shard), refused: `the audit log has CRL ${onLog} as issued`, means })
    }
    return sealed
  }

  /** The highest number above this one under which the authority itself signed this list. */
  async #signedAbove(authority: SigningAuthority, shard: number, number: bigint, judged: JudgedChunks): Promise<bigint | null> {
    const { database, alert } = this.#parts
    for (const above of await sealedAbove(database, { authorityId: authority.id, shard }, number)) {
      try {
        await readPublished(database, this.#store, above, keyOf(authority), judged)
        return above.number
      } catch (error) {
        if (!CrlRefused.is(error) && !CrlDamaged.is(error)) throw error
        alert({ level: 'alert', job: 'crl', list: listName(authority.id, shard), refused: error.message, means: 'this row counts for nothing; who wrote it could write others' })
      }
    }
    return null
  }

  /** The entries of the next list. */
  async #merge(authority: SigningAuthority, shard: number, list: KnownList, shards: readonly number[], changes: RevokedPage | null, everything: boolean, now: Date): Promise<Merged> {
    const { database, alert } = this.#parts
    const store = this.#store
    let merged: Merged = { chunks: list.chunks, changed: false, added: 0, corrected: 0, dropped: [], withoutRow: [] }
    if (everything) {
      const ahead = await revokedAfter(database, { authorityId: authority.id, shard }, new Date(now.getTime() + AHEAD_MS))
      if (ahead.length > 0) alert({ level: 'alert', job: 'crl', list: listName(authority.id, shard), refused: `the revocation of ${ahead.join(', ')} is dated ahead`, means: 'it is listed as revoked when the list was made: correct its date' })
      const odd: RevokedRow[] = []
      const dated = (rows: readonly RevokedRow[]) => withDates(database, authority.id, rows, alert)
      const belongs = async (serial: string): Promise<boolean> => {
        const [revoked] = await findRevoked(database, authority.id, [serial])
        if (revoked && listOf(authority.id, revoked, alert) === shard) return true
        this.#note(authority.id, serial)
        return false
      }
      merged = await mergeEntries(list.chunks, revokedPages(database, { authorityId: authority.id, shard }, now, (row) => void odd.push(row)), { ...store.parts, ...(shards.length > 1 ? { belongs } : {}) }, true)
      if (odd.length > 0) merged = both(merged, await mergeEntries(merged.chunks, pagesOf(inOrder(await dated(odd))), store.parts, false))
      if (merged.withoutRow.length > 0) {
        // Gone by a retention run, or a row of another list's; what has none at all stays on the list.
        const rows = await findRevoked(database, authority.id, merged.withoutRow)
        const gone = rows.filter((row) => row.gone)
        if (gone.length > 0) merged = both(merged, await mergeEntries(merged.chunks, pagesOf(inOrder(await dated(gone))), store.parts, false))
        const without = merged.withoutRow.length - rows.length
        if (without > 0) alert({ level: 'alert', job: 'crl', list: listName(authority.id, shard), refused: `${without} entries have no revocation on record`, means: 'they stay on the list (REV-7): restore the rows' })
      }
      if (shard === 0) for (const serial of await strayRevoked(database, authority.id, shards)) this.#note(authority.id, serial)
    }
    return changes ? both(merged, await mergeEntries(merged.chunks, pagesOf(changes), store.parts, false)) : merged
  }

  async #issue(authority: SigningAuthority, shard: number, list: KnownList, merged: Merged, several: boolean, now: Date): Promise<bigint | null> {
    const { database, policy } = this.#parts
    const key = keyOf(authority)
    const onRecord = await lastNumber(database, authority.id)
    const passed = this.#passed.get(authority.id) ?? 0n
    const last = passed > onRecord ? passed : onRecord
    const addresses = several ? await addressesOfList(database, { authorityId: authority.id, shard }) : null
    const { record, body, digest, through, dropped } = await draftList({ policy, database, store: this.#store }, authority, key, { shard, addresses, last, before: list, merged, now })
    const { number, thisUpdate, nextUpdate, entries, tbsSha256 } = record
    if (!(await this.#record(record, body, list.record, now))) return null
    const hash = policy.keys.authority.issuingHash
    const signature = await this.#parts.signer.signDigest(authority.row.key, hash, digest)
    if (!verifyDigest(key, hash, digest, signature)) throw new Error(`CRL ${number}: the signature is not the authority's; it was thrown away`)
    const seal = crlSeal(hash, signature)
    const done = await database.transaction(async (trx) => {
      if (!(await publishCrl(trx, record, list.record?.number ?? null, seal))) return false
      const details = { number: String(number), entries, thisUpdate: thisUpdate.toISOString(), nextUpdate: nextUpdate.toISOString(), tbsSha256, ...(dropped > 0 ? { dropped } : {}) }
      await audit(trx, { at: this.#parts.clock(), actor: CA_ACTOR, event: 'crl.issued', subject: subjectOf(authority.id, shard), details })
      return true
    })
    if (!done) return null
    this.#store.retain(new Set([...this.#lists.values()].flatMap(({ chunks }) => chunks).concat(through.chunks).map(({ sha256: name }) => name.toString('hex'))))
    Object.assign(list, { record, chunks: through.chunks, judged: through.judged, compared: true } satisfies KnownList)
    return number
  }

  /** Record before signing; false when another process has its list on record, or published one. */
  async #record(record: CrlRecord, body: CrlBody, previous: CrlRecord | null, now: Date): Promise<boolean> {
    const recorded = this.#parts.database.transaction(async (trx) => {
      if (!(await holdPlace(trx, record, previous?.number ?? null))) return false
      const unsigned = await unsignedCrl(trx, record)
      if (unsigned && Math.abs(now.getTime() - unsigned.thisUpdate.getTime()) < SIGNING_MS) return false
      await recordCrl(trx, record, body)
      return true
    })
    return recorded.catch((error: unknown) => {
      // CRL-2: the number is taken, by a list of another shard.
      if (isUniqueViolation(error)) return false
      throw error
    })
  }

  /** Nothing is published; an operator and the audit log are told, once, and the operator again while it lasts. */
  async #alarm(authority: SigningAuthority, shard: number, why: string): Promise<void> {
    const { database, clock, alert } = this.#parts
    const what = `${listName(authority.id, shard)} ${why}`
    const now = clock()
    const before = this.#alarmed.get(what)
    if (before !== undefined && now.getTime() - before < ALARM_AGAIN_MS) return
    this.#alarmed.set(what, now.getTime())
    alert({ level: 'alert', job: 'crl', list: listName(authority.id, shard), refused: why, means: 'no list is published until the database is as it was (CRL-2, CRL-3)' })
    if (before === undefined) await database.transaction((trx) => audit(trx, { at: now, actor: CA_ACTOR, event: 'crl.refused', subject: subjectOf(authority.id, shard), details: { why } }))
  }
}

const keyOf = ({ spki }: SigningAuthority) => publicKeyObject(spki)

const both = (one: Merged, other: Merged): Merged => ({
  chunks: other.chunks,
  changed: one.changed || other.changed,
  added: one.added + other.added,
  corrected: one.corrected + other.corrected,
  dropped: [...one.dropped, ...other.dropped],
  withoutRow: one.withoutRow,
})

/**
 * Publishes what is due of one authority, as a process does that starts now.
 * @returns the number of its own list; null when none was due, or another process was quicker
 * @throws as `turn` does
 */
export async function issueCrl({ policy, database, clock }: Pick<Services, 'policy' | 'database' | 'clock'>, signer: Pick<Signer, 'signDigest'>, authority: SigningAuthority): Promise<bigint | null> {
  const issued = await new CrlPublisher({ policy, database, clock, signer, folder: null, alert: () => undefined }).turn([authority])
  return issued.find(({ shard }) => shard === 0)?.number ?? null
}
