/** What openssl says of a certificate's status: the walk is judged by a client that is not ours. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StartRefused } from '../process.ts'

const run = promisify(execFile)

async function openssl(parameters: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await run('openssl', [...parameters])
    return stdout + stderr
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new StartRefused('openssl was not found: install it, since the walk has it judge the status')
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new StartRefused(`openssl ${parameters[0]} failed: ${(stderr || stdout || '').trim().split('\n').slice(0, 3).join(' ')}`)
  }
}

/** `good`, `revoked` or `unknown`, from a verified OCSP answer. */
export async function ocspStatus(place: { readonly url: string; readonly issuing: string; readonly root: string }, serialHex: string): Promise<string> {
  const answer = await openssl(['ocsp', '-issuer', place.issuing, '-serial', `0x${serialHex}`, '-CAfile', place.root, '-verify_other', place.issuing, '-url', place.url])
  if (!answer.includes('Response verify OK')) throw new StartRefused(`openssl did not verify the OCSP answer: ${answer.trim().split('\n')[0]}`)
  const status = /^(?:0x)?[0-9A-Fa-f]+: (\w+)$/m.exec(answer)?.[1]
  if (!status) throw new StartRefused(`openssl read no status: ${answer.trim().split('\n').slice(0, 3).join(' ')}`)
  return status
}

/** The serial numbers on a list whose signature openssl verified under its issuer. Upper-case hex. */
export async function revokedSerials(crl: Buffer, issuerPem: Buffer): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'crl-'))
  try {
    writeFileSync(join(folder, 'crl.der'), crl)
    writeFileSync(join(folder, 'issuer.pem'), issuerPem)
    const text = await openssl(['crl', '-inform', 'DER', '-in', join(folder, 'crl.der'), '-CAfile', join(folder, 'issuer.pem'), '-noout', '-text'])
    if (!text.includes('verify OK')) throw new StartRefused('openssl did not verify the list')
    return [...text.matchAll(/Serial Number: ([0-9A-F]+)/g)].map((match) => match[1]!)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Verifies the leaf under the root with both lists and the code-signing policy. */
export async function verifyChain(files: { readonly leaf: string; readonly issuing: string; readonly root: string; readonly lists: string }): Promise<'ok' | 'revoked'> {
  try {
    await run('openssl', ['verify', '-x509_strict', '-crl_check_all', '-CRLfile', files.lists, '-explicit_policy', '-policy', '2.23.140.1.4.1', '-CAfile', files.root, '-untrusted', files.issuing, files.leaf])
    return 'ok'
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    if (/certificate revoked/.test(stdout + stderr)) return 'revoked'
    throw new StartRefused(`openssl verify: ${(stderr || stdout).trim().split('\n').slice(0, 3).join(' ')}`)
  }
}
