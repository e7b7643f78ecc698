/** The registers in the database: rows in, entries out. What a row says that its schema does not know is an error, never an entry. */
import { CONFIRMERS, KEEPERS, type RegisterEntry, type RegisterStore } from '../application/register.ts'
import { CONTENT_SCHEMAS, contentDigest, isRegister, type AcceptedService, type ApprovedAuditor, type AuditorContent, type Provenance, type ServiceContent } from '../key-protection/register.ts'
import type { ProtectionFacts } from '../key-protection/protection.ts'
import { isUniqueViolation, type Database, type Transaction } from './database.ts'

interface Row {
  id: string
  register: string
  state: RegisterEntry['state']
  version: number
  content: string
  proposed_by: string
  proposed_at: string
  confirmed_by: string | null
  confirmed_at: string | null
  withdrawn_by: string | null
  withdrawn_at: string | null
  withdrawn_because: string | null
}

const COLUMNS = ['id', 'register', 'state', 'version', 'content', 'proposed_by', 'proposed_at', 'confirmed_by', 'confirmed_at', 'withdrawn_by', 'withdrawn_at', 'withdrawn_because'] as const

function readContent({ id, register, content }: Row): AuditorContent | ServiceContent {
  if (!isRegister(register)) throw new Error(`register entry ${id}: no such register`)
  return CONTENT_SCHEMAS[register].parse(JSON.parse(content))
}

export function registerStore(db: Database | Transaction): RegisterStore {
  const entries = async (rows: readonly Row[]): Promise<RegisterEntry[]> => {
    const people: { id: string; name: string }[] = await db('accounts').whereIn('id', [...new Set(rows.flatMap((row) => [row.proposed_by, row.confirmed_by, row.withdrawn_by]).filter((id) => id !== null))]).select('id', 'name')
    const act = (id: string, at: string) => ({ id, name: people.find((person) => person.id === id)?.name ?? id, at })
    return rows.map((row) => ({
      id: row.id,
      register: row.register as RegisterEntry['register'],
      state: row.state,
      version: Number(row.version),
      content: readContent(row),
      sha256: contentDigest(row.content),
      proposed: act(row.proposed_by, row.proposed_at),
      confirmed: row.confirmed_by && row.confirmed_at ? act(row.confirmed_by, row.confirmed_at) : null,
      withdrawn: row.withdrawn_by && row.withdrawn_at ? { ...act(row.withdrawn_by, row.withdrawn_at), because: row.withdrawn_because ?? '' } : null,
    }))
  }
  return {
    async find(id) {
      const rows: Row[] = await db('register_entries').where({ id }).select(...COLUMNS)
      return (await entries(rows))[0] ?? null
    },
    async list() {
      return entries(await db('register_entries').orderBy([{ column: 'proposed_at', order: 'desc' }, { column: 'id' }]).select(...COLUMNS))
    },
    async file(id) {
      const row = await db('register_entries').where({ id }).first('file_name', 'file_bytes')
      return row ? { name: row.file_name, bytes: row.file_bytes } : null
    },
    async insert({ id, register, identity, content, file, by, at }) {
      // Asked first, since PostgreSQL's transaction does not outlive a violation.
      if (await db('register_entries').where({ register, identity }).whereNot({ state: 'withdrawn' }).first('id')) return false
      try {
        await db('register_entries').insert({ id, register, identity, content, state: 'proposed', version: 1, file_name: file.name, file_bytes: file.bytes, proposed_by: by, proposed_at: at })
      } catch (error) {
        if (isUniqueViolation(error)) return false
        throw error
      }
      return true
    },
    async confirm({ id, version }, by, at) {
      const changed = await db('register_entries').where({ id, version, state: 'proposed' }).whereNot({ proposed_by: by }).update({ state: 'confirmed', version: version + 1, confirmed_by: by, confirmed_at: at })
      return changed === 1
    },
    async withdraw({ id, version }, by, at, because) {
      const changed = await db('register_entries').where({ id, version }).whereNot({ state: 'withdrawn' }).update({ state: 'withdrawn', version: version + 1, withdrawn_by: by, withdrawn_at: at, withdrawn_because: because })
      return changed === 1
    },
  }
}

function readable(row: Row): ReturnType<typeof readContent> | null {
  try {
    return readContent(row)
  } catch {
    return null
  }
}

/** Everything that two people entered, for judging key protection; what only waits to be confirmed is not there. */
export async function registered(db: Database | Transaction): Promise<Pick<ProtectionFacts, 'auditors' | 'signingServices'>> {
  const rows: Row[] = await db('register_entries').whereNotNull('confirmed_by').orderBy('id').select(...COLUMNS)
  const people = [...new Set(rows.flatMap((row) => [row.proposed_by, row.confirmed_by!]))]
  const held: { account_id: string; role: string }[] = people.length === 0 ? [] : await db('account_roles').whereIn('account_id', people).select('account_id', 'role')
  const holds = (id: string, roles: readonly string[]) => held.some((row) => row.account_id === id && roles.includes(row.role))
  const auditors: ApprovedAuditor[] = []
  const signingServices: AcceptedService[] = []
  for (const row of rows) {
    const provenance: Provenance = {
      entryId: row.id,
      register: row.register as Provenance['register'],
      sha256: contentDigest(row.content),
      proposedBy: row.proposed_by,
      confirmedBy: row.confirmed_by!,
      entitled: holds(row.proposed_by, KEEPERS) && holds(row.confirmed_by!, CONFIRMERS),
    }
    const content = readable(row)
    // What nobody can read is relied on by nobody; the register's own page says what is wrong with it.
    if (!content) continue
    if (row.register === 'auditors') {
      const auditor = content as AuditorContent
      auditors.push({ ...auditor, certificate: Buffer.from(auditor.certificate, 'base64'), provenance, withdrawnAt: row.withdrawn_at })
    } else signingServices.push({ ...(content as ServiceContent), provenance, withdrawnAt: row.withdrawn_at })
  }
  return { auditors, signingServices }
}
