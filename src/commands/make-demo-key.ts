/** A key to try the portal with: RSA in a SoftHSM token of its own, its certificate request, and a demo maker's attestation. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attestDemoKey } from '../../attestations/demo/make.ts'
import { ENTERED_TYPES, readEnteredName } from '../pki/entered-name.ts'
import { encodeName, type NameAttribute } from '../pki/name.ts'
import { encodePem } from '../pki/pem.ts'
import { assembleRequest, requestInfo } from '../pki/request-writer.ts'
import { StartRefused } from '../process.ts'
import type { Services } from '../services.ts'
import { findSoftHsm } from '../signer/find-softhsm.mjs'
import { makePin } from '../signer/open-token.ts'
import { openSigner } from '../signer/pkcs11.ts'
import { useSoftHsm } from '../signer/softhsm.ts'
import { initialiseToken } from '../signer/token.ts'
import { openDemoMaker } from './demo-maker.ts'

export interface DemoKey {
  readonly folder: string
  readonly module: string
  readonly tokenLabel: string
  readonly keyLabel: string
  readonly keyId: string
  readonly pinFile: string
  readonly softHsmConf: string
  readonly requestPem: string
  readonly attestationPem: string
  readonly intermediatePem: string
  readonly spki: Buffer
}

/** As `readEnteredName`. @throws StartRefused */
export function parseSubject(text: string): readonly NameAttribute[] {
  const name = readEnteredName(text)
  if ('refused' in name) throw new StartRefused(`--subject: "${name.refused}" is none of ${ENTERED_TYPES.join(', ')} followed by = and a value`)
  return name.attributes
}

/** @param folder where files and token go; made when missing */
export async function makeDemoKey(services: Services, wanted: { readonly subject: readonly NameAttribute[]; readonly bits: number; readonly folder: string }): Promise<DemoKey> {
  // Never the module of PKCS11_MODULE: a demo key has no place in a CA's HSM.
  const module = findSoftHsm({ dataDir: services.config.dataDir })
  if (!module) throw new StartRefused('SoftHSM2 was not found: run  npm start  once')
  const maker = await openDemoMaker(services)
  const { folder } = wanted
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { conf } = useSoftHsm(join(folder, 'softhsm'))
  const pinFile = join(folder, 'pin')
  const pin = makePin(pinFile)
  const tokenLabel = 'demo-key'
  const keyLabel = 'code-signing'
  await initialiseToken({ module, label: tokenLabel, soPin: makePin(join(folder, 'so-pin')), userPin: pin, lockFile: join(folder, 'softhsm', 'token.lock') })
  const signer = await openSigner({ module, tokenLabel, pin })
  try {
    const made = await signer.generateRsaKeyPair({ label: keyLabel, id: '01', bits: wanted.bits })
    const info = requestInfo(encodeName(wanted.subject), made.spki)
    const requestPem = encodePem('CERTIFICATE REQUEST', assembleRequest(info, await signer.sign(made.reference, 'sha256', info)))
    const { attestationPem, intermediatePem } = attestDemoKey(maker, made.spki, services.clock())
    writeFileSync(join(folder, 'request.pem'), requestPem)
    writeFileSync(join(folder, 'attestation.pem'), attestationPem)
    writeFileSync(join(folder, 'intermediate.pem'), intermediatePem)
    return { folder, module, tokenLabel, keyLabel, keyId: '01', pinFile, softHsmConf: conf, requestPem, attestationPem, intermediatePem, spki: made.spki }
  } finally {
    await signer.close()
  }
}
