/**
 * A PostgreSQL server of the tests' own: on loopback, in a folder of its own, gone with the process that started it.
 * PostgreSQL refuses to run as root, so under root it runs as `postgres` or `nobody`.
 */
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface PostgresServer {
  /** The address of one database on this server, as DATABASE_URL takes it. */
  url(database: string): string
  /** Shuts it down, its data kept, as for a restart; resolves with how to start it again, on the same port. */
  pause(): Promise<() => Promise<void>>
  stop(): Promise<void>
}

const DEBIAN = '/usr/lib/postgresql'

/** The folder that holds `initdb` and `postgres`, or null when this machine has no PostgreSQL server. */
export function findPostgres(): string | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN, version, 'bin')) : []
  return [...(process.env['PATH'] ?? '').split(delimiter), ...versions].find((folder) => ['initdb', 'postgres'].every((file) => folder !== '' && isExecutable(join(folder, file)))) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** `uid` and `gid` of the user that the server runs as; empty when we are not root. Node drops the supplementary groups with them. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    try {
      const ask = (flag: string) => Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }).toString())
      return { uid: ask('-u'), gid: ask('-g') }
    } catch {
      // No such user here: the next one.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody')
}

// Lives exactly as long as its standard input: when the tests end, even by kill -9, the pipe closes, the server stops and its folder goes.
const KEEPER = `exec 3<&0
{ cat >/dev/null; touch "$FOLDER/over"; kill -INT $(head -n 1 "$FOLDER/data/postmaster.pid") 2>/dev/null; } <&3 &
while :; do
  "$@" & wait $!
  [ -e "$FOLDER/paused" ] || break
  while [ -e "$FOLDER/paused" ]; do [ -e "$FOLDER/over" ] && break 2; sleep 0.05; done
done
rm -rf "$FOLDER"`

// Nothing here outlives the run: no sync to disk. The socket stays in the server's folder; only `log` and worse is printed, so refused statements are silent.
const SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300', shared_buffers: '32MB', autovacuum: 'off', log_min_messages: 'log', TimeZone: 'UTC', listen_addresses: '127.0.0.1' }

/** @throws when this machine has no PostgreSQL server ({@link findPostgres}), or it doesn't start */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = findPostgres()
  if (programs === null) throw new Error('no PostgreSQL')
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(programs, await freePort())
    } catch (error) {
      // Another process may have taken the port in between.
      if (attempt === 3) throw error
    }
  }
}

async function start(programs: string, port: number): Promise<PostgresServer> {
  const user = unprivileged()
  const folder = mkdtempSync(join(tmpdir(), 'portal-pg-'))
  const password = randomBytes(16).toString('hex')
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (user.uid !== undefined && user.gid !== undefined) for (const path of [folder, passwordFile]) chownSync(path, user.uid, user.gid)
  const environment = { PATH: process.env['PATH'], LC_ALL: 'C', FOLDER: folder }
  const data = join(folder, 'data')
  try {
    execFileSync(join(programs, 'initdb'), ['-D', data, '-U', 'portal', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--no-sync', '--encoding=UTF8', '--locale=C'], { ...user, cwd: folder, env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  const settings = Object.entries({ ...SETTINGS, port: String(port), unix_socket_directories: folder }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const keeper = spawn('sh', ['-c', KEEPER, 'sh', join(programs, 'postgres'), '-D', data, ...settings], { ...user, cwd: folder, env: environment, detached: true, stdio: ['pipe', 'ignore', 'pipe'] })
  const ended = once(keeper, 'exit')
  let said = ''
  const ready = new Promise<void>((resolve, reject) => {
    keeper.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes('ready to accept connections')) resolve()
    })
    keeper.once('error', reject)
    keeper.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${said}`)))
  })
  const pidFile = join(data, 'postmaster.pid')
  const pause = async () => {
    writeFileSync(join(folder, 'paused'), '')
    process.kill(Number.parseInt(readFileSync(pidFile, 'utf8'), 10), 'SIGINT')
    while (existsSync(pidFile)) await sleep(20)
    return async () => {
      const from = said.length
      rmSync(join(folder, 'paused'))
      while (!said.slice(from).includes('ready to accept connections')) await sleep(20)
    }
  }
  const stop = async () => {
    keeper.ref()
    keeper.stdin.end()
    await ended
  }
  try {
    await ready
  } catch (error) {
    keeper.stdin.end()
    throw error
  }
  // The server must not keep the tests' process alive.
  keeper.unref()
  for (const stream of [keeper.stdin, keeper.stderr]) (stream as unknown as { unref(): void }).unref()
  return { url: (database) => `postgres://portal:${password}@127.0.0.1:${port}/${database}`, pause, stop }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
