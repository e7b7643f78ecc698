import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificatePem, encodePem } from '../../../src/pki/pem.ts'
import { readPin } from '../../../src/signer/open-token.ts'
import { addressesOf, describeWith, fetchBytes, pkcs11Engine, present, startLife } from '../../support/signing-tools.ts'
import { windowsProgram } from './windows-program.ts'

const COMPILER = 'x86_64-w64-mingw32-gcc'
const compiles = present(COMPILER)
if (!compiles) process.stdout.write(`skipped: no ${COMPILER} (a compiled program; a small one made here is signed all the same)\n`)
const PROGRAMS = compiles ? ['smallest.exe', 'compiled.exe'] : ['smallest.exe']

const TOOLS = ['osslsigncode', 'pkcs11 engine', 'openssl'] as const

describeWith(process.env['CI'] === 'true' ? [...TOOLS, COMPILER] : TOOLS, 'osslsigncode, with the key in its token', () => {
  let life: Awaited<ReturnType<typeof startLife>>
  beforeAll(async () => {
    life = await startLife()
    life.file('chain.pem', life.leaf.pem + certificatePem(life.issuing.der))
    life.file('smallest.exe', windowsProgram())
    life.file('a.c', 'int main(void) { return 0; }\n')
    if (!compiles) return
    const compiled = await life.run(COMPILER, ['-O1', '-s', 'a.c', '-o', 'compiled.exe'])
    if (compiled.code !== 0) throw new Error(compiled.text)
  }, 120_000)
  afterAll(() => life?.stop())

  const sign = (program: string, stamped: readonly string[] = [], out = `signed-${program}`) => {
    const { key } = life.leaf
    const object = `pkcs11:token=${key.tokenLabel};object=${key.keyLabel};type=private;pin-value=${readPin(key.pinFile)}`
    const token = ['-pkcs11engine', pkcs11Engine()!, '-pkcs11module', key.module, '-key', object]
    const words = ['sign', ...token, '-certs', 'chain.pem', '-h', 'sha256', ...stamped, '-in', program, '-out', out]
    return life.run('osslsigncode', words, { SOFTHSM2_CONF: key.softHsmConf })
  }
  const verify = (program: string, words: readonly string[]) =>
    life.run('osslsigncode', ['verify', '-CAfile', 'root.pem', ...words, '-in', `signed-${program}`])
  const withLists = async () => ['-ignore-cdp', '-CRLfile', await life.lists()]

  test.each(PROGRAMS)('CRT-4: signs %s through PKCS #11; the key stays in the token', async (program) => {
    expect(await sign(program)).toMatchObject({ code: 0, text: expect.stringContaining('Succeeded') })
    expect(readFileSync(`${life.folder}/signed-${program}`).includes(life.leaf.certificate.der)).toBe(true)
  })

  describe('time-stamped by this CA', () => {
    let tsaRoot: readonly string[]
    beforeAll(async () => {
      const list = await fetchBytes(`${life.instance.statusUrl}/crl/timestamp-g1.crl`)
      const rootList = await fetchBytes(addressesOf(life.issuing).crl!)
      life.file('tsa-lists.pem', encodePem('X509 CRL', list.bytes) + encodePem('X509 CRL', rootList.bytes))
      tsaRoot = ['-TSA-CAfile', 'root.pem', '-TSA-CRLfile', 'tsa-lists.pem']
    })

    test('TSA-1: signs with -ts and verifies signature and time-stamp, both with their lists', async () => {
      expect(await sign('smallest.exe', ['-ts', `${life.instance.statusUrl}/tsa`], 'signed-stamped.exe')).toMatchObject({ code: 0, text: expect.stringContaining('Succeeded') })
      const { code, text } = await verify('stamped.exe', [...tsaRoot, ...(await withLists())])
      expect(text).toContain('Timestamp Server Signature verification: ok')
      expect(text).toContain('Signature verification: ok')
      expect(code).toBe(0)
    })

    test('TSA-1: the time-stamp is refused under another root, so that the verdict above is about it', async () => {
      const { code, text } = await verify('stamped.exe', ['-TSA-CAfile', 'leaf.pem', '-TSA-CRLfile', 'tsa-lists.pem', ...(await withLists())])
      expect(text).not.toContain('Timestamp Server Signature verification: ok')
      expect([code, text.includes('Timestamp Server Signature verification: failed')]).toEqual([expect.any(Number), true])
    })
  })

  describe('before revocation', () => {
    test.each(PROGRAMS)('CRT-1, CRT-4: the signature of %s verifies with both lists', async (program) => {
      const { code, text } = await verify(program, await withLists())
      expect(text).toContain('Signature verification: ok')
      expect(code).toBe(0)
    })

    test('CRT-7: it verifies with the lists that osslsigncode itself fetches from the certificates\' addresses', async () => {
      const { code, text } = await verify('smallest.exe', ['-CRLfile', await life.lists()])
      expect(text).toContain('Signature verification: ok')
      expect(text).toContain(`${life.instance.statusUrl}/crl/`)
      expect(code).toBe(0)
    })

    test('CRL-1: without any list it is refused, so that the verdict above comes from them', async () => {
      expect((await verify('smallest.exe', ['-ignore-cdp'])).code).toBe(1)
    })

    test('CRT-4: one octet of the program changed, and it is refused', async () => {
      const bent = readFileSync(`${life.folder}/signed-smallest.exe`)
      // In the program's code.
      bent[0x201]! ^= 1
      life.file('signed-bent.exe', bent)
      expect((await verify('bent.exe', await withLists())).code).toBe(1)
    })
  })

  describe('after revocation', () => {
    beforeAll(async () => {
      await life.revoke(life.leaf)
      await life.listWith(life.leaf)
    })

    test.each(PROGRAMS)('REV-4: the signature of %s is refused with the new list', async (program) => {
      const { code, text } = await verify(program, await withLists())
      expect(text).toMatch(/certificate revoked/i)
      expect(text).toContain('Signature verification: failed')
      expect(code).toBe(1)
    })

    test('REV-4: it is refused with the list that osslsigncode fetches itself', async () => {
      const { code, text } = await verify('smallest.exe', [])
      expect(text).toMatch(/certificate revoked/i)
      expect(code).toBe(1)
    })
  })
})
