import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { audit, auditHash, GENESIS, verifyAuditChain, type AuditRow } from '../../src/audit/audit-log.ts'
import type { AuditEventName } from '../../src/audit/events.ts'
import { ACCOUNTS, accountsSql, GRANTS, type Account } from '../../src/database/accounts.ts'
import { migrate, openDatabase, TablesTooOld, type Database } from '../../src/database/database.ts'
import { findBlockers } from '../../src/database/locks.ts'
import { dropOldNodes, listNodes, noteNode, type NodeState } from '../../src/database/node-store.ts'
import { isSecretOfDatabase } from '../../src/database/secret-mark.ts'
import { openSecrets } from '../../src/secrets.ts'
import { describeOnBothDatabases, openEmpty, openFresh, urlOf } from '../support/database.ts'
import { findPostgres } from '../support/postgres.ts'
import { oneLine, run } from '../support/program.ts'
import { AT, certificate, insertFoundations, revocation } from './rows.ts'

describe.skipIf(findPostgres() === null && process.env['CI'] !== 'true')('accounts of PostgreSQL', () => {
  const prefix = `test_${process.pid}_`
  const password = randomBytes(12).toString('hex')
  const as = {} as Record<Account, Database>
  let owner: Database
  const urlAs = (account: Account, of: Database): string => {
    const url = new URL(urlOf(of))
    return Object.assign(url, { username: prefix + account, password }).href
  }
  beforeAll(async () => {
    owner = await openFresh('PostgreSQL')
    // Twice: what is there already is no fault.
    for (let n = 0; n < 2; n++) await owner.raw(accountsSql(prefix))
    for (const account of ACCOUNTS) {
      await owner.raw(`ALTER ROLE ${prefix}${account} PASSWORD '${password}'`)
      as[account] = openDatabase(urlAs(account, owner))
    }
    await insertFoundations(owner)
    await owner('certificates').insert(certificate('certificate-1', '11'))
    await owner('certificates').update({ state: 'issued', der: Buffer.from([0x30, 0]), certificate_sha256: 'cd'.repeat(32), issued_at: AT })
  })
  afterAll(async () => {
    for (const account of ACCOUNTS) await as[account]?.destroy()
    for (const account of ACCOUNTS) await owner?.raw(`DROP OWNED BY ${prefix}${account}; DROP ROLE ${prefix}${account}`)
  })
  const DENIED = expect.objectContaining({ code: '42501' })

  test.each<[Account, string, (database: Database) => PromiseLike<unknown>]>([
    ['portal', 'records a certificate', (database) => database('certificates').insert(certificate('certificate-2', '22'))],
    ['portal', 'signs one', (database) => database('certificates').update({ der: Buffer.from([1]) })],
    ['portal', 'certifies a responder', (database) => database('responder_certificates').insert({ id: 'x' })],
    ['portal', 'makes an authority', (database) => database('authorities').insert({ id: 'x' })],
    ['portal', 'publishes a list', (database) => database('crls').update({ seal: Buffer.from([1]) })],
    ['portal', 'confirms a maker’s key', (database) => database('anchor_changes').update({ confirmed_by: 'x' })],
    ['portal', 'revokes in the name of a retention run, which keeps it off the lists', (database) => database('revocations').insert({ ...revocation('certificate-1', '11'), retention_run_id: 'run' })],
    ['portal', 'tells `status` of a change, with a number and a time of its own', (database) => database('status_changes').insert({ authority_id: 'issuing', serial: '11', transaction_id: String(2n ** 62n), changed_at: AT })],
    ['ca', 'tells `status` of a change', (database) => database('status_changes').insert({ authority_id: 'issuing', serial: '11', transaction_id: 1, changed_at: AT })],
    ['operator', 'tells `status` of a change', (database) => database('status_changes').insert({ authority_id: 'issuing', serial: '11', transaction_id: 1, changed_at: AT })],
    ['ca', 'approves', (database) => database('approvals').insert({ id: 'x' })],
    ['ca', 'changes what was applied for', (database) => database('applications').update({ subject_common_name: 'x' })],
    ['ca', 'reads a password’s hash', (database) => database('accounts').select('password_hash')],
    ['ca', 'reads a session', (database) => database('sessions').select()],
    ['ca', 'takes a revocation back', (database) => database('revocations').delete()],
    ['ca', 'enrols a responder’s key', (database) => database('responder_keys').insert({ id: 'x' })],
    ['status', 'writes an application', (database) => database('applications').update({ state: 'approved' })],
    ['status', 'says how a comparison of the statuses ended', (database) => database('status_reconciliations').insert({ id: 'x' })],
    ['status', 'revokes', (database) => database('revocations').insert(revocation('certificate-1', '11'))],
    ['status', 'changes a certificate', (database) => database('certificates').update({ accepted_at: AT })],
    ['status', 'reads who applied', (database) => database('accounts').select('email')],
    ['operator', 'records a certificate', (database) => database('certificates').insert(certificate('certificate-2', '22'))],
    ['operator', 'approves', (database) => database('approvals').insert({ id: 'x' })],
    ['operator', 'makes an officer', (database) => database('account_roles').insert({ account_id: 'x', role: 'administrator' })],
  ])('ISS-6: %s is refused when it %s', async (account, _, act) => {
    await expect(act(as[account])).rejects.toEqual(DENIED)
  })

  test.each(ACCOUNTS)('ISS-6: %s changes no audit event, removes no row that answers for ten years, and makes no table', async (account) => {
    await expect(as[account]('audit_events').update({ actor: 'x' })).rejects.toEqual(DENIED)
    for (const table of ['audit_events', 'certificates', 'revocations', 'compromised_keys']) await expect(as[account](table).delete(), table).rejects.toEqual(DENIED)
    await expect(as[account].schema.createTable('mine', (table) => void table.integer('x'))).rejects.toEqual(DENIED)
  })

  test('ISS-6: each may do its own: the portal accepts and revokes, which the triggers tell `status` of; all four append to the audit log', async () => {
    const count = async () => Number((await owner('status_changes').count({ n: '*' }))[0]!['n'])
    const before = await count()
    await as.portal('certificates').where({ id: 'certificate-1', state: 'issued' }).update({ accepted_at: AT })
    await as.portal('revocations').insert(revocation('certificate-1', '11'))
    expect(await count()).toBe(before + 2)
    expect(await as.status('status_changes')).toHaveLength(before + 2)
    await as.ca('certificates').insert(certificate('certificate-3', '33', { application_id: 'application-2', approval_id: 'approval-2' }))
    await as.ca('certificates').where({ id: 'certificate-3' }).update({ state: 'abandoned' })
    for (const account of ACCOUNTS) await as[account].transaction((trx) => audit(trx, { at: new Date(AT), actor: `process:${account}`, event: account === 'operator' ? 'ceremony.held' : 'process.started', subject: `process:${account}` }))
    expect(await owner('audit_events')).toHaveLength(4)
  })

  test('ISS-6: a process says of itself alone when it was seen and whether its clock is right; others read it, and one account for all is bound by nothing', async () => {
    const state = (process: NodeState['process'], clock: string | null = null) => ({ node: 'a', process, seenAt: new Date(AT), clock })
    for (const own of ['ca', 'status'] as const) for (let n = 0; n < 2; n++) await noteNode(as[own], state(own))
    for (const [account, other] of [['ca', 'status'], ['status', 'ca'], ['ca', 'portal'], ['portal', 'ca'], ['portal', 'portal']] as const) await expect(noteNode(as[account], state(other, 'x')), `${account} of ${other}`).rejects.toEqual(DENIED)
    expect(await as.ca('node_states').where({ process: 'status' }).update({ clock_doubt: 'x' })).toBe(0)
    await expect(as.ca('node_states').where({ process: 'ca' }).update({ process: 'status', node: 'b' })).rejects.toEqual(DENIED)
    for (const account of ['portal', 'ca', 'status'] as const) expect(await listNodes(as[account], new Date(AT))).toEqual([state('ca'), state('status')])
    for (const all of ['portal', 'ca'] as const) await noteNode(owner, state(all))
    expect(await listNodes(owner, new Date(AT))).toHaveLength(3)
  })

  test.each<[Account, AuditEventName]>([['portal', 'status.reconciled'], ['portal', 'timestamp.signing-changed'], ['portal', 'crl.issued'], ['status', 'application.approved'], ['ca', 'application.approved'], ['operator', 'certificate.issued']])('ISS-6: %s appends no entry %s to the audit log: it is another’s', async (account, event) => {
    const before = await owner('audit_events').count({ n: '*' })
    await expect(as[account].transaction((trx) => audit(trx, { at: new Date(AT), actor: 'process:ca', event, subject: 'reconciliation:1', details: { outcome: 'agreed' } }))).rejects.toEqual(DENIED)
    expect(await owner('audit_events').count({ n: '*' })).toEqual(before)
  })

  test('ISS-6: each takes away the rows of its own process alone', async () => {
    for (const process of ['ca', 'status'] as const) await owner('node_states').insert({ node: 'gone', process, seen_at: '2020-01-01T00:00:00.000Z', clock_doubt: null })
    await dropOldNodes(as.status, 'ca', new Date(AT))
    await dropOldNodes(as.status, 'status', new Date(AT))
    expect(await owner('node_states').where({ node: 'gone' })).toMatchObject([{ process: 'ca' }])
    await expect(dropOldNodes(as.portal, 'ca', new Date(AT))).rejects.toEqual(DENIED)
  })

  test.each(ACCOUNTS)('ISS-6: %s fills the disk neither with temporary tables nor with large objects', async (account) => {
    await expect(as[account].raw('CREATE TEMPORARY TABLE mine (x integer)')).rejects.toEqual(DENIED)
    for (const way of ['lo_create(0)', 'lo_creat(-1)', "lo_from_bytea(0, 'x')"]) await expect(as[account].raw(`SELECT ${way}`), way).rejects.toEqual(DENIED)
  })

  test('ISS-6: a lock that one account keeps is found by another, with its number and its name, and a change fails instead of waiting for ever', async () => {
    const holder = await as.status.transaction()
    const hurried = openDatabase(urlAs('portal', owner), 300)
    try {
      await holder.raw('SELECT pg_advisory_xact_lock(7230001)')
      const { rows: [own] } = await holder.raw('SELECT pg_backend_pid() AS pid')
      expect(await findBlockers(as.portal, 500)).toEqual([{ pid: own.pid, account: `${prefix}status`, waiting: 1, seconds: 0 }])
      await expect(hurried.transaction((trx) => audit(trx, { at: new Date(AT), actor: 'x', event: 'process.started', subject: 'process:portal' }))).rejects.toEqual(expect.objectContaining({ code: '55P03' }))
      // A lock of a table, behind which somebody else waits.
      await holder.commit()
      const other = await as.status.transaction()
      await other.raw('LOCK TABLE node_states IN ACCESS EXCLUSIVE MODE')
      const waits = listNodes(as.ca, new Date(AT))
      await expect.poll(() => findBlockers(as.portal, 300), { timeout: 5000 }).toMatchObject([{ account: `${prefix}status` }])
      await other.rollback()
      await waits
      expect(await findBlockers(as.portal, 300)).toEqual([])
    } finally {
      await hurried.destroy()
    }
  })

  test('ISS-6: the portal can’t revoke one certificate under the serial number of none, not with a table of its own either', async () => {
    const wrong = { ...revocation('certificate-3', '34') }
    // Where somebody let it make one.
    const { rows: [{ name }] } = await owner.raw('SELECT current_database() AS name')
    await owner.raw(`GRANT TEMPORARY ON DATABASE ${name} TO ${prefix}portal`)
    await as.portal.transaction(async (trx) => {
      await trx.raw('CREATE TEMPORARY TABLE certificates (id text, authority_id text, serial text) ON COMMIT DROP')
      await trx.raw("INSERT INTO pg_temp.certificates VALUES ('certificate-3', 'issuing', '34')")
      await expect(trx.raw(as.portal('revocations').insert(wrong).toQuery())).rejects.toThrow('a revocation is of the certificate that its row names')
    }).catch(() => undefined)
    await expect(as.portal('revocations').insert(wrong)).rejects.toThrow('a revocation is of the certificate that its row names')
    expect(await owner('revocations').where({ certificate_id: 'certificate-3' })).toEqual([])
  })

  const entry = async (change: Partial<AuditRow> = {}): Promise<AuditRow> => {
    const last = await owner('audit_events').orderBy('seq', 'desc').first('seq', 'hash')
    const row = { seq: Number(last?.seq ?? 0) + 1, at: AT, actor: 'process:ca', event: 'process.started', subject: 'process:ca', details: '{}', previous_hash: last?.hash ?? GENESIS, ...change }
    return { ...row, hash: change.hash ?? auditHash(row) }
  }
  test.each<[Account, string, RegExp, () => Promise<unknown>]>([
    ['status', 'an audit entry whose hash is none, after which nothing would be issued', /hash that is not its own/, async () => as.status('audit_events').insert(await entry({ hash: 'f'.repeat(64) }))],
    ['status', 'an audit entry longer than `ca` can read', /too long/, async () => as.status('audit_events').insert(await entry({ details: JSON.stringify({ x: 'x'.repeat(1 << 20) }) }))],
    ['portal', 'an audit entry that is not JSON', /type json/, async () => as.portal('audit_events').insert(await entry({ details: 'not json' }))],
    ['portal', 'an application longer than `ca` can read', /applications_size/, async () => as.portal('applications').where({ id: 'application-1' }).update({ decision_reason: 'x'.repeat(1 << 20) })],
    ['portal', 'a revocation of a day that no calendar has', /out of range/, async () => as.portal('revocations').insert({ ...revocation('certificate-3', '33'), revoked_at: '2025-99-99T99:99:99.999Z' })],
    ['portal', 'a revocation of the year 0', /out of range|dated on a day that is/, async () => as.portal('revocations').insert({ ...revocation('certificate-3', '33'), revoked_at: '0000-01-01T00:00:00.000Z' })],
  ])('ISS-6: %s can’t stop another process with %s', async (_, __, reason, act) => {
    const before = await owner('audit_events').count({ n: '*' })
    await expect(act()).rejects.toThrow(reason)
    expect(await owner('audit_events').count({ n: '*' })).toEqual(before)
    expect(await verifyAuditChain(as.ca)).toMatchObject({ intact: true })
  })

  test('ISS-6: what was given and is no longer due is taken away', async () => {
    await owner.raw(`GRANT UPDATE (password_hash) ON accounts TO ${prefix}status; GRANT DELETE ON sessions TO ${prefix}ca`)
    await owner.raw(accountsSql(prefix))
    const { rows } = await owner.raw("SELECT DISTINCT table_name AS name FROM information_schema.column_privileges WHERE grantee = ? ORDER BY 1", [`${prefix}status`])
    expect(rows.map(({ name }: { name: string }) => name)).toEqual(['knex_migrations', ...Object.keys(GRANTS).filter((table) => GRANTS[table]!.status)].sort())
    await expect(as.ca('sessions').delete()).rejects.toEqual(DENIED)
  })

  test('an account that may not change tables starts where they are there, and is told what to run where they are older', async () => {
    for (const account of ACCOUNTS) await migrate(as[account])
    await owner('knex_migrations').where('name', 'like', '0005%').delete()
    await expect(migrate(as.status)).rejects.toSatisfy(TablesTooOld.is)
    const ended = await run('ca', { DATA_DIR: tmpdir(), DATABASE_URL: urlAs('ca', owner) })
    expect(oneLine(ended)).toMatch(/^ca: The tables of the database are older than this program \(0005-audit is missing\), .* run {2}npm run database:migrate {2}with the owner's$/)
  })

  test('a program that is older than the tables starts: a rolling upgrade has both for a while', async () => {
    const database = await openFresh('PostgreSQL')
    await database('knex_migrations').insert({ name: '9999-later', batch: 9, migration_time: new Date() })
    await expect(migrate(database)).resolves.toBeUndefined()
  })

  test('npm run database:migrate makes the tables, npm run database:accounts prints the SQL', async () => {
    const database = await openEmpty('PostgreSQL')
    expect(await run('commands/database-migrate', { DATA_DIR: tmpdir(), DATABASE_URL: urlOf(database) })).toMatchObject({ code: 0, err: '', out: 'The tables are those of this program.\n' })
    const printed = await run('commands/database-accounts', {}, ['--prefix', prefix])
    expect(printed).toMatchObject({ code: 0, err: '', out: accountsSql(prefix) })
    await database.raw(printed.out)
    expect(await run('commands/database-accounts', {}, ['--prefix', 'No'])).toMatchObject({ code: 2, out: '' })
    for (const account of ACCOUNTS) await database.raw(`DROP OWNED BY ${prefix}${account}`)
  })
})

describeOnBothDatabases('the secret of the portals', (open) => {
  test('ACC-1: a machine with another secret than the database was used with is noticed', async () => {
    const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'secret-')))
    const [first, other] = folders.map(openSecrets)
    const database = await open()
    const is = (secrets: typeof first) => isSecretOfDatabase(database, secrets!, new Date(AT))
    expect([await is(first), await is(other), await is(first), await is(openSecrets(folders[0]!))]).toEqual([true, false, true, true])
    for (const folder of folders) rmSync(folder, { recursive: true })
  })
})
