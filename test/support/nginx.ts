/** nginx in the foreground with a file of ours, in a folder of its own, gone with the test file that started it. */
import { execFileSync, spawn } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll } from 'vitest'

/** The program, or null when this machine has none. */
export function findNginx(): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  return folders.map((folder) => join(folder, 'nginx')).find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  }) ?? null
}

const running: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const stop of running.splice(0)) await stop()
})

export interface Nginx {
  /** What `nginx -t` says of the file. */
  readonly tested: string
  /** Empty without `stop`'s folder. */
  log(name: string): string
  stop(): Promise<void>
}

/**
 * @param site makes the file for the http block; told the folder for everything that it names
 * @throws Error with what nginx says against it
 */
export async function startNginx(site: (folder: string) => string): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'))
  for (const name of ['cache', 'body', 'proxy']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'site.conf'), site(folder))
  const root = process.getuid?.() === 0 ? 'user root;\n' : ''
  writeFileSync(
    join(folder, 'nginx.conf'),
    `${root}daemon off;\npid ${folder}/pid;\nerror_log ${folder}/error.log info;\nworker_processes 1;\nevents { worker_connections 512; }\nhttp {
  access_log off;\n  client_body_temp_path ${folder}/body;\n  proxy_temp_path ${folder}/proxy;\n  fastcgi_temp_path ${folder}/1;\n  uwsgi_temp_path ${folder}/2;\n  scgi_temp_path ${folder}/3;
  include ${folder}/site.conf;\n}\n`,
  )
  const program = findNginx()!
  const words = ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')]
  let tested = ''
  try {
    tested = execFileSync('sh', ['-c', '"$@" -t 2>&1', 'sh', program, ...words], { encoding: 'utf8' })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error(`nginx -t: ${(error as { stdout: string }).stdout}`)
  }
  const child = spawn(program, words, { stdio: 'ignore' })
  const ended = new Promise<void>((done) => child.once('exit', () => done()))
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  running.push(stop)
  while (!existsSync(join(folder, 'pid'))) {
    if (child.exitCode !== null) throw new Error(readFileSync(join(folder, 'error.log'), 'utf8'))
    await sleep(20)
  }
  return { tested, log: (name) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : ''), stop }
}
