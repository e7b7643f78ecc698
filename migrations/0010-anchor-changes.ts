import type { Knex } from 'knex'

// ATT-2: what the operator changed about makers' keys. One person proposes, another confirms; `position` is the order of confirming.
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('anchor_changes', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('kind', 8).notNullable()
    table.string('maker', 40).notNullable()
    table.string('spki_sha256', 64).notNullable()
    table.text('anchors')
    table.text('reason').notNullable()
    table.string('proposed_by', 200).notNullable()
    table.string('proposed_at', 24).notNullable()
    table.string('confirmed_by', 200)
    table.string('confirmed_at', 24)
    table.integer('position').unique()
    table.check("kind IN ('add', 'withdraw', 'turn-on')", {}, 'anchor_changes_kind')
    table.check("(kind = 'add') = (anchors IS NOT NULL)", {}, 'anchor_changes_anchors')
    table.check('(confirmed_by IS NULL) = (confirmed_at IS NULL) AND (confirmed_at IS NULL) = (position IS NULL)', {}, 'anchor_changes_confirmed')
    table.check('confirmed_by IS NULL OR confirmed_by <> proposed_by', {}, 'anchor_changes_two_persons')
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('anchor_changes')
}
