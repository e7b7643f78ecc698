/** A folder where the openssl program, and others beside it, work on files. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodePem } from '../../src/pki/pem.ts'

export interface OpensslFolder {
  readonly folder: string
  path(file: string): string
  /** Writes a file into it. */
  write(file: string, content: string | Buffer): void
  /** Runs a program in it; what it wrote to both streams together, and -1 as the code where a signal ended it. */
  run(command: string, ...words: string[]): { readonly code: number; readonly text: string }
  /** What openssl wrote. @throws with what it said when it failed */
  openssl(...words: string[]): Buffer
  remove(): void
}

const NAMES = '[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=unused\n'

/** @param sections of openssl.cnf, which openssl goes by here: extensions, a time-stamp authority */
export function opensslFolder(name: string, sections = ''): OpensslFolder {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  const path = (file: string) => join(folder, file)
  const write = (file: string, content: string | Buffer) => writeFileSync(path(file), content)
  write('openssl.cnf', NAMES + sections)
  const spawn = (command: string, words: string[]) => spawnSync(command, words, { cwd: folder, env: { ...process.env, LC_ALL: 'C', OPENSSL_CONF: path('openssl.cnf') } })
  return {
    folder,
    path,
    write,
    run(command, ...words) {
      const { status, stdout, stderr, error } = spawn(command, words)
      if (error) throw error
      return { code: status ?? -1, text: `${stdout}${stderr}` }
    },
    openssl(...words) {
      const { status, stdout, stderr, error } = spawn('openssl', words)
      if (error || status !== 0) throw error ?? new Error(`openssl ${words[0]}: ${stderr}`)
      return stdout
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Each CA's certificate, as `<kind>.pem`. */
export function writeAuthorities({ write }: OpensslFolder, authorities: readonly { readonly kind: string; readonly certificateDer: Buffer }[]): void {
  for (const { kind, certificateDer } of authorities) write(`${kind}.pem`, encodePem('CERTIFICATE', certificateDer))
}
