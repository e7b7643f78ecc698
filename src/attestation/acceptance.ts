/**
 * Which certified devices are taken now, with which kinds of key, and since or until when: the answer that evidence would get, read from the same
 * catalogues, policy and keys of makers by which evidence is judged (ATT-8).
 */
import type { Policy } from '../policy/policy.ts'
import { anchorCurrent } from './anchor-checks.ts'
import type { Anchor } from './anchors.ts'
import { certificateCheck, type DeviceRow } from './catalogue.ts'
import type { Maker } from './makers.ts'
import { say, type Message } from './verifier.ts'

const DAY = 86_400_000
const startOf = (date: string): number => Date.parse(`${date}T00:00:00Z`)

export interface Acceptance {
  readonly maker: Maker
  readonly device: DeviceRow
  /** Kinds of key that get the same answer, in the order of the policy. */
  readonly keyTypes: readonly string[]
  /** Why it is refused; empty when it is accepted. */
  readonly reasons: readonly Message[]
  /** What its best certificate is, and how it stands. */
  readonly certificate: Message
  /** The first moment of this answer; null when it was never another. */
  readonly since: Date | null
  /** The last moment of this answer, as far as is known today; null when nothing known ends it. */
  readonly until: Date | null
}

type AttestationPolicy = Pick<Policy, 'attestation' | 'keys'>

/** Every device of the makers that may be asked, with one answer for each group of key kinds that get the same. */
export const acceptedDevices = (makers: readonly Maker[], policy: AttestationPolicy, at: Date): readonly Acceptance[] =>
  makers.flatMap((maker) =>
    maker.catalogue.devices.flatMap((device) => {
      const kinds = [...policy.keys.subscriber.rsaBits.map((bits) => `RSA-${bits}`), ...(policy.keys.subscriber.curves ?? [])]
      const [made, notMade] = [kinds.filter((kind) => device.keyTypes.includes(kind)), kinds.filter((kind) => !device.keyTypes.includes(kind))]
      return [made, notMade].filter((keyTypes) => keyTypes.length > 0).map((keyTypes) => acceptance(maker, device, keyTypes, policy, at))
    }),
  )

function acceptance(maker: Maker, device: DeviceRow, keyTypes: readonly string[], policy: AttestationPolicy, at: Date): Acceptance {
  const reasonsAt = (moment: Date): Message[] => [
    ...(keyTypes.every((kind) => device.keyTypes.includes(kind)) ? [] : [say('devices.why.key-type', { types: device.keyTypes.join(', ') })]),
    ...certificateReasons(device, policy, moment),
    ...(device.unprovable ? [say(`devices.why.${device.unprovable}`)] : []),
    ...anchorReasons(maker, device, moment, at),
  ]
  const reasons = reasonsAt(at)
  const same = (moment: number): boolean => reasonsAt(new Date(moment)).length === 0 === (reasons.length === 0)
  const moments = turningPoints(maker, device, policy)
  const past = moments.filter((moment) => moment <= at.getTime())
  // The answer changed at the earliest turning point from which on it was always the same, when it was another just before.
  const run = past.slice(past.findLastIndex((moment) => !same(moment)) + 1)
  const since = run.find((moment) => !same(moment - 1))
  const next = moments.find((moment) => moment > at.getTime() && !same(moment))
  return {
    maker,
    device,
    keyTypes,
    reasons,
    certificate: certificateCheck(device, at, policy.attestation).check.observed,
    since: since === undefined ? null : new Date(since),
    until: next === undefined ? null : new Date(next - 1),
  }
}

function certificateReasons(device: DeviceRow, policy: AttestationPolicy, moment: Date): Message[] {
  const { check } = certificateCheck(device, moment, policy.attestation)
  return check.outcome === 'pass' ? [] : [check.observed]
}

/** The keys that may lead to the device: its own, where the maker has one for each kind of device. */
const leadingTo = ({ anchors }: Maker, device: DeviceRow): readonly Anchor[] =>
  anchors.rows.filter((row) => row.role !== 'refuse' && row.signsDevices && row.vouchesFor !== 'owner' && (row.device === undefined || row.device === device.id))

/** Why no key leads to the device at the moment. From when on we hold a key says nothing about devices of before: only its end is looked at, and today its beginning. */
function anchorReasons(maker: Maker, device: DeviceRow, moment: Date, today: Date): Message[] {
  const inForce = (row: Anchor): boolean => !row.off && anchorCurrent({ ...row, notBefore: moment < today ? '0000-01-01' : row.notBefore }, moment)
  const groups = [leadingTo(maker, device), maker.anchors.rows.filter((row) => row.vouchesFor === 'owner')]
  return groups.filter((rows, index) => (index === 0 || rows.length > 0) && !rows.some(inForce)).map(([row]) => keyReason(row))
}

function keyReason(row: Anchor | undefined): Message {
  if (!row) return say('devices.why.no-key')
  if (!row.off) return say('devices.why.key-ended', { subject: row.subject, until: row.notAfter })
  return row.off.why === 'withdrawn' ? say('devices.why.key-withdrawn', { subject: row.subject, since: row.off.since }) : say('devices.why.key-off', { subject: row.subject })
}

/** The moments at which an answer can change, in order: dates of certificates, of keys, and of the policy's switch for historical certificates. */
function turningPoints(maker: Maker, device: DeviceRow, { attestation }: AttestationPolicy): readonly number[] {
  const starts = device.certificates.flatMap(({ validFrom, historicalSince, revokedSince }) => [validFrom, historicalSince, revokedSince]).filter((date) => date !== null)
  const ends = [...device.certificates.map(({ validUntil }) => validUntil), ...maker.anchors.rows.map(({ notAfter }) => notAfter)].filter((date) => date !== null)
  const moments = [...starts.map(startOf), ...ends.map((date) => startOf(date) + DAY), ...attestation.historicalCertificates.map(({ acceptedUntil }) => Date.parse(acceptedUntil) + 1)]
  return [...new Set(moments)].sort((one, other) => one - other)
}
