/** Octets that one issued certificate takes in PostgreSQL, table by table, indexes and large values included, after the whole way from approval to storing. */
import { migrate, openDatabase } from '../../src/database/database.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { rsaKeyPair } from '../pki/keys.ts'
import { insertApprovedApplication, insertPeople } from '../support/approved-application.ts'
import { demoHierarchy } from '../support/demo-hierarchy.ts'
import { startPostgres } from '../support/postgres.ts'
import type { Bench } from './run.ts'

const SUBSCRIBERS = 5
/** What grows with certificates, in the words of the table that is printed. */
const GROUPS: readonly (readonly [what: string, tables: readonly string[]])[] = [
  ['the certificate: `certificates`, `certified_keys`, `status_changes`', ['certificates', 'certified_keys', 'status_changes']],
  ['the application: data, agreements, checks, duties, approval', ['applications', 'application_agreements', 'vetting_checks', 'duties', 'approvals', 'key_challenges']],
  ['its evidence and what was found of it', ['evidence_files', 'assessments']],
  ['the audit log', ['audit_events']],
  ['mail that was sent', ['mail_outbox']],
]

export const benchDatabaseSize: Bench = {
  what: 'octets that one certificate takes in PostgreSQL [CERTIFICATES]',
  async run([count = '400']) {
    const [hierarchy, server] = await Promise.all([demoHierarchy(), startPostgres()])
    const database = openDatabase(server.url('postgres'))
    try {
      await migrate(database)
      const services = await hierarchy.services(database)
      const token = await hierarchy.token('ca')
      const keys = Array.from({ length: SUBSCRIBERS }, () => rsaKeyPair(3072))
      const people = await Promise.all(keys.map((_, index) => insertPeople(services, `Example ${index} K.K.`)))
      const sizes = async () => {
        for (const table of GROUPS.flatMap(([, tables]) => tables)) await database.raw(`VACUUM FULL ${table}`)
        const { rows } = await database.raw("SELECT relname AS name, pg_total_relation_size(oid) AS octets FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        return new Map<string, number>(rows.map(({ name, octets }: { name: string; octets: string }) => [name, Number(octets)]))
      }
      const parts = issuingParts(services, token)
      const add = async (many: number) => {
        for (let made = 0; made < many; made++) await insertApprovedApplication(services, hierarchy.maker, { people: people[made % SUBSCRIBERS]!, keys: keys[made % SUBSCRIBERS]! })
        for (let turns = await issueWaiting(parts); turns.length > 0; turns = await issueWaiting(parts)) if (turns.some((turn) => turn !== 'issued')) throw new Error(turns.join())
      }
      // The first pages of every table and index are not counted.
      await add(100)
      const before = await sizes()
      await add(Number(count))
      const after = await sizes()
      const grown = (tables: readonly string[]) => tables.reduce((sum, table) => sum + (after.get(table) ?? 0) - (before.get(table) ?? 0), 0) / Number(count)
      const whole = GROUPS.reduce((sum, [, tables]) => sum + grown(tables), 0)
      return [
        `${count} certificates issued for applications of ${SUBSCRIBERS} subscribers, each with a demo attestation (two small PEM files) as its evidence; PostgreSQL's own figures, indexes and large values included, without dead rows. A document as evidence comes on top with its own size.`,
        '',
        '| | octets for one certificate |',
        '|---|---|',
        ...GROUPS.map(([what, tables]) => `| ${what} | ${grown(tables).toFixed(0)} |`),
        `| all together | ${whole.toFixed(0)} |`,
      ].join('\n')
    } finally {
      await database.destroy()
      await hierarchy.remove()
      await server.stop()
    }
  },
}
