/** What the HSM says of the private key. Judged on the private object alone: its public half is extractable and not sensitive, as it should be. */
import { createHash } from 'node:crypto'
import { checkWriter, type CheckWriter } from '../../src/attestation/check.ts'
import { sameKeyChecks } from '../../src/attestation/public-key.ts'
import type { Check } from '../../src/attestation/verifier.ts'
import { ATTRIBUTE } from './blob.ts'
import { AREA, MARVELL } from './chain.ts'
import type { AttestedKey } from './key.ts'

const check: CheckWriter = checkWriter(AREA, { source: MARVELL, clause: 'CSBR 6.2.7.4.2 (2)' })

/** Attributes that must have one value. What is not stated is not so. */
function flag({ privateObject }: AttestedKey, name: string, type: number, wanted: 0 | 1, remedy: string): Check {
  const value = privateObject.attributes.get(type)?.[0]
  return check(value === wanted, `attribute.${name}.${value === undefined ? 'missing' : value === 1 ? 'yes' : 'no'}`, `attribute.${name}.expected`, {}, { remedy })
}

export const generatedInside = (key: AttestedKey): Check[] => [flag(key, 'local', ATTRIBUTE.local, 1, 'remedy.generate')]

export const notExportable = (key: AttestedKey): Check[] => [
  flag(key, 'extractable', ATTRIBUTE.extractable, 0, 'remedy.generate'),
  flag(key, 'never-extractable', ATTRIBUTE.neverExtractable, 1, 'remedy.generate'),
  flag(key, 'sensitive', ATTRIBUTE.sensitive, 1, 'remedy.generate'),
  flag(key, 'always-sensitive', ATTRIBUTE.alwaysSensitive, 1, 'remedy.generate'),
]

export const usage = (key: AttestedKey): Check => flag(key, 'sign', ATTRIBUTE.sign, 1, 'remedy.signing-key')

const sha256 = (spki: Buffer): string => createHash('sha256').update(spki).digest('hex')

/** The key in the statement is the key applied for, by its numbers and again by the digest that the HSM made of it. */
export function sameKey(key: AttestedKey, appliedFor: Buffer): Check[] {
  const digest = key.privateObject.attributes.get(ATTRIBUTE.keyDigest)?.toString('hex')
  const own = digest === sha256(key.spki)
  const checks = [
    ...sameKeyChecks(key.spki, appliedFor, sha256),
    check(own, own ? 'digest.same' : digest === undefined ? 'digest.missing' : 'digest.differs', 'digest.expected', { sha256: sha256(key.spki), digest: digest ?? '' }, { remedy: 'remedy.same-version' }),
  ]
  if (key.publicSpkis.length > 0) {
    const pair = key.publicSpkis.every((half) => half.equals(key.spki))
    checks.push(check(pair, pair ? 'pair.same' : 'pair.differs', 'pair.expected', {}, { remedy: 'remedy.same-version', alert: true }))
  }
  return checks
}
