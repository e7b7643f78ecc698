/**
 * Certificates a second through the whole of issuing over a full queue, against what the same key in the same token signs by bare C_Sign. Both in processes
 * of their own, by turns; nothing of issuing is left out: each application is judged again, put on record, signed, compared, stored, and told to its applicant.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { migrate, openDatabase } from '../../src/database/database.ts'
import { findIssuingAuthority } from '../../src/database/authority-store.ts'
import { hsmModule, readPin } from '../../src/signer/open-token.ts'
import { rsaKeyPair } from '../pki/keys.ts'
import { insertApprovedApplication, insertPeople } from '../support/approved-application.ts'
import { demoHierarchy } from '../support/demo-hierarchy.ts'
import { median } from './measure.ts'
import type { Bench } from './run.ts'

const SERVERS = fileURLToPath(new URL('./servers/', import.meta.url))
const SUBSCRIBERS = 5

interface Made {
  readonly made: number
  /** Certificates before them, by which the program warmed up. */
  readonly unmeasured?: number
  /** Microseconds. */
  readonly cpu: number
  readonly seconds: number
}

export const benchIssuance: Bench = {
  what: 'certificates a second through the whole of issuing, against bare C_Sign of the same key in the same token [CERTIFICATES [ROUNDS]]',
  async run([count = '600', rounds = '3']) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-issuance-'))
    const hierarchy = await demoHierarchy()
    try {
      const config = hierarchy.config('ca')
      const { path: library } = hsmModule(config)
      const subscribers = Array.from({ length: SUBSCRIBERS }, () => rsaKeyPair(3072))
      const child = (words: readonly string[], env: NodeJS.ProcessEnv = {}): Made => {
        const { stdout, stderr, status } = spawnSync(process.execPath, words, { encoding: 'utf8', cwd: fileURLToPath(new URL('../..', import.meta.url)), env: { ...process.env, ...env } })
        if (status !== 0) throw new Error(stderr)
        return JSON.parse(stdout) as Made
      }
      const rates: { readonly issued: Made; readonly one: Made; readonly two: Made }[] = []
      let bits = 0
      for (let round = 0; round < Number(rounds); round++) {
        const url = `sqlite:${join(folder, `${round}.sqlite`)}`
        const database = openDatabase(url)
        await migrate(database)
        // Filling the queue is not measured, and needs no disk.
        await database.raw('PRAGMA synchronous=OFF')
        const services = await hierarchy.services(database)
        const people = await Promise.all(subscribers.map((_, index) => insertPeople(services, `Example ${index} K.K.`)))
        for (let made = 0; made < Number(count); made++) await insertApprovedApplication(services, hierarchy.maker, { people: people[made % SUBSCRIBERS]!, keys: subscribers[made % SUBSCRIBERS]! })
        const { key } = (await findIssuingAuthority(database))!
        bits = services.policy.keys.authority.rsaBits
        await database.destroy()
        const bare = (sessions: number) => child([join(SERVERS, 'bare-sign.mjs'), library, key.tokenLabel, readPin(config.hsm!.pinFile), key.label, '3', String(sessions)])
        rates.push({ one: bare(1), issued: child(['--import', 'tsx', join(SERVERS, 'issue.ts')], { ...hierarchy.env, DATABASE_URL: url }), two: bare(2) })
        const { made, unmeasured = 0 } = rates.at(-1)!.issued
        if (made === 0 || made + unmeasured !== Number(count)) throw new Error(`${made} certificates were issued after ${unmeasured}, of ${count}`)
      }
      const rate = ({ made, seconds }: Made) => made / seconds
      const of = (what: 'issued' | 'one' | 'two') => rates.map((each) => rate(each[what]))
      const milliseconds = ({ cpu, made }: Made) => cpu / made / 1000
      const cost = (what: 'issued' | 'one' | 'two') => median(rates.map((each) => milliseconds(each[what]))).toFixed(1)
      // Its own work, one step after the other on one core, while the module signs elsewhere.
      const own = median(rates.map(({ issued, one }) => milliseconds(issued) - milliseconds(one)))
      const apart = median(rates.map(({ issued, one }) => 1000 / (milliseconds(issued) - milliseconds(one)) / rate(one)))
      const ratio = (what: 'one' | 'two') => median(rates.map((each) => rate(each.issued) / rate(each[what]))).toFixed(2)
      return [
        `A queue of ${count} approved applications of ${SUBSCRIBERS} subscribers (RSA-3072, a demo attestation each), issued by an RSA-${bits} key in SoftHSM, on SQLite; the ${median(rates.map(({ issued }) => issued.unmeasured ?? 0))} of the first turn, by which the program warms up, are not counted. Medians of ${rounds} rounds, by turns. SoftHSM computes on the cores that issuing needs too; a module of its own leaves them to it.`,
        '',
        '| | a second | ms CPU each |',
        '|---|---|---|',
        `| certificates, from approved to stored | ${median(of('issued')).toFixed(0)} | ${cost('issued')} |`,
        `| C_Sign alone, one session | ${median(of('one')).toFixed(0)} | ${cost('one')} |`,
        `| C_Sign alone, two sessions | ${median(of('two')).toFixed(0)} | ${cost('two')} |`,
        '',
        `Issuing reaches ${ratio('one')} of C_Sign on one session, ${ratio('two')} of C_Sign on two.`,
        '',
        `Without C_Sign a certificate costs ${own.toFixed(1)} ms of CPU. Calculated, not measured: beside a module of its own that signs as quickly, with all of that on one core and no wait for the disk, issuing could reach ${apart.toFixed(2)} of C_Sign on one session.`,
      ].join('\n')
    } finally {
      await hierarchy.remove()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
