/** "Check my key" as this installation judges applications: its policy, trust, lists of weak keys and register of compromised ones. */
import { askRegister } from '../application/verify-key.ts'
import type { EvidenceFile } from '../attestation/evidence.ts'
import { checkKey, type KeyCheck } from '../key-protection/check-key.ts'
import type { Policy } from '../policy/policy.ts'
import type { Database } from './database.ts'
import { keyRegister } from './key-register.ts'
import { readTrust } from './protection-store.ts'

export interface Installation {
  readonly policy: Policy
  readonly database: Database
  /** As recorded of the hierarchy: demo makers count under a demo one alone. */
  demoHierarchy(): Promise<boolean>
}

/** Nothing: a stranger's question shall not cost a pass over every key that is known here. Applications are asked this too. */
async function* noOtherKeys(): AsyncIterable<readonly Buffer[]> {}

export async function checkHere({ policy, database, demoHierarchy }: Installation, files: readonly EvidenceFile[], at: Date, device?: string): Promise<KeyCheck> {
  const register = { ...keyRegister(database), otherKeys: noOtherKeys }
  const trust = await readTrust(database, await demoHierarchy())
  return checkKey({ files, at, policy, trust, register: (verdicts, key) => askRegister(verdicts, key, register), ...(device ? { device } : {}) })
}
