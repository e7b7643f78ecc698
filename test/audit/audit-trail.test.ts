import { beforeEach, expect, test } from 'vitest'
import { audit, auditHash, type AuditRow } from '../../src/audit/audit-log.ts'
import { auditTrail } from '../../src/audit/audit-trail.ts'
import type { AuditEventName } from '../../src/audit/events.ts'
import type { Database } from '../../src/database/database.ts'
import { AT } from '../database/rows.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { allowTampering } from './tampering.ts'

describeOnBothDatabases('the audit log as ca follows it', (open) => {
  let database: Database
  let told: string[]
  beforeEach(async () => {
    database = await open()
    told = []
  })

  const follow = (of = database) => auditTrail(of, ({ at, reason }) => void told.push(`${at} ${reason}`))
  const append = (event: AuditEventName, subject: string, details: object = {}) => database.transaction((trx) => audit(trx, { at: new Date(AT), actor: 'one', event, subject, details: { ...details } }))
  const submit = (id: string) => append('application.submitted', `application:${id}`)
  const eventsOf = (trail: ReturnType<typeof follow>, id: string) => trail.eventsOf(id).map(({ event }) => event)
  const rowOf = async (seq: number): Promise<AuditRow> => {
    const row = (await database<AuditRow>('audit_events').where({ seq }).first())!
    return { ...row, seq: Number(row.seq) }
  }
  const sealed = (row: AuditRow): AuditRow => ({ ...row, hash: auditHash(row) })

  test('LOG-1: keeps the acts on each application, oldest first, and what came since when asked again', async () => {
    const trail = follow()
    expect(await trail.firstBreach()).toBeNull()
    await submit('a')
    await append('session.signed-in', 'account:x')
    await append('application.check-recorded', 'application:a', { item: 'address', outcome: 'confirmed' })
    await submit('b')
    expect(await trail.firstBreach()).toBeNull()
    expect(eventsOf(trail, 'a')).toEqual(['application.submitted', 'application.check-recorded'])
    await append('certificate.recorded', 'certificate:c', { application: 'a', serial: '01' })
    expect(eventsOf(trail, 'a')).toHaveLength(2)
    expect(await trail.firstBreach()).toBeNull()
    expect(trail.eventsOf('a').at(-1)).toEqual({ event: 'certificate.recorded', actor: 'one', details: { application: 'a', serial: '01' } })
    expect(eventsOf(trail, 'b')).toEqual(['application.submitted'])
    expect(trail.eventsOf('nobody')).toEqual([])
  })

  test('LOG-1, ATT-6: keeps what was done to an entry of a register, for as long as it runs, and nothing else of that subject', async () => {
    const trail = follow()
    await append('register.proposed', 'register-entry:e', { sha256: '01' })
    await append('session.signed-in', 'register-entry:e')
    await append('register.confirmed', 'register-entry:e', { sha256: '01' })
    await append('register.confirmed', 'application:e')
    expect(await trail.firstBreach()).toBeNull()
    expect(trail.eventsOfEntry('e')).toEqual([
      { event: 'register.proposed', actor: 'one', details: { sha256: '01' } },
      { event: 'register.confirmed', actor: 'one', details: { sha256: '01' } },
    ])
    expect(trail.eventsOfEntry('other')).toEqual([])
    await append('register.withdrawn', 'register-entry:e')
    await trail.firstBreach()
    expect(trail.eventsOfEntry('e')).toHaveLength(3)
  })

  test('LOG-1: forgets an application that nothing is issued to any more', async () => {
    for (const [id, event, subject] of [['a', 'certificate.issued', 'certificate:c'], ['b', 'application.rejected', 'application:b'], ['c', 'application.withdrawn', 'application:c']] as const) {
      await submit(id)
      await append(event, subject, { application: id })
    }
    const trail = follow()
    expect(await trail.firstBreach()).toBeNull()
    for (const id of ['a', 'b', 'c']) expect(trail.eventsOf(id)).toEqual([])
  })

  test('LOG-1: reads each entry once, in batches, however long the log', async () => {
    const rows: AuditRow[] = []
    for (let seq = 1; seq <= 1203; seq++)
      rows.push(sealed({ seq, at: AT, actor: 'one', event: 'application.check-recorded', subject: 'application:a', details: '{}', previous_hash: rows.at(-1)?.hash ?? '0'.repeat(64), hash: '' }))
    await database.transaction(async (trx) => {
      for (const row of rows) await trx('audit_events').insert(row)
    })
    const trail = follow()
    expect(await Promise.all([trail.firstBreach(), trail.firstBreach()])).toEqual([null, null])
    expect(trail.eventsOf('a')).toHaveLength(1203)
    const asked: number[] = []
    database.on('query-response', (response: { rows?: unknown[] } | unknown[]) => asked.push((Array.isArray(response) ? response : response.rows ?? []).length))
    await submit('b')
    asked.length = 0
    expect(await trail.firstBreach()).toBeNull()
    expect(asked).toEqual([2])
  })

  test('LOG-1: names the first entry that was altered, wherever it stands, before anything of it is believed', async () => {
    for (let n = 0; n < 4; n++) await submit('a')
    await allowTampering(database)
    const genuine = await rowOf(2)
    await database('audit_events').where({ seq: 2 }).update({ actor: 'two' })
    const trail = follow()
    expect(await trail.firstBreach()).toBe(2)
    expect(eventsOf(trail, 'a')).toHaveLength(1)
    await database('audit_events').where({ seq: 2 }).update(sealed({ ...genuine, actor: 'two' }))
    expect(await trail.firstBreach()).toBe(3)
    await trail.firstBreach()
    expect(told).toEqual(['2 hash', '3 link'])
  })

  test('LOG-1: tells a breach once, and goes on when the log is whole again', async () => {
    for (let n = 0; n < 3; n++) await submit('a')
    await allowTampering(database)
    await database('audit_events').where({ seq: 3 }).update({ actor: 'two' })
    const trail = follow()
    for (let n = 0; n < 3; n++) expect(await trail.firstBreach()).toBe(3)
    expect(told).toEqual(['3 hash'])
    await database('audit_events').where({ seq: 3 }).update({ actor: 'one' })
    expect(await trail.firstBreach()).toBeNull()
    expect(eventsOf(trail, 'a')).toHaveLength(3)
  })

  test('LOG-1: an entry in an old one\'s place, or before the first, is found at the start', async () => {
    for (let n = 0; n < 3; n++) await submit('a')
    await allowTampering(database)
    await database('audit_events').insert(sealed({ ...(await rowOf(1)), seq: 0, previous_hash: '0'.repeat(64) }))
    expect(await follow().firstBreach()).toBe(0)
    await database('audit_events').where({ seq: 0 }).delete()
    await database('audit_events').where({ seq: 2 }).delete()
    expect(await follow().firstBreach()).toBe(2)
  })

  test('LOG-1: a log cut off behind the head, altered there, or written anew is noticed by who remembers the head', async () => {
    for (let n = 0; n < 3; n++) await submit('a')
    const trail = follow()
    expect(await trail.firstBreach()).toBeNull()
    await allowTampering(database)
    const genuine = await rowOf(3)
    await database('audit_events').where({ seq: 3 }).update({ actor: 'two' })
    expect(await trail.firstBreach()).toBe(3)
    await database('audit_events').where({ seq: 3 }).update(sealed({ ...genuine, actor: 'two' }))
    expect(await trail.firstBreach()).toBe(3)
    expect(await follow().firstBreach(), 'by itself it is a whole log').toBeNull()
    await database('audit_events').where({ seq: 3 }).delete()
    expect(await trail.firstBreach()).toBe(3)
    expect(told).toEqual(['3 hash', '3 gap'])
  })

  test('LOG-1: details that are no object prove nothing', async () => {
    await allowTampering(database)
    let previous = '0'.repeat(64)
    for (const [n, details] of ['', 'null', '[]', '"x"', '{'].entries()) {
      const row = sealed({ seq: n + 1, at: AT, actor: 'one', event: 'application.approved', subject: 'application:a', details, previous_hash: previous, hash: '' })
      await database('audit_events').insert(row)
      previous = row.hash
    }
    const trail = follow()
    expect(await trail.firstBreach()).toBeNull()
    expect(trail.eventsOf('a').map(({ details }) => details)).toEqual([{}, {}, {}, {}, {}])
  })
})
