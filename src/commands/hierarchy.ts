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

type OpenToken = (name: keyof typeof HOLDERS) => Promise<Pkcs11Signer>

/** Opens the tokens that a ceremony asks for, and closes them after it. @param makeIn makes those that are missing, their lock in this folder; null where a missing one is a fault */
async function withTokens<T>(makeIn: string | null, work: (open: OpenToken) => Promise<T>): Promise<T> {
  const configs = tokenConfigs(process.env)
  const { path: module, embedded } = hsmModule(configs.root)
  // A hardware module's tokens are made with its maker's own tools; SoftHSM's are made here.
  const lockFile = embedded && makeIn !== null ? join(makeIn, 'softhsm', 'bootstrap.lock') : null
  const opened: Pkcs11Signer[] = []
  const open: OpenToken = async (name) => {
    const { tokenLabel, pinFile } = configs[name].hsm!
    const pin = lockFile ? makePin(pinFile) : readPin(pinFile)
    if (lockFile) await initialiseToken({ module, label: tokenLabel, soPin: makePin(`${pinFile}.so`), userPin: pin, lockFile })
    const signer = await openSigner({ module, tokenLabel, pin })
    opened.push(signer)
    return signer
  }
  try {
    return await work(open)
  } finally {
    for (const signer of opened) await signer.close()
  }
}

export async function makeHierarchy(services: Services, wanted: { demo: boolean; persons: readonly string[] }, progress: (step: string) => void): Promise<readonly Authority[]> {
  const plan = planCeremony(services, wanted)
  progress('Tokens')
  return withTokens(services.config.dataDir, async (open) => holdCeremony(services, plan, { root: await open('root'), issuing: await open('issuing'), status: await open('status') }, progress))
}

export const changeHierarchy = (services: Services, plan: LaterPlan, persons: readonly string[], progress: (step: string) => void): Promise<void> =>
  withTokens(null, async (open) => holdLater(services, plan, persons, { root: await open('root'), status: await open('status') }, progress))

/** The root's token stays closed: the issuing CA enrols its responder keys. */
export const changeResponderKeys = (services: Services, plan: ResponderPlan, persons: readonly string[], progress: (step: string) => void): Promise<void> =>
  withTokens(null, async (open) => holdResponderCeremony(services, plan, persons, { issuing: await open('issuing'), status: await open('status') }, progress))
