import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodePem, readPem } from '../../../src/pki/pem.ts'
import { describeWith, fetchBytes, startLife } from '../../support/signing-tools.ts'

describeWith(['openssl', 'curl'], 'openssl ts and curl, against a whole instance', () => {
  let life: Awaited<ReturnType<typeof startLife>>
  beforeAll(async () => {
    life = await startLife()
    life.file('data', 'a signature')
  }, 120_000)
  afterAll(() => life?.stop())

  const post = async (query: string, reply: string) => {
    const words = ['-sS', '-H', 'Content-Type: application/timestamp-query', '--data-binary', `@${query}`, '-o', reply, '-w', '%{http_code} %{content_type}', `${life.instance.statusUrl}/tsa`]
    expect((await life.run('curl', words)).text).toBe('200 application/timestamp-reply')
  }

  test.each(['sha256', 'sha384', 'sha512'])('TSA-1: openssl ts verifies a time-stamp of %s by the root alone, its CA\'s list checked', async (hash) => {
    const list = await fetchBytes(`${life.instance.statusUrl}/crl/timestamp-g1.crl`)
    expect(list.type).toBe('application/pkix-crl')
    const { bytes } = await fetchBytes(`${life.instance.statusUrl}/ca/timestamp-g1.cer`)
    life.file('tsa.pem', encodePem('CERTIFICATE', bytes))
    await life.openssl('ts', '-query', '-data', 'data', `-${hash}`, '-cert', '-out', 'query.tsq')
    await post('query.tsq', 'reply.tsr')
    expect((await life.openssl('ts', '-verify', '-queryfile', 'query.tsq', '-in', 'reply.tsr', '-CAfile', 'root.pem')).text).toContain('Verification: OK')
    // The certificate that came with it is for this purpose under its own CA, and on no list.
    await life.openssl('ts', '-reply', '-in', 'reply.tsr', '-token_out', '-out', 'token.der')
    const printed = await life.openssl('pkcs7', '-inform', 'DER', '-in', 'token.der', '-print_certs')
    const unit = readPem(printed.text)!.map(({ der }) => der).find((der) => !der.equals(bytes))!
    life.file('unit.pem', encodePem('CERTIFICATE', unit))
    life.file('list.pem', encodePem('X509 CRL', list.bytes))
    const verified = await life.openssl('verify', '-x509_strict', '-purpose', 'timestampsign', '-crl_check', '-CRLfile', 'list.pem', '-CAfile', 'root.pem', '-untrusted', 'tsa.pem', 'unit.pem')
    expect(verified.text).toContain('OK')
  })

  test('TSA-1: a SHA-1 imprint is refused with badAlg', async () => {
    await life.openssl('ts', '-query', '-data', 'data', '-sha1', '-cert', '-out', 'old.tsq')
    await post('old.tsq', 'old.tsr')
    const { text } = await life.openssl('ts', '-reply', '-in', 'old.tsr', '-text')
    expect(text).toContain('Status: Rejected.')
    expect(text).toContain('unrecognized or unsupported algorithm identifier')
    expect(life.instance.faults()).toEqual([])
  })

  test('TSA-1: the repository lists the time-stamp CA and its address', async () => {
    const page = await (await fetch(`${life.instance.portalUrl}/repository`)).text()
    expect(page).toContain(`${life.instance.statusUrl}/tsa`)
    expect(page).toContain('/crl/timestamp-g1.crl')
  })
})
