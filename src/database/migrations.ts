/** Migrations by name without extension, so that running from .ts and from .js is the same history. */
import { readdirSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { join } from 'node:path'
import type { Knex } from 'knex'

const FOLDER = fileURLToPath(new URL('../../migrations', import.meta.url))

export const migrations: Knex.MigrationSource<string> = {
  async getMigrations() {
    return readdirSync(FOLDER).filter((file) => /^\d{4}-.*\.ts$/.test(file)).sort()
  },
  getMigrationName: (file) => file.replace(/\.ts$/, ''),
  getMigration: async (file) => (await import(pathToFileURL(join(FOLDER, file)).href)) as Knex.Migration,
}
