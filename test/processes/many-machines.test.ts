import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyAuditChain } from '../../src/audit/audit-log.ts'
import { readConfig } from '../../src/config.ts'
import { ACCOUNTS, accountsSql, type Account } from '../../src/database/accounts.ts'
import { listAuthorities } from '../../src/database/authority-store.ts'
import { migrate, openDatabase, type Database } from '../../src/database/database.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import { openServices, type Services } from '../../src/services.ts'
import { insertApprovedApplication, insertPeople, type People } from '../support/approved-application.ts'
import { rsaKeyPair } from '../pki/keys.ts'
import { Client } from '../support/client.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { findNginx, startNginx, type Nginx } from '../support/nginx.ts'
import { createPerson, signIn } from '../support/portal.ts'
import { findPostgres, startPostgres, type PostgresServer } from '../support/postgres.ts'
import { freePorts, oneLine, run, start, type Program } from '../support/program.ts'
import { AGREED, evidenceFiles, fillDraft, giveEvidence, giveRequest, KEY, ORGANISATION, requestText, sendStep, startApplication, SUBJECT, submit, type Scene } from '../web/applicant.ts'

// Each host is an address of the loopback network: 2 `portal`, 2 `ca`, 3 `status`, one nginx in front, one PostgreSQL behind.
const missing = [...(findPostgres() === null ? ['PostgreSQL'] : []), ...(findNginx() === null ? ['nginx'] : [])]
if (missing.length > 0 && process.env['CI'] !== 'true') console.log(`skipped: no ${missing.join(', no ')}`)

