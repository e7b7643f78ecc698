/**
 * What another process of the product does to the same database: `migrate`, `append COUNT` audit entries,
 * or `count COUNT`: read a row, then write what was read plus one.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { audit } from '../../src/audit/audit-log.ts'
import { migrate, openDatabase } from '../../src/database/database.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

const THIS_FILE = fileURLToPath(import.meta.url)

/** Resolves with what the process said on standard error; empty when all went well. */
export function runOther(url: string, ...what: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...TYPESCRIPT, THIS_FILE, url, ...what], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve(code === 0 ? '' : `exit ${code}: ${said}`))
  })
}

async function work(url: string, what: string, times: number): Promise<void> {
  const database = openDatabase(url)
  try {
    if (what === 'migrate') return await migrate(database)
    for (let n = 0; n < times; n++) {
      await database.transaction(async (trx) => {
        if (what === 'append') return audit(trx, { at: new Date(0), actor: `process:${process.pid}`, event: 'process.started', subject: `process:${n}` })
        const { failures } = await trx('mail_outbox').where({ id: 'counter' }).first()
        await trx('mail_outbox').where({ id: 'counter' }).update({ failures: failures + 1 })
      })
    }
  } finally {
    await database.destroy()
  }
}

if (process.argv[1] === THIS_FILE) await work(process.argv[2]!, process.argv[3]!, Number(process.argv[4] ?? 0))
