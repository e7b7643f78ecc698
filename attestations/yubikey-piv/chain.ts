/**
 * Genuine device: leaf ← f9 ← a key of Yubico's that we hold. The shape is fixed (formats.md 2.2); no path is ever built,
 * since the attested key is a general signing key and could otherwise issue further "attestations" below itself.
 */
import type { Anchors } from '../../src/attestation/anchors.ts'
import { signedBy, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { say, type Check, type Message } from '../../src/attestation/verifier.ts'
import type { PivStatement } from './parse.ts'

const SOURCE = 'https://developers.yubico.com/PIV/Introduction/PIV_attestation.html'
const PKI = 'https://developers.yubico.com/PKI/'
const CLAUSE = 'CSBR 6.2.7.4.2 (2)'

const day = (date: Date): string => date.toISOString().slice(0, 10)
const DAY = 86_400_000

/** Below 0: `one` is the earlier firmware. */
const compareFirmware = (one: string, other: string): number => {
  const [left, right] = [one.split('.').map(Number), other.split('.').map(Number)]
  return left.map((part, index) => part - (right[index] ?? 0)).find((difference) => difference !== 0) ?? 0
}

export function chainChecks({ leaf, device, claims, deviceClaims }: PivStatement, anchors: Anchors, at: Date): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const checks: Check[] = []
  const cautions: Message[] = []
  let headline: Check | undefined
  const add = (passes: boolean, seen: string, expected: string, values: Record<string, string>, more: Partial<Check> = {}) => {
    const { remedy, alert, source = SOURCE, ...rest } = more
    checks.push({ outcome: passes ? 'pass' : 'fail', observed: say(`attestation.yubikey-piv.${seen}`, values), expected: say(`attestation.yubikey-piv.${expected}`, values), source, clause: CLAUSE, ...rest, ...(passes || !remedy ? {} : { remedy }), ...(passes || !alert ? {} : { alert }) })
    return passes
  }
  const remedy = say('attestation.yubikey-piv.remedy.export-both')

  const named = leaf.issuer.equals(device.subject)
  add(named, named ? 'issuer.match' : 'issuer.mismatch', 'issuer.expected', { issuer: leaf.issuerText, subject: device.subjectText }, { remedy })
  const signed = named && signedBy(leaf, device.spki)
  add(signed, signed ? 'leaf-signature.good' : 'leaf-signature.bad', 'leaf-signature.expected', { subject: device.subjectText }, { remedy })

  const refused = anchors.rows.find((row) => row.role === 'refuse' && (row.subjectDer.equals(device.issuer) || row.subjectDer.equals(device.subject) || row.spki.equals(device.spki) || row.spki.equals(leaf.spki)))
  // Names alone don't choose the key: two makers' keys may share a name, so every held key under it is tried.
  const held = anchors.rows.filter((row) => row.role !== 'refuse' && !row.off && row.signsDevices && row.subjectDer.equals(device.issuer))
  const issuer = refused ? undefined : (held.find((row) => signedBy(device, row.spki)) ?? held[0])
  const values = { issuer: device.issuerText, use: refused?.use ?? '', asOf: anchors.asOf }
  add(issuer !== undefined, refused ? 'pinned.refused' : issuer ? 'pinned.held' : 'pinned.unknown', 'pinned.expected', values, { source: PKI, remedy: say(refused ? 'attestation.yubikey-piv.remedy.other-device' : 'attestation.yubikey-piv.remedy.f9-factory'), ...(refused ? { alert: true as const } : {}) })
  if (issuer) {
    const good = signedBy(device, issuer.spki)
    add(good, good ? 'device-signature.good' : 'device-signature.bad', 'device-signature.expected', { issuer: issuer.subject, sha256: issuer.spkiSha256 }, { source: PKI, remedy: say('attestation.yubikey-piv.remedy.f9-factory'), alert: true })
    headline = checks.at(-1)
    const now = at.getTime()
    const current = now >= Date.parse(`${issuer.notBefore}T00:00:00Z`) && now < Date.parse(`${issuer.notAfter}T00:00:00Z`) + DAY
    add(current, current ? 'validity.inside' : 'validity.outside', 'validity.expected', { subject: issuer.subject, from: issuer.notBefore, until: issuer.notAfter, at: day(at) }, { source: PKI })
    if (issuer.independentSources < 2) cautions.push(say('attestation.yubikey-piv.pinned.one-source', { issuer: issuer.subject }))

    // pathLenConstraint 0 where the extension is there; the extension itself came with firmware 5 under the older root (formats.md 2.1, 2.3 step 2).
    const optional = issuer.basicConstraintsFrom !== null && claims.firmware !== null && compareFirmware(claims.firmware, issuer.basicConstraintsFrom) < 0
    const constraints = device.basicConstraints
    const isAuthority = constraints ? constraints.ca && constraints.pathLength === 0 : optional
    add(isAuthority, isAuthority ? (constraints ? 'device-ca.present' : 'device-ca.not-needed') : 'device-ca.missing', 'device-ca.expected', { subject: device.subjectText }, { clause: 'RFC 5280 4.2.1.9', alert: true })
  }

  const authority = leaf.basicConstraints?.ca === true
  add(!authority, authority ? 'leaf-ca.present' : 'leaf-ca.absent', 'leaf-ca.expected', { subject: leaf.subjectText }, { alert: true })
  for (const certificate of [leaf, device]) {
    const current = at >= certificate.notBefore && at <= certificate.notAfter
    add(current, current ? 'validity.inside' : 'validity.outside', 'validity.expected', { subject: certificate.subjectText, from: day(certificate.notBefore), until: day(certificate.notAfter), at: day(at) })
  }
  const slotName = /^YubiKey PIV Attestation [0-9a-f]{2}$/.test(leaf.subjectCommonName ?? '')
  add(slotName, slotName ? 'subject.good' : 'subject.bad', 'subject.expected', { subject: leaf.subjectText }, { remedy })
  const unknown = [...claims.unknown, ...deviceClaims.unknown, ...unknownCritical(leaf), ...unknownCritical(device)]
  add(unknown.length === 0, unknown.length === 0 ? 'extensions.known' : 'extensions.unknown', 'extensions.expected', { oids: unknown.join(', ') }, { remedy: say('attestation.yubikey-piv.remedy.tell-us') })
  return { checks, cautions, headline }
}

/** Critical extensions that this software does not process (RFC 5280 4.2). */
const unknownCritical = (certificate: MakerCertificate): string[] =>
  [...certificate.extensions].filter(([oid, extension]) => extension.critical && oid !== '2.5.29.19' && !oid.startsWith('1.3.6.1.4.1.41482.3.')).map(([oid]) => oid)
