import type { Knex } from 'knex'

/** What database, lists and OCSP answers said beside each other, a row a run. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('status_reconciliations', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('started_at', 24).notNullable()
    /** Whose turn it is: one of several hosts. */
    table.string('owner', 64).notNullable()
    /** 1 while it runs, null afterwards: one at a time. */
    table.integer('running').unique()
    table.string('finished_at', 24)
    table.string('outcome', 16).checkIn(['agreed', 'differed', 'unanswered'], 'status_reconciliations_outcome')
    table.integer('certificates')
    table.integer('list_entries')
    table.integer('differences')
    /** JSON: the first differences, or why nothing could be asked. */
    table.text('details')
    table.index(['started_at'])
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('status_reconciliations')
}
