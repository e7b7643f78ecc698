/** Opens the three tokens of a ceremony, making them where SoftHSM is embedded, and holds it. */
import { join } from 'node:path'
import { holdCeremony, planCeremony } from '../ceremony/ceremony.ts'
import { holdLater, type LaterPlan } from '../ceremony/later.ts'
import { holdResponderCeremony, type ResponderPlan } from '../ceremony/responder-keys.ts'
import type { Config } from '../config.ts'
import { readConfig } from '../config.ts'
import type { Authority } from '../database/authority-store.ts'
import type { Services } from '../services.ts'
import { hsmModule, makePin, readPin } from '../signer/open-token.ts'
import { openSigner, type Pkcs11Signer } from '../signer/pkcs11.ts'
import { initialiseToken } from '../signer/token.ts'

const HOLDERS = { root: 'ceremony', issuing: 'ca', status: 'status' } as const

/** Each process's token as its own configuration names it. */
function tokenConfigs(env: Readonly<Record<string, string | undefined>>): Record<keyof typeof HOLDERS, Config> {
  // Only label and PIN file are read from these: what `ca` and `portal` ask of production is theirs to check when they start.
  const quiet = { SMTP_URL: 'smtp://unused', ...env }
  return { root: readConfig('ceremony', quiet), issuing: readConfig('ca', quiet), status: readConfig('status', quiet) }
}

export async function makeHierarchy(services: Services, wanted: { demo: boolean; persons: readonly string[] }, progress: (step: string) => void): Promise<readonly Authority[]> {
  const plan = planCeremony(services, wanted)
  const configs = tokenConfigs(process.env)
  const { path: module, embedded } = hsmModule(configs.root)
  const open = async (name: keyof typeof HOLDERS): Promise<Pkcs11Signer> => {
    const { tokenLabel, pinFile } = configs[name].hsm!
    // A hardware module's tokens are made with its maker's own tools; SoftHSM's are made here.
    const pin = embedded ? makePin(pinFile) : readPin(pinFile)
    if (embedded) {
      const soPin = makePin(`${pinFile}.so`)
      await initialiseToken({ module, label: tokenLabel, soPin, userPin: pin, lockFile: join(services.config.dataDir, 'softhsm', 'bootstrap.lock') })
    }
    return openSigner({ module, tokenLabel, pin })
  }
  progress('Tokens')
  const opened: Pkcs11Signer[] = []
  try {
    const [root, issuing, status] = [await open('root'), await open('issuing'), await open('status')] as const
    opened.push(root, issuing, status)
    return await holdCeremony(services, plan, { root, issuing, status }, progress)
  } finally {
    for (const signer of opened) await signer.close()
  }
}

type OpenToken = (name: keyof typeof HOLDERS) => Promise<Pkcs11Signer>

/** Opens the tokens of a ceremony in a hierarchy that stands, and holds it. Here no token is ever made: a missing one is a fault. */
async function withTokens(work: (open: OpenToken) => Promise<void>): Promise<void> {
  const configs = tokenConfigs(process.env)
  const { path: module } = hsmModule(configs.root)
  const opened: Pkcs11Signer[] = []
  const open: OpenToken = async (name) => {
    const { tokenLabel, pinFile } = configs[name].hsm!
    const signer = await openSigner({ module, tokenLabel, pin: readPin(pinFile) })
    opened.push(signer)
    return signer
  }
  try {
    await work(open)
  } finally {
    for (const signer of opened) await signer.close()
  }
}

export const changeHierarchy = (services: Services, plan: LaterPlan, persons: readonly string[], progress: (step: string) => void): Promise<void> =>
  withTokens(async (open) => holdLater(services, plan, persons, { root: await open('root'), status: await open('status') }, progress))

/** The root's token stays closed: the issuing CA enrols its responder keys. */
export const changeResponderKeys = (services: Services, plan: ResponderPlan, persons: readonly string[], progress: (step: string) => void): Promise<void> =>
  withTokens(async (open) => holdResponderCeremony(services, plan, persons, { issuing: await open('issuing'), status: await open('status') }, progress))
