import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readDer } from '../../../src/pki/der.ts'
import { readCertificatePolicies } from '../../../src/pki/extension-values.ts'
import { OID } from '../../../src/pki/oids.ts'
import { certificatePem } from '../../../src/pki/pem.ts'
import type { X509Certificate } from '../../../src/pki/x509-certificate.ts'
import { addressesOf, describeWith, fetchBytes, startLife } from '../../support/signing-tools.ts'

const RESERVED = '2.23.140.1.4.1'
const CODE_SIGNING = '1.2.392.200091.100.381.8'
const CODE_SIGNING_PURPOSE = '1.3.6.1.5.5.7.3.3'
const DAY = 86_400_000

describeWith(['openssl', 'certtool'], 'the chain of a certificate made on the pages', () => {
  let life: Awaited<ReturnType<typeof startLife>>
  beforeAll(async () => {
    life = await startLife()
  }, 120_000)
  afterAll(() => life?.stop())

  const policiesOf = ({ tbs }: X509Certificate) => readCertificatePolicies(tbs.extensions.find(({ oid }) => oid === OID.certificatePolicies)!.value)
  const verify = async (policy = RESERVED) => {
    const checks = ['-x509_strict', '-crl_check_all', '-explicit_policy', '-policy', policy]
    return life.openssl('verify', ...checks, '-CRLfile', await life.lists(), '-CAfile', 'root.pem', '-untrusted', 'issuing.pem', 'leaf.pem')
  }
  const x509 = async (name: string) => (await life.openssl('x509', '-in', name, '-noout', '-text')).text

  describe('before revocation', () => {
    test('CRT-1, CRT-12: openssl accepts it strictly, with both lists, under the reserved code-signing policy', async () => {
      expect(await verify()).toEqual({ code: 0, text: 'leaf.pem: OK\n' })
    })

    test('CRT-12: openssl finds no path for the CA\'s own policy, which only the leaf names', async () => {
      const { code, text } = await verify(CODE_SIGNING)
      expect(code).not.toBe(0)
      expect(text).toContain('no explicit policy')
    })

    test('CRT-1: policy 1.2.392.200091.100.381.8 with the CPS address, then 2.23.140.1.4.1', async () => {
      expect(policiesOf(life.leaf.certificate)).toEqual([
        { oid: CODE_SIGNING, qualifiers: [{ oid: OID.cpsQualifier, cps: `${life.instance.portalUrl}/repository` }] },
        { oid: RESERVED, qualifiers: [] },
      ])
      const lines = (await x509('leaf.pem')).split('\n').map((line) => line.trim())
      const first = lines.indexOf('X509v3 Certificate Policies:') + 1
      expect(lines.slice(first, first + 3)).toEqual([`Policy: ${CODE_SIGNING}`, `CPS: ${life.instance.portalUrl}/repository`, `Policy: ${RESERVED}`])
    })

    test('CRT-3, CRT-4, CRT-9: openssl shows digitalSignature alone and critical, codeSigning alone, nothing of another profile', async () => {
      const text = await x509('leaf.pem')
      expect(text).toMatch(/X509v3 Key Usage: critical\n\s+Digital Signature\n/)
      expect(text).toMatch(/X509v3 Extended Key Usage:\s*\n\s+Code Signing\n/)
      expect(text).not.toMatch(/Subject Alternative Name|Netscape|Basic Constraints/)
      expect(life.leaf.certificate.tbs.extensions).toHaveLength(7)
    })

    test('CRT-6: subject key identifier is the SHA-1 of the key in the SoftHSM token, authority key identifier the issuing CA\'s', async () => {
      const { key, certificate } = life.leaf
      expect(certificate.tbs.spki.equals(key.spki)).toBe(true)
      const keyOf = ({ tbs }: X509Certificate) => readDer(tbs.spki).children()[1]!.bitStringOctets()
      const identifier = (of: X509Certificate) => createHash('sha1').update(keyOf(of)).digest('hex').toUpperCase().replace(/..(?!$)/g, '$&:')
      const text = await x509('leaf.pem')
      expect(text).toMatch(new RegExp(`Subject Key Identifier:\\s*\\n\\s+${identifier(certificate)}\\n`))
      expect(text).toMatch(new RegExp(`Authority Key Identifier:\\s*\\n\\s+${identifier(life.issuing)}\\n`))
    })

    test('CRT-10: 460 days, both ends counted', () => {
      const { notBefore, notAfter } = life.leaf.certificate.tbs
      expect(notAfter.date.getTime() - notBefore.date.getTime() + 1000).toBe(460 * DAY)
      // ISS-2: from the moment of issuance.
      expect(Math.abs(notBefore.date.getTime() - Date.now())).toBeLessThan(120_000)
    })

    test('ISS-7: the issuer\'s name stands byte for byte as in the issuing CA\'s certificate, and there as in the root\'s', () => {
      expect(life.leaf.certificate.tbs.issuer.equals(life.issuing.tbs.subject)).toBe(true)
      expect(life.issuing.tbs.issuer.equals(life.root.tbs.subject)).toBe(true)
      expect(life.root.tbs.issuer.equals(life.root.tbs.subject)).toBe(true)
    })

    test('CRT-14: the root verifies itself and is called DEMO, as the issuing CA is', async () => {
      expect(await life.openssl('verify', '-x509_strict', '-check_ss_sig', '-CAfile', 'root.pem', 'root.pem')).toMatchObject({ code: 0 })
      for (const name of ['root.pem', 'issuing.pem']) expect(await x509(name)).toMatch(/Subject: .*CN = DEMO /)
    })

    test('CRT-4: certtool accepts it for code signing', async () => {
      const { code, text } = await certtool(life.leaf.pem)
      expect(text).toContain('Chain verification output: Verified. The certificate is trusted.')
      expect(code).toBe(0)
    })

    test('OCS-2: certtool refuses the OCSP responder\'s certificate for code signing, for want of that purpose alone', async () => {
      const url = addressesOf(life.leaf.certificate).ocsp!
      const { text } = await life.openssl('ocsp', '-issuer', 'issuing.pem', '-cert', 'leaf.pem', '-CAfile', 'root.pem', '-resp_text', '-noverify', '-url', url)
      const responder = /-----BEGIN CERTIFICATE-----[^]+-----END CERTIFICATE-----\n/.exec(text)![0]
      expect(await certtool(responder)).toMatchObject({ code: 1, text: expect.stringContaining('The certificate chain does not match the intended purpose.') })
      expect(await certtool(responder, [])).toMatchObject({ code: 0 })
    })

    const addresses: readonly (readonly [string, () => string, RegExp])[] = [
      ['the leaf\'s list', () => addressesOf(life.leaf.certificate).crl!, /^application\/pkix-crl$/],
      ['the leaf\'s issuer', () => addressesOf(life.leaf.certificate).caIssuers!, /^application\/pkix-cert$/],
      ['the issuing CA\'s list', () => addressesOf(life.issuing).crl!, /^application\/pkix-crl$/],
      ['the issuing CA\'s issuer', () => addressesOf(life.issuing).caIssuers!, /^application\/pkix-cert$/],
      ['the leaf\'s CPS', () => policiesOf(life.leaf.certificate)[0]!.qualifiers[0]!.cps!, /^text\/html; charset=utf-8$/],
      ['the issuing CA\'s CPS', () => policiesOf(life.issuing)[0]!.qualifiers[0]!.cps!, /^text\/html; charset=utf-8$/],
    ]
    test.each(addresses)('CRT-7, CRT-8: the address of %s answers with its content type', async (_name, url, type) => {
      expect(url()).toMatch(/^http:/)
      expect((await fetchBytes(url())).type).toMatch(type)
    })

    test('CRT-8: the CA certificates served are one DER certificate each, the ones that signed', async () => {
      expect((await fetchBytes(addressesOf(life.leaf.certificate).caIssuers!)).bytes.equals(life.issuing.der)).toBe(true)
      expect(addressesOf(life.issuing).ocsp).toBeNull()
      expect(addressesOf(life.root)).toEqual({ ocsp: null, caIssuers: null, crl: null })
    })
  })

  describe('after revocation', () => {
    beforeAll(async () => {
      await life.revoke(life.leaf)
      await life.listWith(life.leaf)
    })

    test('REV-4: openssl refuses it as revoked', async () => {
      const { code, text } = await verify()
      expect(code).toBe(2)
      expect(text).toContain('certificate revoked')
    })

    test('REV-4: certtool refuses it as revoked', async () => {
      expect(await certtool(life.leaf.pem, ['--load-crl', await life.lists()])).toMatchObject({ code: 1, text: expect.stringContaining('revoked') })
    })
  })

  async function certtool(leaf: string, words: readonly string[] = [`--verify-purpose=${CODE_SIGNING_PURPOSE}`]) {
    const chain = life.file('chain.pem', leaf + certificatePem(life.issuing.der))
    return life.run('certtool', ['--verify', ...words, '--load-ca-certificate', 'root.pem', '--infile', chain])
  }
})
