/** The composition root: every process gets its parts here, and only those it needs. */
import { randomBytes } from 'node:crypto'
import type { AuditNote, Clock, MailNote, RandomBytes, Work } from './application/ports.ts'
import { auditAll } from './audit/audit-log.ts'
import type { Config } from './config.ts'
import { applicationStore } from './database/application-store.ts'
import { openDatabase, writeAlone, type Database, type Transaction } from './database/database.ts'
import { gathered } from './database/gathered.ts'
import { isDemoHierarchy, protectionStore } from './database/protection-store.ts'
import { enqueueMail } from './mail/mailer.ts'
import { loadPolicy, type Policy } from './policy/policy.ts'
import { openSecrets, type Secrets } from './secrets.ts'
import { translate } from './web/locales.ts'

export interface Services {
  readonly config: Config
  readonly policy: Policy
  readonly database: Database
  readonly clock: Clock
  readonly random: RandomBytes
  readonly secrets: Secrets
  /** Runs changes, their audit entries and their mail as one transaction by one actor. */
  work<T>(actor: string, change: (work: Work, trx: Transaction) => Promise<T>): Promise<T>
  /** For reading: the stores without a transaction. */
  readonly applications: Work['applications']
  readonly protection: Work['protection']
  /** True when the hierarchy is a demo one: pages say so, demo evidence is accepted under it alone. */
  demoHierarchy(): Promise<boolean>
  close(): Promise<void>
}

export function openServices(config: Config, overrides: { clock?: Clock; policy?: Policy; database?: Database } = {}): Services {
  const policy = overrides.policy ?? loadPolicy(config.policyFile)
  const database = overrides.database ?? openDatabase(config.databaseUrl)
  const clock = overrides.clock ?? (() => new Date())
  let secrets: Secrets | null = null
  return {
    config,
    policy,
    database,
    clock,
    random: randomBytes,
    get secrets() {
      return (secrets ??= openSecrets(config.dataDir))
    },
    work(actor, change) {
      return database.transaction(async (trx) => {
        await writeAlone(trx)
        const now = clock()
        return change(
          {
            now,
            actor,
            applications: applicationStore(trx, now),
            protection: protectionStore(trx, now),
            audit: gathered(async (notes: readonly AuditNote[]) => {
              await auditAll(trx, notes.map((note) => ({ at: now, actor, ...note })))
              return notes.map(() => undefined)
            }),
            mail: gathered(async (notes: readonly MailNote[]) => {
              await enqueueMail(trx, translate, { name: policy.operator.name, portalUrl: config.portal.url }, notes, now)
              return notes.map(() => undefined)
            }),
          },
          trx,
        )
      })
    },
    get applications() {
      return applicationStore(database, clock())
    },
    get protection() {
      return protectionStore(database, clock())
    },
    demoHierarchy: () => isDemoHierarchy(database),
    close: () => database.destroy(),
  }
}
