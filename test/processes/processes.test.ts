import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { listAuthorities } from '../../src/database/authority-store.ts'
import { openServices } from '../../src/services.ts'
import { withDatabase } from '../support/database.ts'
import { freePorts, groupLives, oneLine, run, start, type Program } from '../support/program.ts'

const READY = 'Ctrl-C stops everything.'
const folder = mkdtempSync(join(tmpdir(), 'processes-'))
const DATA_DIR = join(folder, 'data')
let ports: Awaited<ReturnType<typeof freePorts>>
let env: Record<string, string>
let first: Program

beforeAll(async () => {
  ports = await freePorts()
  env = { DATA_DIR, ...ports }
  first = start('main', env)
  await first.said(READY)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function rows(table: string, where: Record<string, unknown> = {}) {
  const services = openServices(readConfig('command', withDatabase(env)))
  try {
    return await services.database(table).where(where)
  } finally {
    await services.close()
  }
}

/** The three processes that `npm start` began, by name. */
function childrenOf(pid: number): ReadonlyMap<string, number> {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n')
  return new Map(
    lines.flatMap((line) => {
      const [, child, parent, args] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
      const name = /src\/(portal|ca|status)\.ts/.exec(args ?? '')?.[1]
      return name && Number(parent) === pid ? [[name, Number(child)] as const] : []
    }),
  )
}

async function gone(program: Program): Promise<boolean> {
  for (const deadline = Date.now() + 10_000; groupLives(program.child.pid!); await new Promise((turn) => setTimeout(turn, 30))) if (Date.now() > deadline) return false
  return true
}

describe('npm start', () => {
  test('makes a demo hierarchy: its names begin with DEMO, and it is recorded as one at creation', async () => {
    const services = openServices(readConfig('command', withDatabase(env)))
    const authorities = await listAuthorities(services.database)
    expect(authorities.map((each) => [each.kind, each.demo])).toEqual([['root', true], ['issuing', true], ['timestamp-ca', true]])
    for (const each of authorities) {
      const { subject } = new X509Certificate(each.certificateDer)
      expect(subject).toMatch(/^CN=DEMO /m)
      expect(subject).toMatch(/^O=DEMO /m)
    }
    expect(await services.demoHierarchy()).toBe(true)
    expect(await services.database('ceremonies')).toMatchObject([{ demo: 1 }])
    await services.close()
    expect(first.output()).toMatch(new RegExp(`^\\s*${ports.PORTAL_URL}/first-administrator/[\\w-]{40,}$`, 'm'))
    expect([...childrenOf(first.child.pid!).keys()].sort()).toEqual(['ca', 'portal', 'status'])
  })

  test('Ctrl-C, which reaches the whole group of processes, ends all cleanly', async () => {
    first.signalGroup('SIGINT')
    const ended = await first.ended
    expect([ended.code, ended.signal, ended.err], ended.out).toEqual([0, null, ''])
    expect(ended.out.trimEnd().split('\n').at(-1)).toBe('Stopped.')
    expect(await gone(first)).toBe(true)
    const events: { actor: string; event: string }[] = await rows('audit_events')
    for (const name of ['portal', 'ca', 'status']) expect(events.filter((each) => each.actor === `process:${name}`).map((each) => each.event).filter((event) => event.startsWith('process.'))).toEqual(['process.started', 'process.stopped'])
  })

  test('SIGTERM to the whole group, as systemd sends it, ends all quietly, the workers of status too: exit code 0, nothing that died by itself, none started again', async () => {
    const program = start('main', { ...env, STATUS_WORKERS: '2', STATUS_URL: 'http://moved.example' })
    await program.said(READY)
    // The certificates were made with another address, which is said once for all.
    expect(program.output().split('\n').filter((line) => line.includes('EARLIER_URLS'))).toEqual([expect.stringContaining(`STATUS_URL is http://moved.example, but CA certificates name ${ports.STATUS_URL}: `)])
    program.signalGroup('SIGTERM')
    const ended = await program.ended
    expect([ended.code, ended.signal, ended.err], ended.out).toEqual([0, null, ''])
    expect(ended.out.trimEnd().split('\n').at(-1)).toBe('Stopped.')
    expect(await gone(program)).toBe(true)
  })

  test('a SIGTERM that a child hears first is the word to stop for all', async () => {
    const program = start('main', env)
    await program.said(READY)
    process.kill(childrenOf(program.child.pid!).get('status')!, 'SIGTERM')
    const ended = await program.ended
    expect([ended.code, ended.signal, ended.err], ended.out).toEqual([0, null, ''])
    expect(await gone(program)).toBe(true)
  })

  test('the second time makes nothing anew; a child that dies takes the others along, with exit code 1 and a line', async () => {
    const before = await rows('authorities')
    const program = start('main', env)
    await program.said(READY)
    expect(program.output()).not.toMatch(/Making a demo hierarchy|EARLIER_URLS/)
    expect(await rows('authorities')).toEqual(before)
    process.kill(childrenOf(program.child.pid!).get('ca')!, 'SIGKILL')
    const ended = await program.ended
    expect([ended.code, JSON.parse(ended.err)]).toEqual([1, { level: 'alert', at: expect.any(String), process: 'main', node: hostname(), child: 'ca', error: 'ended by itself (SIGKILL): stopping the others' }])
    expect(await gone(program)).toBe(true)
  })

  test('children whose parent went away end by themselves', async () => {
    const program = start('main', env)
    await program.said(READY)
    process.kill(program.child.pid!, 'SIGKILL')
    expect(await gone(program)).toBe(true)
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s to the group while the children still load ends all, with exit code 0', async (signal) => {
    const program = start('main', { ...env, STATUS_WORKERS: '2' })
    for (const deadline = Date.now() + 60_000; childrenOf(program.child.pid!).size < 3 && Date.now() < deadline; ) await new Promise((turn) => setTimeout(turn, 10))
    program.signalGroup(signal)
    const ended = await program.ended
    expect([ended.code, ended.err], ended.out).toEqual([0, ''])
    expect(ended.out).not.toContain(READY)
    expect(await gone(program)).toBe(true)
  })

  test('a port in use: one line says which and what to set, and nothing stays behind', async () => {
    await withPortTaken(Number(ports.STATUS_PORT), async () => {
      const program = start('main', env)
      const ended = await program.ended
      expect(oneLine(ended)).toBe(`Port ${ports.STATUS_PORT} is in use: stop what uses it, or set STATUS_PORT`)
      expect(ended.code).toBe(1)
      expect(await gone(program)).toBe(true)
    })
  })
})

async function withPortTaken(port: number, work: () => Promise<void>): Promise<void> {
  const server = createServer()
  await new Promise<void>((ready, failed) => server.once('error', failed).listen(port, '127.0.0.1', ready))
  try {
    await work()
  } finally {
    await new Promise((done) => server.close(done))
  }
}

describe('one process alone', () => {
  test.each([
    ['portal', 'SIGTERM'],
    ['ca', 'SIGTERM'],
    ['status', 'SIGTERM'],
    ['portal', 'SIGINT'],
    ['ca', 'SIGINT'],
    ['status', 'SIGINT'],
  ] as const)('%s says that it is ready, and ends cleanly by %s, told once or twice', async (name, signal) => {
    const program = start(name, env)
    await program.said({ portal: `Portal   ${ports.PORTAL_URL}`, ca: 'CA       issuing-g1 (demo)', status: `Status   ${ports.STATUS_URL}` }[name])
    program.signalGroup(signal)
    // npm passes on what the terminal told the whole group.
    program.signalGroup(signal)
    const ended = await program.ended
    expect([ended.code, ended.signal, ended.err]).toEqual([0, null, ''])
  })

  test.each([['portal', 'PORTAL_PORT'], ['status', 'STATUS_PORT']] as const)('%s on a port in use: one line', async (name, entry) => {
    await withPortTaken(Number(ports[entry]), async () => {
      expect(oneLine(await run(name, env))).toBe(`${name}: Port ${ports[entry]} is in use: stop what uses it, or set ${entry}`)
    })
  })

  test.each(['ca', 'status'])('%s without a hierarchy: one line', async (name) => {
    expect(oneLine(await run(name, { ...env, DATA_DIR: join(folder, 'empty') }))).toMatch(/^(ca|status): No hierarchy yet: run {2}npm start|^ca: The PIN file .* can't be read: run the set-up/)
  })

  test.each<[string, (pins: string) => Record<string, string>, RegExp]>([
    ['a wrong PIN', (pins) => (writeFileSync(join(pins, 'issuing'), 'wrong-pin\n'), {}), /^ca: .*PIN/],
    ['a PIN file that others can read', (pins) => (chmodSync(join(pins, 'issuing'), 0o644), {}), /^ca: The PIN file .*issuing is readable by others: chmod 600 it$/],
    ['an empty PIN file', (pins) => (writeFileSync(join(pins, 'issuing'), '\n'), {}), /^ca: The PIN file .*issuing is empty$/],
    ['no PIN file', (pins) => (rmSync(join(pins, 'issuing')), {}), /^ca: The PIN file .*issuing can't be read/],
    ['a token that is not there', () => ({ CA_TOKEN: 'nowhere' }), /^ca: .*nowhere/],
    ['another token’s label', (pins) => ({ CA_TOKEN: 'status', CA_PIN_FILE: join(pins, 'status') }), /^ca: The key of issuing-g1 is on the token issuing; CA_TOKEN names status$/],
    ['a module that is no module', () => ({ PKCS11_MODULE: new URL('../../package.json', import.meta.url).pathname }), /^ca: .*package\.json/],
    ['a database that can’t be reached', () => ({ DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none' }), /^ca: The database can't be reached: .*127\.0\.0\.1:9/],
    ['a database file in a folder that can’t be made', (pins) => ({ DATABASE_URL: `sqlite:${join(pins, 'status', 'portal.sqlite')}` }), /^ca: E(EXIST|NOTDIR): .*status/],
    ['a database file that is a folder', (pins) => ({ DATABASE_URL: `sqlite:${pins}` }), /^ca: .*SQLITE_CANTOPEN/],
    ['a database file that is none', (pins) => (writeFileSync(join(pins, 'text'), 'not a database, but long enough to be read as one'.repeat(40)), { DATABASE_URL: `sqlite:${join(pins, 'text')}` }), /^ca: .*SQLITE_NOTADB/],
  ])('%s: one line, exit code not 0, no trace', async (what, change, said) => {
    const pins = join(folder, 'pins', what.replaceAll(/\W/g, '-'))
    cpSync(join(DATA_DIR, 'pins'), pins, { recursive: true })
    for (const name of ['issuing', 'status']) chmodSync(join(pins, name), 0o600)
    const ended = await run('ca', { ...env, CA_PIN_FILE: join(pins, 'issuing'), ...change(pins) })
    expect(oneLine(ended)).toMatch(said)
    expect(ended.code).toBe(1)
  })

  test('a module that does not exist stands in the list of wrong entries', async () => {
    const ended = await run('ca', { ...env, PKCS11_MODULE: '/nowhere/module.so', PORTAL_PORT: 'x' })
    expect([ended.code, ended.err.split('\n').slice(1)]).toEqual([1, ['  PORTAL_PORT: must be a whole number from 1 to 65535, is "x"', '  PKCS11_MODULE: no such file: /nowhere/module.so', '']])
  })

  test('a policy that can’t be read is told without a trace', async () => {
    const file = join(folder, 'policy.json')
    writeFileSync(file, '{}')
    for (const name of ['portal', 'main', 'commands/ceremony', 'commands/demo-people']) {
      const ended = await run(name, { ...env, POLICY_FILE: file })
      expect([ended.code, ended.err.includes(`${file}:\n  id: `), /\n\s+at /.test(ended.err)], name).toEqual([1, true, false])
    }
  })
})

describe('production', () => {
  const OTHER_CA = new URL('../policy/other-ca/policy.json', import.meta.url).pathname
  const production = (name: string, more: Record<string, string> = {}) => ({ ...ports, NODE_ENV: 'production', DATA_DIR: join(folder, name), PORTAL_URL: 'https://portal.ca.example', TRUST_PROXY: 'yes', SMTP_URL: 'smtp://mail.ca.example', ...more })

  test('CAK-1, ISS-4: npm start makes no keys: it says to hold the ceremony', async () => {
    const ended = await run('main', production('keys', { POLICY_FILE: OTHER_CA }))
    expect([ended.code, ended.err]).toEqual([1, 'No hierarchy yet, and production never makes keys by itself: run  npm run ceremony  with two persons present\n'])
    for (const made of ['softhsm', 'pins']) expect(existsSync(join(folder, 'keys', made))).toBe(false)
  })

  test('CAK-1: the ceremony of production names its module; SoftHSM is never found by itself', async () => {
    const ended = await run('commands/ceremony', production('module', { POLICY_FILE: OTHER_CA }), [], '')
    expect(ended.code).toBe(1)
    const program = start('commands/ceremony', production('module', { POLICY_FILE: OTHER_CA }))
    await program.said('Name of the first person')
    program.type('Aoki')
    program.type('Beppu')
    await program.said('Code of this plan')
    const code = /Code of this plan {2}(\w+)/.exec(program.output())![1]!
    program.type(code)
    program.type(code)
    expect(oneLine(await program.ended)).toBe('ceremony: PKCS11_MODULE: production needs the path of the HSM’s PKCS#11 library')
    expect(existsSync(join(folder, 'module', 'softhsm'))).toBe(false)
  })

  test('samples are refused by every process and by the ceremony (CSBR 9.6.3)', async () => {
    for (const name of ['main', 'portal', 'ca', 'status', 'commands/ceremony']) {
      const ended = await run(name, production('samples'))
      expect(oneLine(ended), name).toMatch(/Production needs the CA's own texts; these are samples: .*subscriber-agreement/)
    }
  })

  test('CRL-4: an address that CA certificates don’t name is refused: one line with both', async () => {
    const ended = await run('portal', production('addresses', { POLICY_FILE: OTHER_CA, DATA_DIR, PORTAL_URL: 'https://moved.example', EARLIER_URLS: 'http://nowhere.example' }))
    expect(oneLine(ended)).toMatch(new RegExp(`^portal: PORTAL_URL is https://moved\\.example, but CA certificates name ${ports.PORTAL_URL}: `))
  })

  test('ACC-1: the portal sends its mail by SMTP, and keeps no text of what was sent: links in it are secrets', async () => {
    let received = ''
    const mailbox = createServer((socket) => {
      let inData = false
      socket.setEncoding('utf8').on('error', () => undefined).write('220 test\r\n')
      socket.on('data', (text: string) => {
        received += text
        if (inData) return void (received.endsWith('\r\n.\r\n') && ((inData = false), socket.write('250 ok\r\n')))
        for (const line of text.split('\r\n').filter(Boolean)) {
          if (line === 'DATA') inData = true
          socket.write(line === 'DATA' ? '354 go on\r\n' : '250 ok\r\n')
        }
      })
    })
    await new Promise<void>((ready) => mailbox.listen(0, '127.0.0.1', ready))
    const { PORTAL_PORT, STATUS_PORT } = await freePorts()
    const mailEnv = production('mail', { PORTAL_PORT: PORTAL_PORT, STATUS_PORT: STATUS_PORT, POLICY_FILE: OTHER_CA, SMTP_URL: `smtp://127.0.0.1:${(mailbox.address() as AddressInfo).port}` })
    const program = start('portal', mailEnv)
    try {
      await program.said('Portal ')
      const services = openServices(readConfig('command', withDatabase(mailEnv)))
      try {
        const outbox = () => services.database('mail_outbox')
        await outbox().insert({ id: 'mail', recipient: 'aoki@example.jp', subject: 'S', body: 'https://portal.ca.example/x', locale: 'en', created_at: new Date().toISOString(), failures: 0 })
        for (const deadline = Date.now() + 15_000; (await outbox().first()).sent_at === null && Date.now() < deadline; ) await new Promise((turn) => setTimeout(turn, 100))
        expect(received).toContain('https://portal.ca.example/x')
        expect(await outbox().first()).toMatchObject({ sent_at: expect.any(String), body: '' })
      } finally {
        await services.close()
      }
    } finally {
      program.child.kill('SIGTERM')
      await program.ended
      mailbox.close()
    }
  })

  test('demo commands are refused, before anything is opened or made', async () => {
    for (const [name, parameters] of [['people', []], ['key', ['--subject', 'CN=X']], ['life', ['--out', join(folder, 'life')]]] as const) {
      const ended = await run(`commands/demo-${name}`, production('demo', { POLICY_FILE: OTHER_CA }), parameters)
      expect([ended.code, ended.err]).toEqual([1, `demo:${name}: Demo commands are refused in production\n`])
    }
    expect(existsSync(join(folder, 'demo'))).toBe(false)
    // Under a demo hierarchy too.
    const ended = await run('commands/demo-people', { ...production('demo', { POLICY_FILE: OTHER_CA }), DATA_DIR })
    expect(oneLine(ended)).toBe('demo:people: Demo commands are refused in production')
  })
})
