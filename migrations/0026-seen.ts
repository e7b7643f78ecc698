import type { Knex } from 'knex'

/** What nodes tell of themselves once a minute, for the public status page: any portal sees it, wherever it runs. Old rows are dropped. */
export async function up(knex: Knex): Promise<void> {
  // How long OCSP answers took: how many fell into each bound (src/revocation/answer-times.ts), added up over the workers of a node.
  await knex.schema.createTable('answer_times', (table) => {
    table.string('node', 64).notNullable()
    /** The minute's beginning. */
    table.string('minute', 24).notNullable().index()
    table.integer('bound').notNullable()
    table.bigInteger('answers').notNullable()
    table.primary(['node', 'minute', 'bound'])
  })
  await knex.schema.createTable('node_states', (table) => {
    table.string('node', 64).notNullable()
    table.string('process', 16).notNullable().checkIn(['portal', 'ca', 'status'], 'node_states_process')
    /** By the clock of that node. */
    table.string('seen_at', 24).notNullable()
    /** Why it does not take its clock for right; null when it does. */
    table.string('clock_doubt', 64)
    table.primary(['node', 'process'])
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['node_states', 'answer_times']) await knex.schema.dropTable(table)
}
