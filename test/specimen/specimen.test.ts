import { createPrivateKey, createSign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readDer } from '../../src/pki/der.ts'
import { jarSignature, jarTimestamp, signedJar, stampedJar, unstampedJar } from '../../src/specimen/jar.ts'
import { programSignature, programTimestamp, signedProgram, stampedProgram, unstampedProgram } from '../../src/specimen/program.ts'
import { isTokenOf, readTimestamp, timestampRequest } from '../../src/specimen/time-stamping.ts'
import type { SpecimenSigner } from '../../src/specimen/signature.ts'
import { opensslFolder } from '../support/openssl-folder.ts'
import { describeWith } from '../support/signing-tools.ts'

const SECTIONS = `
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
[signer]
keyUsage=critical,digitalSignature
extendedKeyUsage=codeSigning
[stamper]
keyUsage=critical,digitalSignature
extendedKeyUsage=critical,timeStamping
[tsa]
default_tsa=unit
[unit]
serial=serial
signer_cert=stamper.pem
certs=root.pem
signer_key=stamper.key
signer_digest=sha256
default_policy=1.2.3.4
digests=sha256
accuracy=secs:1
`

let signer: SpecimenSigner
const { path, run, openssl, write, remove } = opensslFolder('specimen', SECTIONS)

beforeAll(() => {
  write('serial', '01\n')
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'root.key', '-subj', '/C=JP/O=Test/CN=Root', '-days', '30', '-extensions', 'ca', '-out', 'root.pem')
  for (const name of ['signer', 'stamper']) {
    openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-subj', `/C=JP/O=Test/CN=${name}`, '-out', `${name}.csr`)
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial', '-days', '20', '-extfile', 'openssl.cnf', '-extensions', name, '-out', `${name}.pem`)
  }
  const der = (name: string) => Buffer.from(readFileSync(path(name), 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const key = createPrivateKey(readFileSync(path('signer.key')))
  signer = { certificateDer: der('signer.pem'), chain: [der('signer.pem')], sign: async (data) => createSign('sha256').update(data).sign(key) }
}, 60_000)
afterAll(remove)

const NONCE = Buffer.from('7123456789abcdef', 'hex')

function stamp(signature: Buffer): Buffer {
  write('query', timestampRequest(signature, NONCE))
  openssl('ts', '-reply', '-section', 'unit', '-queryfile', 'query', '-out', 'reply')
  const reply = readFileSync(path('reply'))
  expect(() => readTimestamp(reply, Buffer.from('another'), NONCE)).toThrow(/something else/)
  expect(() => readTimestamp(reply, signature, Buffer.from('11', 'hex'))).toThrow(/something else/)
  return readTimestamp(reply, signature, NONCE)!.token
}

describeWith(['openssl', 'jarsigner', 'keytool'], 'a signed Java archive', () => {
  test('REP-2: jarsigner verifies it, before and after its time-stamp', async () => {
    expect(run('keytool', '-importcert', '-noprompt', '-alias', 'root', '-file', 'root.pem', '-keystore', 'root.p12', '-storepass', 'changeit').code).toBe(0)
    const verify = (name: string) => run('jarsigner', '-verify', '-strict', '-verbose', '-certs', '-keystore', 'root.p12', '-storepass', 'changeit', name)
    const jar = await signedJar('an example\n', signer)
    write('a.jar', jar)
    const plain = verify('a.jar')
    expect(plain.text).toContain('jar verified')
    // 32: the tool's notice that the archive has no time-stamp or ends soon is none under -strict; nothing else may be said.
    expect(plain.code & ~32, plain.text).toBe(0)
    write('b.jar', stampedJar(jar, stamp(jarSignature(jar))))
    const stamped = verify('b.jar')
    expect(stamped.text).toMatch(/Timestamp: .*|timestamp will expire|signed by/i)
    expect(stamped.code & ~32, stamped.text).toBe(0)
    expect(jarSignature(stampedJar(jar, stamp(jarSignature(jar))))).toEqual(jarSignature(jar))
    expect(() => stampedJar(stampedJar(jar, stamp(jarSignature(jar))), Buffer.alloc(0))).toThrow(/already/)
  }, 60_000)
})

describeWith(['openssl', 'osslsigncode'], 'a signed Windows program', () => {
  test('REP-2: osslsigncode verifies it, before and after its time-stamp, and not when it was changed', async () => {
    const verify = (program: Buffer) => {
      write('a.exe', program)
      return run('osslsigncode', 'verify', '-CAfile', 'root.pem', '-TSA-CAfile', 'root.pem', '-ignore-cdp', '-in', 'a.exe')
    }
    const program = await signedProgram('an example', signer)
    expect(verify(program).text).toContain('Signature verification: ok')
    expect(verify(program).code).toBe(0)
    const stamped = verify(stampedProgram(program, stamp(programSignature(program))))
    expect(stamped.text).toMatch(/Timestamp Server Signature verification: ok/)
    expect(stamped.text).not.toMatch(/checksum.*(mismatch|invalid)/i)
    expect(stamped.code, stamped.text).toBe(0)
    const changed = Buffer.from(program)
    changed[0x150] = 0x41 ^ changed[0x150]!
    expect(verify(changed).code).not.toBe(0)
  })
})

test('REP-2: a time-stamp is taken out again octet for octet, and names the certificate that gave it', async () => {
  const [jar, program] = [await signedJar('an example\n', signer), await signedProgram('an example', signer)]
  const tokens = [stamp(jarSignature(jar)), stamp(programSignature(program))] as const
  const stamped = [stampedJar(jar, tokens[0]), stampedProgram(program, tokens[1])] as const
  expect([jarTimestamp(jar), programTimestamp(program)]).toEqual([null, null])
  expect([jarTimestamp(stamped[0]), programTimestamp(stamped[1])]).toEqual(tokens)
  expect([unstampedJar(stamped[0]).equals(jar), unstampedProgram(stamped[1]).equals(program)]).toEqual([true, true])
  const stamper = Buffer.from(readFileSync(path('stamper.pem'), 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64')
  for (const token of tokens) expect([isTokenOf(token, stamper), isTokenOf(token, signer.certificateDer)]).toEqual([true, false])
})

test('REP-2: what is refused gives no token, and octets that are no answer are said to be none', () => {
  expect(readTimestamp(Buffer.from('30053003020102', 'hex'), Buffer.alloc(1), NONCE)).toBeNull()
  for (const octets of ['', '30', '3000', '3005300302010030', '0500']) expect(() => readTimestamp(Buffer.from(octets, 'hex'), Buffer.alloc(1), NONCE) ?? readDer(Buffer.alloc(0))).toThrow()
})