describe.skipIf(missing.length > 0 && process.env['CI'] !== 'true')('many machines', () => {
  const PREFIX = 'codesign_'
  const folder = mkdtempSync(join(tmpdir(), 'many-'))
  const password = randomBytes(12).toString('hex')
  const tlsBefore = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  let hierarchy: DemoHierarchy
  let postgres: PostgresServer
  let owner: Database
  let services: Services
  let people: People
  let nginx: Nginx
  let PORTAL_URL: string
  let STATUS_URL: string
  interface Node {
    readonly address: string
    readonly env: Readonly<Record<string, string>>
    readonly name: Account
    program: Program
  }
  const nodes: Node[] = []
  const of = (name: Account) => nodes.filter((node) => node.name === name)

  const as = (account: Account) => Object.assign(new URL(postgres.url('many')), { username: PREFIX + account, password }).href
  const ready = { portal: 'Portal ', ca: 'CA  ', status: 'Status ', operator: '' }
  async function launch(node: Omit<Node, 'program'>): Promise<Node> {
    const program = start(node.name, node.env)
    await program.said(ready[node.name])
    return { ...node, program }
  }
  const starting: Promise<unknown>[] = []
  /** Starts a node that was killed again, beside what the tests do meanwhile. */
  function startAgain(node: Node): void {
    const started = launch(node).then((again) => void Object.assign(node, again))
    // Told where it is waited for.
    started.catch(() => undefined)
    starting.push(started)
  }
  const everyNode = async (): Promise<void> => void (await Promise.all(starting.splice(0)))
  async function place(name: Account, index: number, dataDir: string): Promise<Omit<Node, 'program'>> {
    const { PORTAL_PORT, STATUS_PORT } = await freePorts()
    const host = `127.0.0.${index + 1}`
    const env = { ...hierarchy.env, DATA_DIR: dataDir, DATABASE_URL: as(name), PORTAL_URL, STATUS_URL, PORTAL_HOST: host, PORTAL_PORT, STATUS_HOST: host, STATUS_PORT, TRUST_PROXY: 'yes', NODE_NAME: `${name}-${index}` }
    return { name, env, address: `${host}:${name === 'portal' ? PORTAL_PORT : STATUS_PORT}` }
  }

  beforeAll(async () => {
    ;[hierarchy, postgres] = await Promise.all([demoHierarchy(), startPostgres()])
    const keeper = openDatabase(postgres.url('postgres'))
    await keeper.raw('CREATE DATABASE many')
    await keeper.destroy()
    owner = openDatabase(postgres.url('many'))
    await migrate(owner)
    await owner.raw(accountsSql(PREFIX))
    for (const account of ACCOUNTS) await owner.raw(`ALTER ROLE ${PREFIX}${account} PASSWORD '${password}'`)
    await hierarchy.services(owner)

    const { PORTAL_PORT, STATUS_PORT } = await freePorts()
    PORTAL_URL = `https://localhost:${PORTAL_PORT}`
    STATUS_URL = `http://localhost:${STATUS_PORT}`
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'tls.key', '-out', 'tls.pem', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { cwd: folder, stdio: 'ignore' })
    const [first, second] = ['portal-1', 'portal-2'].map((name) => join(folder, name)) as [string, string]
    services = openServices(readConfig('command', { ...hierarchy.env, DATA_DIR: first, PORTAL_URL, STATUS_URL }), { database: owner })
    expect(services.secrets.cookieKey).not.toBe('')
    mkdirSync(join(second, 'secrets'), { recursive: true })
    cpSync(join(first, 'secrets', 'portal.key'), join(second, 'secrets', 'portal.key'))
    const tokens = hierarchy.env['DATA_DIR']!
    const places = await Promise.all([place('portal', 1, first), place('portal', 2, second), place('ca', 3, tokens), place('ca', 4, tokens), ...[5, 6, 7].map((index) => place('status', index, tokens))])
    const listed = (name: Account, option: string) => places.flatMap((each) => (each.name === name ? [option, each.address] : []))
    const [printed, inserted] = await Promise.all([
      run('commands/nginx-config', { PORTAL_URL, STATUS_URL }, ['--certificate', join(folder, 'tls.pem'), '--key', join(folder, 'tls.key'), ...listed('portal', '--portal'), ...listed('status', '--status'), '--listen', '127.0.0.1', '--cache', 'FOLDER/cache', '--log', 'FOLDER']),
      insertPeople(services),
      Promise.all(places.map(launch)).then((launched) => nodes.push(...launched)),
    ])
    people = inserted
    expect([printed.code, printed.err]).toEqual([0, ''])
    nginx = await startNginx((place) => printed.out.replaceAll('FOLDER', place))
    // The certificate is our own; one test looks at it.
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
    for (const { kind, certificateDer } of await listAuthorities(owner)) writeFileSync(join(folder, `${kind}.pem`), encodePem('CERTIFICATE', certificateDer))
  }, 180_000)

  afterAll(async () => {
    if (tlsBefore === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = tlsBefore
    for (const { program } of nodes) if (program.child.exitCode === null && program.child.signalCode === null) program.signalGroup('SIGKILL')
    await nginx?.stop()
    await owner?.destroy()
    await postgres?.stop()
    await hierarchy?.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  async function until<T>(what: string, look: () => Promise<T>, seconds = 40): Promise<NonNullable<T>> {
    for (const deadline = Date.now() + seconds * 1000; ; await sleep(100)) {
      const found = await look()
      if (found) return found
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}:\n${nodes.map(({ name, address, program }) => `--- ${name} ${address}\n${program.output().slice(-1500)}`).join('\n')}`)
    }
  }
  const browser = (headers: Record<string, string> = {}) => new Client(PORTAL_URL, { 'accept-language': 'en', ...headers })
  const issuedOf = (id: string) => owner('certificates').where({ application_id: id, state: 'issued' })
  const scene = () => ({ maker: hierarchy.maker, portal: { services } }) as unknown as Scene

  interface Heard {
    readonly status: number
    readonly headers: Readonly<Record<string, string | string[] | undefined>>
    readonly bytes: Buffer
  }
  /** The path goes out as it is: no URL class puts it right before. */
  function ask(base: string, path: string, { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: Buffer } = {}): Promise<Heard> {
    const { hostname, port } = new URL(base)
    return new Promise((done, failed) => {
      const sent = httpRequest({ host: hostname, port, path, method, headers: { ...headers, ...(body ? { 'content-length': String(body.length) } : {}) }, agent: false }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => done({ status: response.statusCode!, headers: response.headers, bytes: Buffer.concat(chunks) }))
      })
      sent.once('error', failed)
      sent.end(body)
    })
  }
  let count = 0
  /** An OCSP request for a certificate, and what openssl reads in an answer. */
  function ocspOf(der: Buffer) {
    const leaf = `leaf-${++count}.pem`
    writeFileSync(join(folder, leaf), encodePem('CERTIFICATE', der))
    const openssl = (...words: string[]) => execFileSync('openssl', ['ocsp', '-issuer', 'issuing.pem', '-cert', leaf, '-no_nonce', ...words], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    openssl('-reqout', `${leaf}.request`)
    const request = readFileSync(join(folder, `${leaf}.request`))
    return {
      request,
      path: `/ocsp/${encodeURIComponent(request.toString('base64'))}`,
      heard(answer: Buffer): string {
        writeFileSync(join(folder, `${leaf}.answer`), answer)
        return /: (good|revoked|unknown)/.exec(openssl('-respin', `${leaf}.answer`, '-CAfile', 'root.pem', '-verify_other', 'issuing.pem'))?.[1] ?? 'none'
      },
    }
  }
  let certificate: Buffer
  let status: ReturnType<typeof ocspOf>

  test('ISS-6: every process runs with an account of its own; two `ca` made one list of each kind under one number, and one certificate for each responder key', async () => {
    await until('responder certificates', async () => Number((await owner('responder_keys').count({ n: '*' }))[0]!['n']) === (await owner('responder_certificates').whereNotNull('der')).length)
    await until('the first lists', async () => (await owner('crl_lists').whereNull('number')).length === 0)
    const numbers: { authority_id: string; number: string }[] = await owner('crls').select('authority_id', 'number')
    expect(new Set(numbers.map(({ authority_id, number }) => `${authority_id} ${number}`)).size).toBe(numbers.length)
    const lists: { authority_id: string; shard: number }[] = await owner('crls').select('authority_id', 'shard')
    expect(new Set(lists.map(({ authority_id, shard }) => `${authority_id} ${shard}`)).size).toBe(lists.length)
    expect(await owner('responder_certificates')).toHaveLength((await owner('responder_keys')).length)
    const users = await owner.raw('SELECT DISTINCT usename AS name FROM pg_stat_activity WHERE datname = current_database() ORDER BY 1')
    expect(users.rows.map(({ name }: { name: string }) => name)).toEqual(['codesign_ca', 'codesign_portal', 'codesign_status', 'portal'])
  })

  test('ACC-1: a portal without the secret of the others is refused in one line', async () => {
    const node = await place('portal', 8, join(folder, 'stranger'))
    expect(oneLine(await run('portal', node.env))).toMatch(/^portal: This machine's secret .* is not the one that this database was used with: copy that file/)
  })

  test('nginx takes the printed file; it ends TLS for the portal’s name alone, and believes no address that a client states', async () => {
    expect(nginx.tested).toContain('test is successful')
    const { port } = new URL(PORTAL_URL)
    const shake = (servername: string) =>
      new Promise<string>((done) => {
        const socket = connect({ host: '127.0.0.1', port: Number(port), servername, ca: readFileSync(join(folder, 'tls.pem')), rejectUnauthorized: true }, () => (done(socket.getProtocol()!), socket.destroy()))
        socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
      })
    expect(await shake('localhost')).toBe('TLSv1.3')
    expect(await shake('elsewhere.example')).toMatch(/UNRECOGNIZED_NAME/)
    const forger = browser({ 'x-forwarded-for': '203.0.113.9' })
    await forger.get('/sign-in')
    await forger.post('/sign-in', { email: 'nobody@example.jp', password: 'wrong orchard lantern' })
    const buckets: string[] = (await owner('attempts').where('bucket', 'like', 'address:%')).map(({ bucket }: { bucket: string }) => bucket)
    expect(buckets).toEqual(['address:127.0.0.1'])
    // Secure cookies: the portal knows that TLS ended in front of it.
    expect([...forger.cookies.keys()]).toContain('__Host-portal')
    const response = await fetch(`${PORTAL_URL}/check-key`, { method: 'POST', body: new Uint8Array(13 * 1024 * 1024) })
    expect(response.status).toBe(413)
  })

  test('ISS-5: a `ca` is killed while it issues; the other goes on when the leases end, and each approval has one certificate', async () => {
    const approved = []
    for (let n = 0; n < 5; n++) approved.push(await insertApprovedApplication(services, hierarchy.maker, { people }))
    const ids = approved.map(({ id }) => id)
    const [victim] = of('ca')
    await until('a first certificate', async () => (await owner('certificates').whereIn('application_id', ids)).length > 0)
    victim!.program.signalGroup('SIGKILL')
    await victim!.program.ended
    // Half a minute in a moment: whoever holds a lease and lives is fenced by the version of the row.
    await until('every certificate', async () => {
      // Row by row: a statement over all of them and a crew that takes some would wait for each other.
      for (const id of ids) await owner('applications').where({ id }).whereNotNull('lease_until').update({ lease_until: '2026-01-01T00:00:00.000Z' })
      return (await owner('applications').whereIn('id', ids).whereNot({ state: 'issued' })).length === 0
    })
    for (const id of ids) expect(await issuedOf(id)).toHaveLength(1)
    const serials: string[] = (await owner('certificates').select('serial')).map(({ serial }: { serial: string }) => serial)
    expect(new Set(serials).size).toBe(serials.length)
    expect(await verifyAuditChain(owner)).toMatchObject({ intact: true })
    startAgain(victim!)
    certificate = (await issuedOf(ids[0]!).first()).der
    status = ocspOf(certificate)
  }, 120_000)

  test('OCS-7: nginx keeps an answer by GET as long as its headers let it, POST never, and passes every way of writing the path', async () => {
    const kept = async (path: string, more = {}) => {
      const { status: code, headers, bytes } = await ask(STATUS_URL, path, more)
      return [code, headers['x-cache-status'], code === 200 && bytes.length > 0 ? status.heard(bytes) : ''] as const
    }
    await until('a good answer', async () => {
      const { status: code, bytes } = await ask(STATUS_URL, '/ocsp', { method: 'POST', headers: { 'content-type': 'application/ocsp-request' }, body: status.request })
      return code === 200 && bytes.length > 20
    })
    expect([await kept(status.path), await kept(status.path)]).toEqual([[200, 'MISS', 'good'], [200, 'HIT', 'good']])
    const { headers } = await ask(STATUS_URL, status.path)
    expect(headers['cache-control']).toMatch(/^max-age=\d+, public, no-transform, must-revalidate$/)
    expect((await ask(STATUS_URL, status.path, { headers: { 'if-none-match': headers['etag'] as string } })).status).toBe(304)
    // The date alone doesn't tell revoked from good of the same second.
    expect((await ask(STATUS_URL, status.path, { headers: { 'if-modified-since': headers['last-modified'] as string } })).status).toBe(200)
    const post = { method: 'POST', headers: { 'content-type': 'application/ocsp-request' }, body: status.request }
    for (let n = 0; n < 2; n++) expect((await kept('/ocsp', post))[1]).toBeUndefined()
    const base64 = status.request.toString('base64')
    for (const path of [`/ocsp/${base64}`, `/ocsp//${base64}`, `/ocsp/${base64.replaceAll('+', '%2B').replaceAll('/', '%2F').replaceAll('=', '')}`]) {
      const [code, , heard] = await kept(path)
      expect([code, heard], path).toEqual([200, 'good'])
    }
    const long = await ask(STATUS_URL, `/ocsp/${'%41'.repeat(10_000)}`)
    expect([long.status, long.headers['x-cache-status'], long.bytes.toString('hex')]).toEqual([200, 'BYPASS', '30030a0101'])
    const list = await ask(STATUS_URL, '/crl/issuing-g1.crl')
    expect([list.status, (await ask(STATUS_URL, '/crl/issuing-g1.crl')).headers['x-cache-status']]).toEqual([200, 'HIT'])
    // nginx writes the line when the answer is gone.
    await expect.poll(() => nginx.log('codesign-status.log'), { timeout: 10_000 }).toMatch(/^\S+ "GET \/crl\/issuing-g1\.crl HTTP\/1\.1" 200 \d+ HIT$/m)
    expect(nginx.log('codesign-status.log')).not.toContain('127.0.0.1')
  }, 60_000)

  test('ACC-3: a portal is killed in the middle of an application; the session and the draft go on at the other', async () => {
    const person = await createPerson(services, { roles: ['subscriber'] })
    const client = browser()
    await signIn({ services }, client, person)
    const keys = rsaKeyPair(3072)
    const path = await startApplication(client)
    await sendStep(client, `${path}/organisation`, { ...ORGANISATION })
    await sendStep(client, `${path}/agreements`, AGREED)
    const [victim, other] = of('portal')
    victim!.program.signalGroup('SIGKILL')
    await victim!.program.ended
    await sendStep(client, `${path}/subject`, SUBJECT)
    await giveRequest(client, path, requestText(keys))
    await sendStep(client, `${path}/key-protection`, KEY)
    await giveEvidence(client, path, evidenceFiles(scene(), keys))
    expect((await submit(client, path)).status).toBe(200)
    expect(await services.applications.findByReference(path.split('/').at(-1)!)).toMatchObject({ state: 'submitted' })
    // The other way round: the one that was away takes over from the one that did the work.
    Object.assign(victim!, await launch(victim!))
    other!.program.signalGroup('SIGKILL')
    await other!.program.ended
    // nginx leaves alone for two seconds what it found dead.
    expect((await until('the page', () => client.get(path).catch(() => null))).path).toBe(path)
    startAgain(other!)
  }, 90_000)

  test('REV-4: a status node is killed; the others answer every question, and know of a revocation within seconds', async () => {
    await everyNode()
    const [victim, ...others] = of('status')
    let over = false
    const answers: string[] = []
    const asking = (async () => {
      while (!over) {
        // By POST: not from nginx's cache.
        const { status: code, bytes } = await ask(STATUS_URL, '/ocsp', { method: 'POST', headers: { 'content-type': 'application/ocsp-request' }, body: status.request })
        answers.push(code === 200 && bytes.length > 20 ? 'answered' : `${code} ${bytes.toString('hex')}`)
        await sleep(5)
      }
    })()
    await until('answers', async () => answers.length > 20)
    victim!.program.signalGroup('SIGKILL')
    await victim!.program.ended
    const from = answers.length
    await until('more answers', async () => answers.length > from + 40)
    over = true
    await asking
    expect(new Set(answers)).toEqual(new Set(['answered']))
    const { serialOctets } = readCertificate(certificate).tbs
    const row = await owner('certificates').where({ serial: serialOctets.toString('hex') }).first()
    const lists = Number((await owner('crls').where({ authority_id: row.authority_id }).count({ n: '*' }))[0]!['n'])
    const at = new Date().toISOString()
    await owner('revocations').insert({ certificate_id: row.id, authority_id: row.authority_id, serial: row.serial, crl_shard: row.crl_shard, revoked_at: at, recorded_at: at, reason_code: 1, ground: 'key-compromise', explanation: '', requested_by: people.applicant })
    for (const { address } of others) await until(`revoked at ${address}`, async () => status.heard((await ask(`http://${address}`, status.path)).bytes) === 'revoked')
    // Two `ca` saw it, and one list says it.
    const published = () => owner('crls').where({ authority_id: row.authority_id }).whereNotNull('seal').orderBy('number')
    await until('the next list', async () => (await published()).length > lists)
    await sleep(1500)
    const entries = (await published()).map((list: { entries: number }) => Number(list.entries))
    expect(entries, 'each list has an entry more than the one before').toEqual([...new Set(entries)].sort((one, other) => one - other))
    startAgain(victim!)
  }, 90_000)

  test('PostgreSQL restarts under load: answers go on from what is kept, what was acknowledged is there, and every process recovers by itself', async () => {
    await everyNode()
    const person = await createPerson(services, { roles: ['subscriber'] })
    const client = browser()
    await signIn({ services }, client, person)
    const draft = await fillDraft(scene(), client, rsaKeyPair(3072), 'Second K.K.')
    const pids = nodes.map(({ program }) => program.child.pid)
    for (const { address } of of('status')) await ask(`http://${address}`, status.path)

    let over = false
    const acknowledged: string[] = []
    let refused = 0
    const applying = (async () => {
      while (!over) {
        try {
          const page = await client.post('/applications', {}, { follow: false })
          if (page.status === 303 && page.location?.startsWith('/applications/')) acknowledged.push(page.location)
          else refused++
        } catch {
          refused++
        }
        await sleep(20)
      }
    })()
    const answers: string[] = []
    let last: Buffer = Buffer.alloc(0)
    const asking = (async () => {
      for (let n = 0; !over; n++) {
        const { status: code, bytes } = await ask(`http://${of('status')[n % 3]!.address}`, status.path).catch((error: Error) => ({ status: error.message, bytes: Buffer.alloc(0) }))
        answers.push(code === 200 && bytes.length > 20 ? 'answered' : `${code} ${bytes.toString('hex')}`)
        last = bytes
        await sleep(10)
      }
    })()
    await until('applications', async () => acknowledged.length >= 3)
    const resume = await postgres.pause()
    const from = answers.length
    // What can't be read is to be asked for again, and said once, not for each who asks.
    for (let n = 0; n < 3; n++)
      for (const { address } of of('status')) {
        const { status: code, headers } = await ask(`http://${address}`, '/crl/issuing-g1.crl')
        expect([code, headers['retry-after'], headers['cache-control']]).toEqual([503, '30', 'no-store'])
      }
    const { status: paged } = await client.get('/')
    expect(paged).toBe(503)
    await sleep(2500)
    const during = answers.length - from
    await resume()
    const before = acknowledged.length
    try {
      await until('applications again', async () => acknowledged.length >= before + 3)
      // A form sent again until it is acknowledged is submitted once.
      await until('the submission', async () => (await submit(client, draft)).status === 200)
    } finally {
      over = true
      await Promise.all([applying, asking])
    }
    for (const { name, program } of nodes) {
      const said = program.output().split('\n').filter((line) => line.includes('"level":"error"')).map((line) => JSON.parse(line) as Record<string, unknown>)
      const same = said.map(({ job, worker, error }) => `${job} ${worker} ${error}`).filter((line, at, all) => all.indexOf(line) !== at)
      if (name !== 'portal') expect(same, name).toEqual([])
    }
    expect(refused).toBeGreaterThan(0)
    expect(during).toBeGreaterThan(20)

    expect(new Set(answers)).toEqual(new Set(['answered']))
    expect(status.heard(last)).toBe('revoked')
    for (const path of acknowledged) expect(await services.applications.findByReference(path.split('/').at(-1)!), path).not.toBeNull()
    const submitted = (await services.applications.findByReference(draft.split('/').at(-1)!))!
    expect(submitted.state).toBe('submitted')
    expect(await owner('audit_events').where({ event: 'application.submitted', subject: `application:${submitted.id}` })).toHaveLength(1)
    expect(await verifyAuditChain(owner)).toMatchObject({ intact: true })

    const { id } = await insertApprovedApplication(services, hierarchy.maker, { people })
    await until('a certificate', async () => (await issuedOf(id)).length === 1)
    const fresh = ocspOf((await issuedOf(id).first()).der)
    for (const { address } of of('status')) await until(`good at ${address}`, async () => fresh.heard((await ask(`http://${address}`, fresh.path)).bytes) === 'good')
    expect((await client.get('/applications')).status).toBe(200)
    expect(nodes.map(({ program }) => [program.child.pid, program.child.exitCode, program.child.signalCode])).toEqual(pids.map((pid) => [pid, null, null]))
  }, 120_000)
})
