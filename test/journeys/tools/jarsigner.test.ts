import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificatePem } from '../../../src/pki/pem.ts'
import { readPin } from '../../../src/signer/open-token.ts'
import { openSigner } from '../../../src/signer/pkcs11.ts'
import { useSoftHsm } from '../../../src/signer/softhsm.ts'
import { describeWith, startLife } from '../../support/signing-tools.ts'

/** Bits of jarsigner's exit code under -strict. */
const CHAIN_REFUSED = 4
/**
 * No certificate of the chain is an alias of the keystore; whether the root counts as one is the JDK's matter, so this bit is passed over.
 * Never silenced by importing the leaf: that makes it a trust anchor, good even when revoked.
 */
const NOT_IN_KEYSTORE = 32

const ROOT_STORE = ['-keystore', 'root.p12', '-storetype', 'PKCS12', '-storepass', 'changeit']

describeWith(['jarsigner', 'jar', 'keytool', 'openssl'], 'jarsigner, with the key in its token', () => {
  let life: Awaited<ReturnType<typeof startLife>>
  let pin: string
  beforeAll(async () => {
    life = await startLife()
    const { key, certificate } = life.leaf
    pin = readPin(key.pinFile)
    // Java's provider finds a key by the certificate with its CKA_ID.
    useSoftHsm(dirname(key.softHsmConf))
    const signer = await openSigner({ module: key.module, tokenLabel: key.tokenLabel, pin })
    try {
      await signer.storeCertificate({ label: key.keyLabel, id: key.keyId, certificate: certificate.der })
    } finally {
      await signer.close()
    }
    life.file('chain.pem', life.leaf.pem + certificatePem(life.issuing.der) + certificatePem(life.root.der))
    life.file('p11.cfg', `name = SoftHSM\nlibrary = ${key.module}\nslotListIndex = 0\nattributes = compatibility\n`)
    life.file('Hello.txt', 'hello\n')
    const made = await life.run('jar', ['cf', 'a.jar', 'Hello.txt'])
    if (made.code !== 0) throw new Error(made.text)
    const trusted = await life.run('keytool', ['-importcert', '-noprompt', '-alias', 'root', '-file', 'root.pem', ...ROOT_STORE])
    if (trusted.code !== 0) throw new Error(trusted.text)
  }, 120_000)
  afterAll(() => life?.stop())

  const verify = (...words: string[]) => life.run('jarsigner', ['-verify', '-strict', '-verbose', '-certs', ...words, ...ROOT_STORE, 'a.jar'])

  test('CRT-4: signs a jar through SunPKCS11 with the key and its chain', async () => {
    const { key } = life.leaf
    const token = ['-keystore', 'NONE', '-storetype', 'PKCS11', '-providerClass', 'sun.security.pkcs11.SunPKCS11', '-providerArg', 'p11.cfg', '-storepass', pin]
    const { code, text } = await life.run('jarsigner', [...token, '-certchain', 'chain.pem', 'a.jar', key.keyLabel], { SOFTHSM2_CONF: key.softHsmConf })
    expect(text).toContain('jar signed.')
    expect(code).toBe(0)
  })

  test('TSA-1: signs with -tsa, and verifies strictly with revocation checking; the time-stamp and its chain are shown', async () => {
    const { key } = life.leaf
    const token = ['-keystore', 'NONE', '-storetype', 'PKCS11', '-providerClass', 'sun.security.pkcs11.SunPKCS11', '-providerArg', 'p11.cfg', '-storepass', pin]
    const signed = await life.run('jarsigner', [...token, '-certchain', 'chain.pem', '-tsa', `${life.instance.statusUrl}/tsa`, '-signedjar', 'stamped.jar', 'a.jar', key.keyLabel], { SOFTHSM2_CONF: key.softHsmConf })
    expect(signed.text).toContain('jar signed.')
    expect(signed.code).toBe(0)
    const { code, text } = await life.run('jarsigner', ['-verify', '-strict', '-verbose', '-certs', '-revCheck', ...ROOT_STORE, 'stamped.jar'])
    expect(text).toContain('jar verified')
    expect(text).toMatch(/Timestamped by "CN=DEMO .*Time-Stamp/)
    expect(text).toMatch(/Timestamp digest algorithm: SHA-256/)
    expect(text).not.toMatch(/No -tsa or -tsacert|TSA certificate chain is invalid|invalid/i)
    expect(code & ~NOT_IN_KEYSTORE).toBe(0)
  })

  describe('before revocation', () => {
    test('OCS-1, CRT-8: verifies strictly with revocation checking: OCSP by GET for the leaf, the root\'s list for the CA', async () => {
      const { code, text } = await verify('-revCheck')
      expect(text).toContain('jar verified')
      expect(text).not.toMatch(/revo(ked|cation status)|invalid/i)
      expect(code & ~NOT_IN_KEYSTORE).toBe(0)
    })
  })

  describe('after revocation', () => {
    beforeAll(async () => {
      await life.revoke(life.leaf)
      await life.listWith(life.leaf)
    })

    test('REV-4: refuses the signer as revoked', async () => {
      const { code, text } = await verify('-revCheck')
      expect(text).toMatch(/Certificate has been revoked, reason: SUPERSEDED/)
      expect(code & ~NOT_IN_KEYSTORE).toBe(CHAIN_REFUSED)
    })

    test('REV-4: without revocation checking it says nothing, so that the verdict above comes from the status service', async () => {
      expect((await verify()).code & ~NOT_IN_KEYSTORE).toBe(0)
    })
  })
})
