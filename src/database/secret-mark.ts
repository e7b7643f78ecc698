/** Machines that share a database share the portal's secret too: second factors and kept files are sealed with it, sessions signed. */
import type { Secrets } from '../secrets.ts'
import type { Database } from './database.ts'

const NAME = 'portal.key'

/** False when rows of this database were sealed with another secret than this machine's. The first portal that asks leaves its mark. */
export async function isSecretOfDatabase(database: Database, secrets: Pick<Secrets, 'mark'>, now: Date): Promise<boolean> {
  const mark = secrets.mark('secret-mark', NAME).toString('hex')
  await database('secret_marks').insert({ name: NAME, mark, noted_at: now.toISOString() }).onConflict('name').ignore()
  return (await database('secret_marks').where({ name: NAME }).first('mark')).mark === mark
}
