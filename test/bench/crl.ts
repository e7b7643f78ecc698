/** What it costs to publish a revocation list beside `openssl ca -gencrl` with the same list, by turns in one run: CPU time, memory, and how long the event loop stood still. */
import { spawn, spawnSync } from 'node:child_process'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { latestCrl, readCrl } from '../../src/database/crl-store.ts'
import { migrate, openDatabase } from '../../src/database/database.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { insertApprovedApplication } from '../support/approved-application.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { SHIPPED_POLICY } from '../../src/policy/policy.ts'
import type { Bench } from './run.ts'

const SIZES = [10_000, 100_000, 1_000_000]
const PUBLISHER = fileURLToPath(new URL('./servers/crl-publisher.ts', import.meta.url))
/** Young garbage is collected earlier than by default: most of what a list takes is buffers that live for a page. */
const FLAGS = ['--max-semi-space-size=4']

interface Took {
  readonly cpu: number
  readonly wall: number
}
interface Published {
  readonly first: Took
  readonly again: Took
  readonly entries: number
  readonly octets: number
  readonly idle: number
  readonly rss: number
  readonly block: number
}

export const benchCrl: Bench = {
  what: 'publishing revocation lists of 10,000, 100,000 and a million entries, beside openssl ca -gencrl (sizes as words)',
  async run(words) {
    const sizes = words.length > 0 ? words.map(Number) : SIZES
    const hierarchy = await demoHierarchy()
    const folder = mkdtempSync(join(tmpdir(), 'bench-crl-'))
    try {
      makeKey(folder)
      const built = build()
      const rows: string[] = []
      for (const size of sizes) rows.push(await measure(hierarchy, folder, built, size))
      return [
        'CPU seconds (wall seconds) of one process until the list is signed and in the database: cold from the revocations, nothing encoded yet; by a process that starts when a list is there, which verifies its signature and holds every revocation against it; once more after one more revocation, median of five. `openssl ca -gencrl` has the same revocations in its text file and signs with a key in a file; its time is that of each of its lists. Ratios are of CPU time. Memory is the peak of the resident set of a process with the publisher alone, compiled beforehand, with `--max-semi-space-size=4`. The event loop: the longest pause by `monitorEventLoopDelay` at 1 ms over the whole run, beside that of a process that does nothing on the same machine at the same time. SQLite, SoftHSM, RSA 4096.',
        '',
        '| entries | MB | openssl | cold | openssl / cold | start with a list | after one more | openssl / one more | peak MiB | before the first list | openssl peak MiB | event loop, ms | idle process |',
        '|---|---|---|---|---|---|---|---|---|---|---|---|---|',
        ...rows,
      ].join('\n')
    } finally {
      await hierarchy.remove()
      rmSync(folder, { recursive: true, force: true })
      rmSync(builtFile, { force: true })
    }
  },
}

async function measure(hierarchy: DemoHierarchy, folder: string, built: string, size: number): Promise<string> {
  const file = join(folder, `${size}.sqlite`)
  const url = `sqlite:${file}`
  const database = openDatabase(url)
  await migrate(database)
  const services = await hierarchy.services(database)
  const token = await hierarchy.token('ca')
  // One certificate as it is issued; those behind the other revocations are not read for a list of an authority without shards.
  await insertApprovedApplication(services, hierarchy.maker)
  await issueWaiting(issuingParts(services, token))
  await database.raw('PRAGMA foreign_keys=OFF')
  const { sql: own } = await database('sqlite_master').where({ name: 'revocations_own' }).first('sql')
  await database.raw('DROP TRIGGER revocations_own')
  await database.raw(
    `INSERT INTO revocations (certificate_id, authority_id, serial, reason_code, ground, explanation, revoked_at, recorded_at, requested_by)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    SELECT 'bench-' || i, 'issuing-g1', '01' || lower(hex(randomblob(16))), CASE i % 4 WHEN 0 THEN 0 WHEN 1 THEN 1 WHEN 2 THEN 4 ELSE 5 END, 'bench', '',
      strftime('%Y-%m-%dT%H:%M:%S.000Z', 'now', '-' || (i % 1000000) || ' seconds'), strftime('%Y-%m-%dT%H:%M:%S.000Z', 'now'), 'bench' FROM n`,
    [size],
  )
  await database.raw(own)
  await database('status_changes').delete()
  await writeIndex(database, folder)
  await database.raw('PRAGMA wal_checkpoint(TRUNCATE)')
  await database.destroy()

  const openssl: Measured[] = []
  const gencrl = async () => void openssl.push(await runOpenssl(folder))
  const env = { ...process.env, ...hierarchy.env, DATABASE_URL: url, POLICY_FILE: SHIPPED_POLICY }
  // This process does nothing meanwhile: what holds it up is the machine.
  let control = 0
  const publish = async (): Promise<Published> => {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const published: Published = JSON.parse(await output(process.execPath, [...FLAGS, built], env))
    delay.disable()
    control = Math.max(control, delay.max / 1e6)
    return published
  }
  await gencrl()
  const cold = await publish()
  await gencrl()
  const restart = await publish()
  await gencrl()
  if (cold.entries !== size + 5 || restart.entries !== size + 10) throw new Error(`${cold.entries}, ${restart.entries} entries`)
  const after = openDatabase(url)
  await verify(after, hierarchy, folder, size)
  await after.destroy()
  rmSync(file)

  const reference = openssl.sort((one, other) => one.cpu - other.cpu)[1]!
  const took = ({ cpu, wall }: Took) => `${cpu.toFixed(2)} (${wall.toFixed(2)})`
  const times = (of: Took) => (reference.cpu / of.cpu).toFixed(1)
  const more = cold.again.cpu > restart.again.cpu ? cold.again : restart.again
  const columns = [size.toLocaleString('en'), (cold.octets / 1e6).toFixed(1), took(reference), took(cold.first), times(cold.first), took(restart.first), took(more), times(more)]
  return `| ${[...columns, Math.max(cold.rss, restart.rss).toFixed(0), Math.max(cold.idle, restart.idle).toFixed(0), reference.rss.toFixed(0), Math.max(cold.block, restart.block).toFixed(0), control.toFixed(0)].join(' | ')} |`
}

