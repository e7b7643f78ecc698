/** Keeping the registers: one officer proposes, another one with the approving officer's role confirms, either withdraws at once with a reason. */
import { contentDigest, type AuditorContent, type RegisterName, type ServiceContent } from '../key-protection/register.ts'
import type { Role } from '../people/roles.ts'
import type { Work } from './ports.ts'

/** May propose and withdraw. */
export const KEEPERS = ['vetting-officer', 'approving-officer'] as const satisfies readonly Role[]
/** May confirm what somebody else proposed. */
export const CONFIRMERS = ['approving-officer'] as const satisfies readonly Role[]

interface ActBy {
  readonly id: string
  readonly name: string
  readonly at: string
}

export interface RegisterEntry {
  readonly id: string
  readonly register: RegisterName
  readonly state: 'proposed' | 'confirmed' | 'withdrawn'
  readonly version: number
  readonly content: AuditorContent | ServiceContent
  /** Of the content as it is stored. */
  readonly sha256: string
  readonly proposed: ActBy
  readonly confirmed: ActBy | null
  readonly withdrawn: (ActBy & { readonly because: string }) | null
}

export interface ProposedEntry {
  readonly id: string
  readonly register: RegisterName
  readonly identity: string
  /** JSON. */
  readonly content: string
  readonly file: { readonly name: string; readonly bytes: Buffer }
  readonly by: string
  readonly at: string
}

export interface RegisterStore {
  find(id: string): Promise<RegisterEntry | null>
  /** Newest first. */
  list(): Promise<readonly RegisterEntry[]>
  file(id: string): Promise<{ readonly name: string; readonly bytes: Buffer } | null>
  /** False when one like it is in the register, proposed or confirmed. */
  insert(entry: ProposedEntry): Promise<boolean>
  /** Compare-and-set on the version and on `proposed`; false for its own proposer too. */
  confirm(entry: RegisterEntry, by: string, at: string): Promise<boolean>
  /** Compare-and-set on the version; false when it is withdrawn already. */
  withdraw(entry: RegisterEntry, by: string, at: string, because: string): Promise<boolean>
}

const subjectOf = (id: string): string => `register-entry:${id}`
const nameOf = (content: AuditorContent | ServiceContent): string => content.name

export async function proposeEntry(work: Work, store: RegisterStore, entry: Omit<ProposedEntry, 'by' | 'at'>): Promise<'proposed' | 'known'> {
  if (!(await store.insert({ ...entry, by: work.actor, at: work.now.toISOString() }))) return 'known'
  const { name } = JSON.parse(entry.content) as { name: string }
  await work.audit({ event: 'register.proposed', subject: subjectOf(entry.id), details: { register: entry.register, name, sha256: contentDigest(entry.content) } })
  return 'proposed'
}

/** `own`: the second word must be another person's. `gone`: somebody was quicker, or it is not waiting any more. */
export async function confirmEntry(work: Work, store: RegisterStore, entry: RegisterEntry): Promise<'confirmed' | 'own' | 'gone'> {
  if (entry.proposed.id === work.actor) return 'own'
  if (entry.state !== 'proposed' || !(await store.confirm(entry, work.actor, work.now.toISOString()))) return 'gone'
  const { register, content, sha256, proposed } = entry
  await work.audit({ event: 'register.confirmed', subject: subjectOf(entry.id), details: { register, name: nameOf(content), sha256, proposedBy: proposed.id } })
  return 'confirmed'
}

export async function withdrawEntry(work: Work, store: RegisterStore, entry: RegisterEntry, because: string): Promise<'withdrawn' | 'gone'> {
  if (entry.state === 'withdrawn' || !(await store.withdraw(entry, work.actor, work.now.toISOString(), because))) return 'gone'
  const { register, content, sha256 } = entry
  await work.audit({ event: 'register.withdrawn', subject: subjectOf(entry.id), details: { register, name: nameOf(content), sha256, because, was: entry.state } })
  return 'withdrawn'
}
