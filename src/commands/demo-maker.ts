/** The demo maker of this installation: its key in the data folder, its anchor in the database, audited once. */
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeDemoMaker, type DemoMaker } from '../../attestations/demo/make.ts'
import { StartRefused } from '../process.ts'
import type { Services } from '../services.ts'

/** @throws StartRefused in production, and where the hierarchy is not a demo one */
export async function refuseUnlessDemo(services: Services): Promise<void> {
  if (services.config.production) throw new StartRefused('Demo commands are refused in production')
  if ((await services.database('authorities').first('id')) === undefined) throw new StartRefused('No hierarchy yet: run  npm start  once; it makes a demo one')
  if (!(await services.demoHierarchy())) throw new StartRefused('This hierarchy is a real one: demo commands are refused under it')
}

export async function openDemoMaker(services: Services): Promise<DemoMaker> {
  const file = join(services.config.dataDir, 'demo-maker', 'maker.json')
  if (!existsSync(file)) {
    mkdirSync(join(services.config.dataDir, 'demo-maker'), { recursive: true, mode: 0o700 })
    writeFileSync(file, JSON.stringify(makeDemoMaker(services.clock()), null, 2), { mode: 0o600, flag: 'wx' })
  }
  const maker = JSON.parse(readFileSync(file, 'utf8')) as DemoMaker
  await services.work('process:demo', async (work, trx) => {
    const anchor = JSON.stringify(maker.anchor)
    if (await trx('demo_anchors').where({ anchor }).first('id')) return
    const id = randomUUID()
    await trx('demo_anchors').insert({ id, anchor, created_at: work.now.toISOString() })
    await work.audit({ event: 'demo.maker-created', subject: `demo-anchor:${id}`, details: { name: maker.anchor.subject } })
  })
  return maker
}