interface Measured extends Took {
  readonly rss: number
}

/** Compiled beforehand: the loader of TypeScript alone would take 35 MiB of the process whose memory is measured. It stands beside its source, where its packages are found. */
const builtFile = PUBLISHER.replace(/\.ts$/, `.${process.pid}.mjs`)
function build(): string {
  buildSync({ entryPoints: [PUBLISHER], bundle: true, platform: 'node', format: 'esm', packages: 'external', outfile: builtFile, logLevel: 'error' })
  return builtFile
}

function makeKey(folder: string): void {
  const openssl = (...words: string[]) => spawnSync('openssl', words, { cwd: folder })
  openssl('req', '-x509', '-newkey', 'rsa:4096', '-nodes', '-keyout', 'key.pem', '-out', 'ca.pem', '-subj', '/C=JP/O=Bench/CN=Bench CA', '-days', '3650')
  writeFileSync(join(folder, 'ca.cnf'), '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\ncertificate=ca.pem\nprivate_key=key.pem\ndefault_md=sha256\ndefault_crl_hours=96\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n')
}

/** The same revocations, as `openssl ca` keeps them. */
async function writeIndex(database: ReturnType<typeof openDatabase>, folder: string): Promise<void> {
  const reasons: Readonly<Record<number, string>> = { 0: '', 1: ',keyCompromise', 4: ',superseded', 5: ',cessationOfOperation' }
  const rows: { serial: string; revoked_at: string; reason_code: number }[] = await database('revocations').select('serial', 'revoked_at', 'reason_code')
  const utc = (iso: string) => `${iso.slice(2, 19).replace(/[-T:]/g, '')}Z`
  writeFileSync(join(folder, 'index.txt'), rows.map(({ serial, revoked_at, reason_code }) => `R\t400101000000Z\t${utc(revoked_at)}${reasons[reason_code]}\t${serial.toUpperCase()}\tunknown\t/C=JP/O=Example ${serial}/CN=Example\n`).join(''))
  writeFileSync(join(folder, 'crlnumber'), '01\n')
}

/** Its CPU and wall time as bash tells them, its memory as the kernel does while it runs. */
async function runOpenssl(folder: string): Promise<Measured> {
  const child = spawn('bash', ['-c', 'TIMEFORMAT="%U %S %R"; time openssl ca -config ca.cnf -gencrl -out list.pem 2>/dev/null'], { cwd: folder })
  let said = ''
  child.stderr.on('data', (text) => (said += text))
  let rss = 0
  const look = setInterval(() => {
    try {
      const [openssl] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ')
      rss = Math.max(rss, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${openssl}/status`, 'utf8'))?.[1] ?? 0) / 1024)
    } catch {
      // Not begun, or over.
    }
  }, 5)
  await new Promise((done) => child.on('close', done))
  clearInterval(look)
  const [user, system, wall] = said.trim().split(/\s+/).map(Number) as [number, number, number]
  return { cpu: user + system, wall, rss }
}

function output(command: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((done, failed) => {
    const child = spawn(command, words, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (part) => (text += part))
    child.on('close', (code) => (code === 0 ? done(text) : failed(new Error(`the publisher ended with ${code}`))))
  })
}

/** openssl reads and verifies what was published. */
async function verify(database: ReturnType<typeof openDatabase>, hierarchy: DemoHierarchy, folder: string, size: number): Promise<void> {
  const { certificate_der: der } = await database('authorities').where({ id: 'issuing-g1' }).first()
  writeFileSync(join(folder, 'issuing.der'), der)
  spawnSync('openssl', ['x509', '-inform', 'DER', '-in', 'issuing.der', '-out', 'issuing.pem'], { cwd: folder })
  writeFileSync(join(folder, 'list.der'), await readCrl(database, (await latestCrl(database, 'issuing-g1'))!))
  const { stderr } = spawnSync('openssl', ['crl', '-inform', 'DER', '-in', 'list.der', '-CAfile', 'issuing.pem', '-noout'], { cwd: folder, encoding: 'utf8' })
  if (!stderr.includes('verify OK')) throw new Error(`openssl does not verify the list of ${size}: ${stderr}`)
}
