/**
 * Which device, with which firmware and which kind of key, is certified by whom, at which level, from when to when (ATT-8).
 * CSBR 6.2.7.4.1 asks for FIPS 140-2 Level 2, Common Criteria EAL 4+, or better; which schemes count is the policy's word.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { moduleCertificate, type ModuleCertificate } from '../policy/module-certificate.ts'
import type { Policy } from '../policy/policy.ts'
import { say, type Check, type Message } from './verifier.ts'

const deviceSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  model: z.string().min(1),
  /** What the evidence calls the model, where the firmware does not tell it alone. */
  match: z.string().min(1).optional(),
  /** Empty where statements name no firmware: then the key that signed the device leads to the row (`device` of an anchor). */
  firmware: z.array(z.string().regex(/^\d+(\.\d+){1,2}$/)),
  /** Kinds of key that the certified module makes in its approved mode. */
  keyTypes: z.array(z.string().regex(/^(RSA-\d+|P-\d+|Ed25519)$/)).min(1),
  certificates: z.array(moduleCertificate).min(1),
  /** No real statement of this device was ever read by us, only ones of our own making: told to staff. */
  syntheticOnly: z.literal(true).optional(),
  /** What decides, and stands in no statement whose layout is published: refused by its maker's verifier, whatever else holds. */
  unprovable: z.enum(['module-state']).optional(),
})

const catalogueSchema = z.strictObject({ asOf: z.iso.date(), devices: z.array(deviceSchema) })

export type { ModuleCertificate }
export type DeviceRow = z.infer<typeof deviceSchema>
export type DeviceCatalogue = z.infer<typeof catalogueSchema>

export const readCatalogue = (data: unknown): DeviceCatalogue => catalogueSchema.parse(data)
/** Reads a maker's `devices.json`. */
export const loadCatalogue = (file: URL): DeviceCatalogue => readCatalogue(JSON.parse(readFileSync(file, 'utf8')))

const DAY = 86_400_000
const startOf = (date: string): number => Date.parse(`${date}T00:00:00Z`)

/** Best first. Only the first two are accepted. */
const STANDINGS = ['active', 'historical-accepted', 'historical', 'not-yet', 'revoked', 'level', 'scheme'] as const
export type Standing = (typeof STANDINGS)[number]

/**
 * How one certificate stands at a moment under a policy.
 * A certificate on its scheme's historical list is accepted only by a row of the policy for that scheme, and only until that row's date.
 */
export function standing(certificate: ModuleCertificate, at: Date, policy: Policy['attestation']): Standing {
  const scheme = policy.schemes.find((row) => row.scheme === certificate.scheme)
  if (!scheme) return 'scheme'
  if (certificate.level < scheme.minimumLevel) return 'level'
  const now = at.getTime()
  if (certificate.revokedSince !== null && now >= startOf(certificate.revokedSince)) return 'revoked'
  if (certificate.validFrom !== null && now < startOf(certificate.validFrom)) return 'not-yet'
  const historical =
    (certificate.historicalSince !== null && now >= startOf(certificate.historicalSince)) || (certificate.validUntil !== null && now >= startOf(certificate.validUntil) + DAY)
  if (!historical) return 'active'
  return policy.historicalCertificates.some((row) => row.scheme === certificate.scheme && now <= Date.parse(row.acceptedUntil)) ? 'historical-accepted' : 'historical'
}

const CLAUSE = 'CSBR 6.2.7.4.1'

/** As the schemes write a level that is the least: `FIPS 140-3 Level 2+`, `Common Criteria EAL 4+`. */
export const leastLevel = ({ scheme, minimumLevel }: { readonly scheme: string; readonly minimumLevel: number }): string => `${scheme} ${scheme.startsWith('FIPS ') ? 'Level' : 'EAL'} ${minimumLevel}+`

/** The check that the best of a device's certificates passes or fails, and what staff should know about it. */
export function certificateCheck(device: Pick<DeviceRow, 'certificates'>, at: Date, policy: Policy['attestation']): { check: Check; cautions: Message[] } {
  const judged = device.certificates
    .map((certificate) => ({ certificate, standing: standing(certificate, at, policy) }))
    .sort((one, other) => STANDINGS.indexOf(one.standing) - STANDINGS.indexOf(other.standing))
  const best = judged[0]!
  const { certificate } = best
  const accepted = best.standing === 'active' || best.standing === 'historical-accepted'
  const required = policy.schemes.map(leastLevel).join(', ')
  const observed = say(`attestation.certificate.${best.standing}`, {
    scheme: certificate.scheme,
    number: certificate.number,
    level: String(certificate.level),
    from: certificate.validFrom ?? '–',
    until: certificate.validUntil ?? '–',
    since: (best.standing === 'revoked' ? certificate.revokedSince : (certificate.historicalSince ?? certificate.validUntil)) ?? '–',
  })
  const cautions: Message[] = []
  if (accepted && !certificate.confirmed) cautions.push(say('attestation.certificate.unconfirmed', { scheme: certificate.scheme, number: certificate.number }))
  return {
    check: {
      outcome: accepted ? 'pass' : 'fail',
      observed,
      expected: say('attestation.certificate.expected', { required }),
      source: certificate.source,
      clause: CLAUSE,
      ...(accepted ? {} : { remedy: say(best.standing === 'historical' ? 'attestation.certificate.remedy-historical' : 'attestation.certificate.remedy') }),
    },
    cautions,
  }
}
