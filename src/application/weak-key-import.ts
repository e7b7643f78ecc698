/**
 * Loading lists of weak keys (KEY-3, CSBR 6.1.1.3 (5)): each file is read twice, once to see what it is and once to keep its digests, a stretch a
 * transaction, so that a list of any size needs little memory and holds nobody up. Loading the same file again changes nothing.
 */
import { KNOWN_WEAK_KEYS } from '../certificate/known-weak-keys.ts'
import type { WeakKeyDigest } from '../certificate/weak-key-digests.ts'
import { surveyWeakKeyList, type WeakKeyListSurvey } from '../certificate/weak-key-list.ts'
import type { Work } from './ports.ts'

export interface WeakKeyList {
  readonly number: number
  /** Of the file's octets. */
  readonly sha256: string
  readonly name: string
  readonly form: string
  readonly entries: number
  readonly skipped: number
  readonly startedAt: string
  /** Null until every digest was taken. */
  readonly finishedAt: string | null
  /** Key sizes for which it is on record as complete. */
  readonly completeFor: readonly number[]
}

/** `database/weak-key-store.ts` fulfils it. */
export interface WeakKeyStore {
  lists(): Promise<readonly WeakKeyList[]>
  findList(sha256: string): Promise<WeakKeyList | null>
  beginList(list: { sha256: string; name: string; form: string; entries: number; skipped: number; importedBy: string; startedAt: string }): Promise<WeakKeyList>
  /** A digest that stands on another list stays with that one. */
  addDigests(list: number, digests: readonly WeakKeyDigest[]): Promise<void>
  /** @returns how many digests came with this list and stood on none before */
  finishList(list: number, at: string): Promise<number>
  stateComplete(list: number, bits: number, by: string, at: string): Promise<void>
}

export interface WeakKeyFile {
  readonly name: string
  /** Reads it from the start, each time it is called. */
  open(): AsyncIterable<Uint8Array>
}

export interface WeakKeyImportParts {
  /** One transaction with its audit entries. */
  change<T>(act: (work: Work, store: WeakKeyStore) => Promise<T>): Promise<T>
}

export interface ImportedWeakKeys extends WeakKeyListSurvey {
  readonly list: number
  /** Digests that stood on no list before. */
  readonly added: number
  readonly already: boolean
}

/** The file is not what it was when it was read first. */
export class WeakKeyFileChanged extends Error {
  readonly #weakKeyFileChanged = true
  static is(error: unknown): error is WeakKeyFileChanged {
    return typeof error === 'object' && error !== null && #weakKeyFileChanged in error
  }
}

/**
 * Takes a file's digests. What a broken-off run took stays blocked; the next run ends it.
 * @throws WeakKeyListRefused when the file is no list of weak keys; nothing was taken then
 * @throws WeakKeyFileChanged when it changed while it was read
 */
export async function importWeakKeys({ change }: WeakKeyImportParts, file: WeakKeyFile): Promise<ImportedWeakKeys> {
  const survey = await surveyWeakKeyList(file.open())
  const { sha256, form, entries, skipped } = survey
  const list = await change(async (work, store) => {
    const found = await store.findList(sha256)
    return found ?? store.beginList({ sha256, name: file.name, form, entries, skipped, importedBy: work.actor, startedAt: work.now.toISOString() })
  })
  if (list.finishedAt !== null) return { ...survey, list: list.number, added: 0, already: true }
  const again = await surveyWeakKeyList(file.open(), (digests) => change((_work, store) => store.addDigests(list.number, digests)))
  if (again.sha256 !== sha256) throw new WeakKeyFileChanged()
  const added = await change(async (work, store) => {
    const first = await store.finishList(list.number, work.now.toISOString())
    await work.audit({ event: 'weak-keys.imported', subject: `weak-key-list:${list.number}`, details: { name: file.name, sha256, form, entries, added: first, skipped } })
    return first
  })
  return { ...survey, list: list.number, added, already: false }
}

/**
 * Process identifiers times architectures: each made keys of its own of every size, so fewer digests can't be all of them. No more can be told from
 * the digests alone; the rest is the operator's word, which stands in the audit log.
 */
export const FEWEST_FOR_COMPLETE = 32_768 * 3

export type CompletenessRefusal = { readonly why: 'size-not-permitted' | 'too-few' | 'known-key-missing'; readonly bits: number; readonly values: Readonly<Record<string, string>> }

/**
 * Puts on record that these lists together hold every Debian weak key of these sizes.
 * A list that keeps its kind of digest of all of Debian's generators (badkeys, SHA-256) must hold the weak keys known here; openssl-blacklist has those of the
 * openssl command alone, as Debian published it.
 * @returns what speaks against it; nothing was recorded then
 */
export async function stateComplete(
  { change }: WeakKeyImportParts,
  lists: readonly ImportedWeakKeys[],
  files: readonly WeakKeyFile[],
  sizes: readonly number[],
  permitted: readonly number[],
): Promise<readonly CompletenessRefusal[]> {
  const refusals: CompletenessRefusal[] = []
  const entries = lists.reduce((sum, list) => sum + list.entries, 0)
  const missing = await missingKnownKeys(files)
  for (const bits of sizes) {
    if (!permitted.includes(bits)) refusals.push({ why: 'size-not-permitted', bits, values: { permitted: permitted.join(', ') } })
    if (entries < FEWEST_FOR_COMPLETE * sizes.length) refusals.push({ why: 'too-few', bits, values: { entries: String(entries), needed: String(FEWEST_FOR_COMPLETE * sizes.length) } })
    const absent = missing.find((key) => key.bits === bits)
    if (absent && lists.some(({ form }) => form !== 'openssl-blacklist')) refusals.push({ why: 'known-key-missing', bits, values: { sha256: absent.sha256 } })
  }
  if (refusals.length > 0) return refusals
  await change(async (work, store) => {
    for (const { list } of lists) for (const bits of sizes) await store.stateComplete(list, bits, work.actor, work.now.toISOString())
    await work.audit({ event: 'weak-keys.stated-complete', subject: `weak-key-list:${lists.map(({ list }) => list).join(',')}`, details: { sizes, lists: lists.map(({ sha256 }) => sha256), entries } })
  })
  return []
}

async function missingKnownKeys(files: readonly WeakKeyFile[]) {
  const found = new Set<string>()
  for (const file of files)
    await surveyWeakKeyList(file.open(), (digests) => {
      for (const { sha256 } of KNOWN_WEAK_KEYS) if (digests.some(({ kind, digest }) => kind !== 'sha1-80' && sha256.startsWith(digest))) found.add(sha256)
    })
  return KNOWN_WEAK_KEYS.filter(({ sha256 }) => !found.has(sha256))
}

/** Permitted RSA sizes for which no list is on record as complete and finished: KEY-3 can't look for all Debian weak keys of these. */
export function sizesWithoutCompleteList(lists: readonly WeakKeyList[], permitted: readonly number[]): readonly number[] {
  return permitted.filter((bits) => !lists.some((list) => list.finishedAt !== null && list.completeFor.includes(bits)))
}
