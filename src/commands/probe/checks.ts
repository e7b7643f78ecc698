/** What each tool must say of an example, by what the example shows (REP-2). Each check asks one tool one thing. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodePem } from '../../pki/pem.ts'
import type { Subject } from './subject.ts'
import { run, type Ran, type Tool } from './tools.ts'

export interface Check {
  readonly name: string
  readonly needs: readonly Tool[]
  readonly stamped?: true
  /** What must be said, in a word. */
  wanted(subject: Subject): string
  /** What was said: the same word, or the tool's own words. @throws Error that says why nothing was: an address that did not answer, a tool that did not run */
  ask(subject: Subject): Promise<string>
}

const status = ({ revoked }: Subject): string => (revoked ? 'revoked' : 'good')
const ISSUER = ['-issuer', 'issuing.pem', '-cert', 'leaf.pem', '-CAfile', 'root.pem', '-verify_other', 'issuing.pem']

function ocspSays({ text }: Ran, ocsp: string): string {
  if (text.includes('Error querying OCSP responder')) return `${ocsp} ${/code=(\d{3})/.exec(text)?.[1]?.replace(/^/, 'answers ') ?? "can't be reached"}`
  if (!text.includes('Response verify OK')) return said(text)
  // Without it nobody could tell an old certificate's answer from one that was forgotten (OCS-5).
  if (!text.includes('OCSP Archive Cutoff')) return 'no archive cutoff'
  return /^leaf\.pem: (good|revoked|unknown)$/m.exec(text)?.[1] ?? said(text)
}

const said = (text: string): string => text.trim().split('\n').filter((line) => line.trim() !== '').slice(-2).join(' ').slice(0, 200) || 'nothing'

const ocspPost: Check = {
  name: 'ocsp-post',
  needs: ['openssl'],
  wanted: status,
  ask: async ({ folder, ocsp }) => ocspSays(await run(folder, 'openssl', ['ocsp', ...ISSUER, '-url', ocsp, '-resp_text']), ocsp),
}

const ocspGet: Check = {
  name: 'ocsp-get',
  needs: ['openssl'],
  wanted: status,
  async ask({ folder, ocsp, client }) {
    const made = await run(folder, 'openssl', ['ocsp', '-issuer', 'issuing.pem', '-cert', 'leaf.pem', '-no_nonce', '-reqout', 'request.der'])
    if (made.code !== 0) return said(made.text)
    const { text } = await run(folder, 'openssl', ['base64', '-A', '-in', 'request.der'])
    writeFileSync(join(folder, 'answer.der'), await client.get(`${ocsp}/${encodeURIComponent(text.trim())}`))
    return ocspSays(await run(folder, 'openssl', ['ocsp', ...ISSUER, '-respin', 'answer.der', '-no_nonce', '-resp_text']), ocsp)
  },
}

const crl: Check = {
  name: 'crl',
  needs: ['openssl'],
  wanted: status,
  async ask({ folder, lists, client }) {
    const fetched = await Promise.all(lists.map((url) => client.get(url)))
    writeFileSync(join(folder, 'lists.pem'), fetched.map((der) => encodePem('X509 CRL', der)).join(''))
    // The list answers for what has expired too (CRL-3), so the dates are left out of this question.
    const { code, text } = await run(folder, 'openssl', ['verify', '-x509_strict', '-no_check_time', '-crl_check_all', '-CRLfile', 'lists.pem', '-CAfile', 'root.pem', '-untrusted', 'issuing.pem', 'leaf.pem'])
    return code === 0 ? 'good' : text.includes('certificate revoked') ? 'revoked' : said(text)
  },
}

const dates: Check = {
  name: 'dates',
  needs: ['openssl'],
  wanted: ({ expired }) => (expired ? 'expired' : 'in force'),
  async ask({ folder }) {
    const { code, text } = await run(folder, 'openssl', ['verify', '-x509_strict', '-CAfile', 'root.pem', '-untrusted', 'issuing.pem', 'leaf.pem'])
    return text.includes('certificate has expired') ? 'expired' : code === 0 ? 'in force' : said(text)
  },
}

/** Bits of jarsigner's exit code under -strict: the chain is refused; no certificate is in the keystore by itself, or there is a notice. */
const CHAIN_REFUSED = 4
const NOTICE = 32

const jarsigner: Check = {
  name: 'jarsigner',
  needs: ['jarsigner', 'keytool'],
  stamped: true,
  wanted: ({ revoked, expired }) => `${revoked ? 'revoked' : 'accepted'}${expired ? ', certificate expired' : ''}`,
  async ask({ folder, jar, client }) {
    writeFileSync(join(folder, 'example.jar'), await client.get(jar))
    const { code, text } = await run(folder, 'jarsigner', ['-J-Duser.language=en', '-verify', '-strict', '-verbose', '-certs', '-revCheck', '-keystore', 'root.p12', '-storetype', 'PKCS12', '-storepass', 'changeit', 'example.jar'])
    if (!text.includes('jar verified')) return said(text)
    const verdict = (code & CHAIN_REFUSED) !== 0 && /Certificate has been revoked/.test(text) ? 'revoked' : (code & ~NOTICE) === 0 ? 'accepted' : `exit code ${code}`
    return `${verdict}${/signer certificate expired on/.test(text) ? ', certificate expired' : ''}`
  },
}

const osslsigncode: Check = {
  name: 'osslsigncode',
  needs: ['osslsigncode'],
  stamped: true,
  wanted: ({ revoked }) => (revoked ? 'revoked' : 'accepted'),
  async ask({ folder, program, client }) {
    writeFileSync(join(folder, 'example.exe'), await client.get(program))
    // Without a list of ours: it fetches those that the certificates name.
    const { code, text } = await run(folder, 'osslsigncode', ['verify', '-CAfile', 'root.pem', '-TSA-CAfile', 'root.pem', '-in', 'example.exe'])
    if (!text.includes('Timestamp Server Signature verification: ok')) return said(text)
    if (code === 0 && text.includes('Signature verification: ok')) return 'accepted'
    return text.includes('certificate revoked') ? 'revoked' : said(text)
  },
}

export const CHECKS: readonly Check[] = [dates, ocspPost, ocspGet, crl, jarsigner, osslsigncode]
