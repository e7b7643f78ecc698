/** Lists of weak keys and their digests in the database (KEY-3). */
import type { WeakKeyList, WeakKeyStore } from '../application/weak-key-import.ts'
import type { Database, Transaction, Row } from './database.ts'

/** Rows of an INSERT: three values each, and SQLite takes 32,766. */
const AT_ONCE = 2000

export function weakKeyStore(db: Database | Transaction): WeakKeyStore {
  async function read(where: Row = {}): Promise<readonly WeakKeyList[]> {
    const complete: Row[] = await db('weak_key_complete').select('list_number', 'bits').orderBy('bits')
    return (await db('weak_key_lists').where(where).orderBy('number')).map((row: Row) => ({
      number: Number(row['number']),
      sha256: row['sha256'],
      name: row['name'],
      form: row['form'],
      entries: Number(row['entries']),
      skipped: Number(row['skipped']),
      startedAt: row['started_at'],
      finishedAt: row['finished_at'],
      completeFor: complete.filter((each) => Number(each['list_number']) === Number(row['number'])).map((each) => Number(each['bits'])),
    }))
  }
  const findList = async (sha256: string) => (await read({ sha256 }))[0] ?? null
  return {
    lists: () => read(),
    findList,
    async beginList({ sha256, name, form, entries, skipped, importedBy, startedAt }) {
      const last = await db('weak_key_lists').max({ number: 'number' }).first()
      const row = { number: Number(last?.['number'] ?? 0) + 1, sha256, name: name.slice(0, 200), form, entries, skipped, imported_by: importedBy, started_at: startedAt }
      await db('weak_key_lists').insert(row)
      return (await findList(sha256))!
    },
    async addDigests(list, digests) {
      // Written out: knex makes a compound SELECT of many rows on SQLite, which takes 500.
      for (let at = 0; at < digests.length; at += AT_ONCE) {
        const rows = digests.slice(at, at + AT_ONCE)
        const values = rows.flatMap(({ kind, digest }) => [kind, digest, list])
        await db.raw(`INSERT INTO weak_keys (kind, digest, list_number) VALUES ${rows.map(() => '(?, ?, ?)').join(', ')} ON CONFLICT (kind, digest) DO NOTHING`, values)
      }
    },
    async finishList(list, at) {
      await db('weak_key_lists').where({ number: list }).update({ finished_at: at })
      return Number((await db('weak_keys').where({ list_number: list }).count({ total: '*' }).first())?.['total'] ?? 0)
    },
    async stateComplete(list, bits, by, at) {
      await db('weak_key_complete').insert({ bits, list_number: list, stated_by: by, stated_at: at }).onConflict(['bits', 'list_number']).ignore()
    },
  }
}
