import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TokenAccess } from '../../src/signer/pkcs11.ts'
import { type SoftHsm, useSoftHsm } from '../../src/signer/softhsm.ts'
import { initialiseToken } from '../../src/signer/token.ts'

export interface TestHsm extends SoftHsm {
  readonly directory: string
  readonly module: string
  /** Makes a token with random PINs. */
  token(label: string): Promise<TokenAccess & { readonly soPin: string }>
  remove(): void
}

/** The real module, found by the global set-up. */
export function softHsmModule(): string {
  const module = process.env['SOFTHSM2_MODULE']
  if (!module) throw new Error('SOFTHSM2_MODULE is set by test/support/global-setup.ts')
  return module
}

/** A SoftHSM2 of this test file's own, in a new folder. One per file: the module's state belongs to the process. Call `remove` when done. */
export function freshSoftHsm(): TestHsm {
  const directory = mkdtempSync(join(tmpdir(), 'softhsm-test-'))
  const module = softHsmModule()
  return {
    ...useSoftHsm(directory),
    directory,
    module,
    async token(label) {
      const [soPin, pin] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
      await initialiseToken({ module, label, soPin, userPin: pin, lockFile: join(directory, 'token.lock') })
      return { module, tokenLabel: label, pin, soPin }
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
