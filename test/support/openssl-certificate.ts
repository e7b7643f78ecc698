/** What the openssl program prints of a certificate: an account of it that none of our code has a hand in. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const openssl = (input: Buffer, ...words: string[]): Buffer => execFileSync('openssl', words, { input, stdio: ['pipe', 'pipe', 'pipe'] })

export interface PrintedCertificate {
  /** As `-nameopt RFC2253` writes names, whose parts stand in reverse. */
  readonly subject: string
  readonly issuer: string
  /** Upper-case hex. */
  readonly serial: string
  readonly notBefore: Date
  readonly notAfter: Date
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly spkiSha256: string
  /** Dotted identifiers with the octets inside extnValue, hex, in their order. */
  readonly extensions: readonly (readonly [oid: string, value: string])[]
}

/** Names that `asn1parse` prints in the place of an identifier. */
const PRINTED: Readonly<Record<string, string>> = {
  'X509v3 Subject Key Identifier': '2.5.29.14',
  'X509v3 Key Usage': '2.5.29.15',
  'X509v3 Subject Alternative Name': '2.5.29.17',
  'X509v3 Basic Constraints': '2.5.29.19',
  'X509v3 CRL Distribution Points': '2.5.29.31',
  'X509v3 Certificate Policies': '2.5.29.32',
  'X509v3 Authority Key Identifier': '2.5.29.35',
  'X509v3 Extended Key Usage': '2.5.29.37',
  'Authority Information Access': '1.3.6.1.5.5.7.1.1',
}

export function printedCertificate(der: Buffer): PrintedCertificate {
  const text = openssl(der, 'x509', '-inform', 'DER', '-noout', '-subject', '-issuer', '-serial', '-startdate', '-enddate', '-dateopt', 'iso_8601', '-nameopt', 'RFC2253', '-pubkey').toString()
  const line = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(text)![1]!
  const date = (name: string): Date => new Date(line(name).replace(' ', 'T'))
  const key = openssl(Buffer.from(text.slice(text.indexOf('-----BEGIN'))), 'pkey', '-pubin', '-outform', 'DER')
  return {
    subject: line('subject'),
    issuer: line('issuer'),
    serial: line('serial'),
    notBefore: date('notBefore'),
    notAfter: date('notAfter'),
    spkiSha256: openssl(key, 'dgst', '-sha256', '-r').toString().slice(0, 64),
    extensions: printedExtensions(openssl(der, 'asn1parse', '-inform', 'DER').toString()),
  }
}

/** An extension is an OBJECT at depth 5, perhaps a BOOLEAN, and an OCTET STRING, which is printed as hex or, where every octet is printable, as text. */
function printedExtensions(dump: string): [string, string][] {
  return [...dump.matchAll(/:d=5 .*OBJECT +:(.+)\n(?:.*:d=5 .*BOOLEAN.*\n)?.*:d=5 .*OCTET STRING +(?:\[HEX DUMP\]:([0-9A-F]*)|:(.*))$/gm)].map(([, name, hex, text]) => [PRINTED[name!] ?? name!, hex?.toLowerCase() ?? Buffer.from(text!, 'latin1').toString('hex')])
}

/** The certificates of a PKCS#7 bag, as `openssl pkcs7` takes them out. */
export const printedBag = (der: Buffer): Buffer[] =>
  [...openssl(der, 'pkcs7', '-inform', 'DER', '-print_certs').toString().matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END/g)].map(([, body]) => Buffer.from(body!, 'base64'))

/**
 * Whether `issuer`'s key signed `certificate`, by openssl alone: it cuts out what was signed and the signature, names the digest, and
 * verifies. `openssl verify` would not do: makers' authorities of version 1 and CA:FALSE are no issuers for it.
 */
export function opensslVerifies(certificate: Buffer, issuer: Buffer): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'link-'))
  const file = (name: string, bytes?: Buffer): string => {
    if (bytes) writeFileSync(join(folder, name), bytes)
    return join(folder, name)
  }
  try {
    const dump = openssl(certificate, 'asn1parse', '-inform', 'DER').toString().trim().split('\n')
    const cut = (offset: string, name: string) => openssl(certificate, 'asn1parse', '-inform', 'DER', '-strparse', offset, '-noout', '-out', file(name))
    const offset = (line: string) => line.trim().split(':')[0]!
    cut(offset(dump[1]!), 'tbs')
    cut(offset(dump.at(-1)!), 'signature')
    const digest = /Signature Algorithm: \D*?(?:with-|With-)?(sha\d+|SHA\d+)/i.exec(openssl(certificate, 'x509', '-inform', 'DER', '-noout', '-text').toString())![1]!.toLowerCase()
    file('key', openssl(issuer, 'x509', '-inform', 'DER', '-noout', '-pubkey'))
    return execFileSync('openssl', ['dgst', `-${digest}`, '-verify', file('key'), '-signature', file('signature'), file('tbs')], { stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim() === 'Verified OK'
  } catch (error) {
    if ((error as { status?: number }).status === 1) return false
    throw error
  } finally {
    rmSync(folder, { recursive: true })
  }
}
