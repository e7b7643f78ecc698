import { createHash } from 'node:crypto'
import type { Knex } from 'knex'

/**
 * Lists in parts: the octets around the entries in the row of the list, the entries in immutable chunks named by their SHA-256 that lists share,
 * so that a list of millions of octets is never one value; and lists beside the authority's own, one for each shard (RFC 5280 5.2.5).
 */
export async function up(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  await knex.schema.createTable('crl_chunks', (table) => {
    table.string('sha256', 64).notNullable().primary()
    table.integer('entries').notNullable()
    /** Encoded entries of revokedCertificates, one behind the other. */
    table.binary('octets').notNullable()
  })
  // Shard 0: the authority's own list. Its row is the place where one publisher at a time comes next.
  await knex.schema.createTable('crl_lists', (table) => {
    table.string('authority_id', 64).notNullable().references('authorities.id')
    table.integer('shard').notNullable()
    /** The number published last. */
    table.bigInteger('number')
    table.primary(['authority_id', 'shard'])
  })
  // Every address under which certificates name a list: its issuing distribution point carries them all, whatever the status port is called later.
  await knex.schema.createTable('crl_addresses', (table) => {
    table.string('authority_id', 64).notNullable().references('authorities.id')
    table.integer('shard').notNullable()
    table.string('url', 255).notNullable()
    table.string('first_used_at', 24).notNullable()
    table.primary(['authority_id', 'shard', 'url'])
  })

  await knex.raw('ALTER TABLE crls RENAME COLUMN tbs TO tbs_head')
  await knex.raw('ALTER TABLE crls RENAME COLUMN der TO seal')
  await knex.schema.alterTable('crls', (table) => {
    table.integer('shard').notNullable().defaultTo(0)
    /** SHA-256 of each chunk, 32 octets, in the order of the list. */
    table.binary('chunks')
    table.binary('tbs_tail')
    table.string('tbs_sha256', 64).notNullable().defaultTo('')
    /** Length of the whole signed list. */
    table.bigInteger('octets').notNullable().defaultTo(0)
    table.index(['authority_id', 'shard', 'number'], 'crls_of_a_list')
  })
  const rows: { authority_id: string; number: number; tbs_head: Buffer; seal: Buffer | null }[] = await knex('crls').select('authority_id', 'number', 'tbs_head', 'seal')
  for (const { authority_id, number, tbs_head, seal } of rows) {
    const octets = seal?.length ?? 0
    // What stood in `der` was the whole list; what follows the signed octets is its seal.
    const change = { tbs_sha256: createHash('sha256').update(tbs_head).digest('hex'), octets, ...(seal ? { seal: seal.subarray(headerLength(seal) + tbs_head.length) } : {}) }
    await knex('crls').where({ authority_id, number }).update(change)
  }
  await knex.raw('INSERT INTO crl_lists (authority_id, shard, number) SELECT authority_id, 0, MAX(CASE WHEN seal IS NULL THEN NULL ELSE number END) FROM crls GROUP BY authority_id')

  for (const table of ['certificates', 'revocations']) await knex.schema.alterTable(table, (altered) => void altered.integer('crl_shard').notNullable().defaultTo(0))
  // In the order of a list, whatever the database sorts texts by.
  await knex.raw(`CREATE INDEX revocations_of_a_list ON revocations (authority_id, crl_shard, serial${postgres ? ' COLLATE "C"' : ''})`)
  for (const table of ['certificates', 'revocations']) {
    // Fixed at issuance: the certificate's own octets say the same.
    const differs = `OLD.crl_shard ${postgres ? 'IS DISTINCT FROM' : 'IS NOT'} NEW.crl_shard`
    const trigger = `CREATE TRIGGER ${table}_shard_fixed BEFORE UPDATE ON ${table}`
    if (postgres) await knex.raw(`${trigger} FOR EACH ROW WHEN (${differs}) EXECUTE FUNCTION refuse_rewriting()`)
    else await knex.raw(`${trigger} WHEN ${differs} BEGIN SELECT RAISE(ABORT, 'rows of ${table} are never rewritten'); END`)
  }
}

/** Identifier and length octets of the value that these octets are. */
const headerLength = (der: Buffer): number => (der[1]! < 0x80 ? 2 : 2 + (der[1]! & 0x7f))

const sequenceHeader = (length: number): Buffer => {
  if (length < 0x80) return Buffer.from([0x30, length])
  const digits = length.toString(16)
  const octets = Buffer.from(digits.length % 2 ? `0${digits}` : digits, 'hex')
  return Buffer.concat([Buffer.from([0x30, 0x80 | octets.length]), octets])
}

export async function down(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  for (const table of ['certificates', 'revocations']) await knex.raw(`DROP TRIGGER ${table}_shard_fixed${postgres ? ` ON ${table}` : ''}`)
  await knex.raw('DROP INDEX revocations_of_a_list')
  for (const table of ['certificates', 'revocations']) await knex.raw(`ALTER TABLE ${table} DROP COLUMN crl_shard`)
  // The shape before knew one list of an authority.
  await knex('crls').where('shard', '>', 0).delete()
  const rows: { authority_id: string; number: number }[] = await knex('crls').select('authority_id', 'number')
  for (const key of rows) {
    const row: { tbs_head: Buffer; tbs_tail: Buffer | null; chunks: Buffer | null; seal: Buffer | null } = await knex('crls').where({ authority_id: key.authority_id, number: key.number }).first()
    const parts = [row.tbs_head]
    for (let at = 0; at < (row.chunks?.length ?? 0); at += 32) {
      const { octets } = await knex('crl_chunks').where({ sha256: row.chunks!.subarray(at, at + 32).toString('hex') }).first('octets')
      parts.push(octets)
    }
    const tbs = Buffer.concat([...parts, row.tbs_tail ?? Buffer.alloc(0)])
    const seal = row.seal && Buffer.concat([sequenceHeader(tbs.length + row.seal.length), tbs, row.seal])
    await knex('crls').where({ authority_id: key.authority_id, number: key.number }).update({ tbs_head: tbs, seal })
  }
  await knex.raw('DROP INDEX crls_of_a_list')
  for (const column of ['shard', 'chunks', 'tbs_tail', 'tbs_sha256', 'octets']) await knex.raw(`ALTER TABLE crls DROP COLUMN ${column}`)
  await knex.raw('ALTER TABLE crls RENAME COLUMN seal TO der')
  await knex.raw('ALTER TABLE crls RENAME COLUMN tbs_head TO tbs')
  for (const table of ['crl_addresses', 'crl_lists', 'crl_chunks']) await knex.schema.dropTable(table)
}
