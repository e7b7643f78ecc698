import type { Knex } from 'knex'

const FIXED = ['sha256', 'ceremony_id', 'part', 'file_name', 'media_type', 'octets', 'signature_name', 'signature_octets', 'signer', 'signer_certificate', 'signed_at', 'published_at', 'published_by']

/** CSBR 6.1.1.1: what a witness or a Qualified Auditor signed about a ceremony. Published once and for ever. The functions came with migration 0004. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('ceremony_statements', (table) => {
    /** Of the document's octets. */
    table.string('sha256', 64).notNullable().primary()
    table.string('ceremony_id', 36).notNullable().references('ceremonies.id').index()
    table.string('part', 16).notNullable().checkIn(['witness', 'auditor'], 'ceremony_statements_part')
    table.string('file_name', 128).notNullable()
    table.string('media_type', 64).notNullable()
    table.binary('octets').notNullable()
    /** A signature that stands beside the document. */
    table.string('signature_name', 128)
    table.binary('signature_octets')
    table.string('signer', 255).notNullable()
    /** DER. */
    table.binary('signer_certificate').notNullable()
    table.string('signed_at', 24)
    table.string('published_at', 24).notNullable()
    /** JSON: the names of those who published it. */
    table.text('published_by').notNullable()
    table.check('(signature_name IS NULL) = (signature_octets IS NULL)', {}, 'ceremony_statements_signature')
  })
  if (knex.client.dialect === 'postgresql') {
    await knex.raw('CREATE TRIGGER ceremony_statements_stay BEFORE DELETE OR TRUNCATE ON ceremony_statements FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()')
    await knex.raw(`CREATE TRIGGER ceremony_statements_not_rewritten BEFORE UPDATE ON ceremony_statements FOR EACH ROW WHEN (${FIXED.map((column) => `OLD.${column} IS DISTINCT FROM NEW.${column}`).join(' OR ')}) EXECUTE FUNCTION refuse_rewriting()`)
    return
  }
  await knex.raw("CREATE TRIGGER ceremony_statements_stay BEFORE DELETE ON ceremony_statements BEGIN SELECT RAISE(ABORT, 'rows of ceremony_statements are never removed'); END")
  // Also what stops REPLACE. The word UNIQUE tells isUniqueViolation what it is.
  await knex.raw("CREATE TRIGGER ceremony_statements_not_replaced BEFORE INSERT ON ceremony_statements WHEN EXISTS (SELECT 1 FROM ceremony_statements WHERE sha256 = NEW.sha256) BEGIN SELECT RAISE(ABORT, 'UNIQUE rows of ceremony_statements are never replaced'); END")
  await knex.raw("CREATE TRIGGER ceremony_statements_not_rewritten BEFORE UPDATE ON ceremony_statements BEGIN SELECT RAISE(ABORT, 'rows of ceremony_statements are never rewritten'); END")
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('ceremony_statements')
}
