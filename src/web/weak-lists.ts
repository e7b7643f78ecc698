/** What pages say while no complete list of Debian weak keys is loaded for a permitted size (KEY-3). */
import { sizesWithoutCompleteList } from '../application/weak-key-import.ts'
import { weakKeyStore } from '../database/weak-key-store.ts'
import type { Services } from '../services.ts'
import { translate, type Language } from './locales.ts'

/** Null when nothing is missing. `staff` are told whom to tell: those who run the system read the command at start. */
export async function weakListNotice({ database, policy }: Services, language: Language, reader: 'staff' | 'public'): Promise<string | null> {
  const sizes = sizesWithoutCompleteList(await weakKeyStore(database).lists(), policy.keys.subscriber.rsaBits)
  if (sizes.length === 0) return null
  const bits = new Intl.ListFormat(language, { type: 'conjunction' }).format(sizes.map(String))
  return translate(language, reader === 'staff' ? 'keys.lists.missing-staff' : 'keys.lists.missing-public', { bits })
}
