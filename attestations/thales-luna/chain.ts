/**
 * Genuine device: confirmation ← … ← the root's key that we hold. Each certificate has its one place, by the usage that its
 * issuer signed into it; the root that comes along counts only by the key in it, which must be ours.
 */
import { anchorStanding, anchorValidity, certificateValidity } from '../../src/attestation/anchor-checks.ts'
import type { Anchors } from '../../src/attestation/anchors.ts'
import { checkWriter } from '../../src/attestation/check.ts'
import { signedBy, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { say, type Check, type Message } from '../../src/attestation/verifier.ts'
import { signedByModule } from './ecc-signature.ts'
import { KNOWN, STANDARD, subjectPart } from './extensions.ts'
import type { LunaStatement } from './parse.ts'

export const AREA = 'attestation-thales-luna'
export const SOURCE = 'https://github.com/ThalesGroup/luna-pkc-validator'
export const check = checkWriter(AREA, { source: SOURCE, clause: 'CSBR 6.2.7.4.2 (2)' })

export function chainChecks(statement: LunaStatement, anchors: Anchors, at: Date): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const { family, chain, claims, signs } = statement
  const checks: Check[] = []
  const cautions: Message[] = []
  const remedy = 'remedy.again'
  const root = chain.at(-1)!
  const confirmation = chain[0]!

  // A name proves nothing: the key in the uploaded root must be one that we hold under that name.
  const named = anchors.rows.filter((row) => row.role === 'anchor' && row.signsDevices && row.subjectDer.equals(root.subject))
  const anchor = named.find((row) => row.spki.equals(root.spki))
  checks.push(check(anchor !== undefined, anchor ? 'root.held' : named.length > 0 ? 'root.other-key' : 'root.unknown', 'root.expected', { subject: root.subjectText, asOf: anchors.asOf }, { remedy: 'remedy.chain-form', ...(named.length > 0 ? { alert: true } : {}) }))
  const headline = checks.at(-1)
  chain.slice(0, -1).forEach((certificate, index) => {
    const issuer = chain[index + 1]!
    const values = { subject: certificate.subjectText, issuer: issuer.subjectText }
    const follows = certificate.issuer.equals(issuer.subject)
    // The last link is judged by the key that we hold, never by one from the upload.
    const key = index + 2 < chain.length ? issuer.spki : (anchor?.spki ?? issuer.spki)
    const signed = follows && (family === 'ecc' && index === 0 ? signedByModule(certificate, key) : signedBy(certificate, key))
    checks.push(check(signed, follows ? (signed ? 'link.good' : 'link.bad') : 'link.other-issuer', 'link.expected', values, { remedy }))
  })
  if (anchor) {
    checks.push(anchorValidity(check, anchor, at))
    const standing = anchorStanding(anchor, say(`${AREA}.root.expected`, { asOf: anchors.asOf }))
    checks.push(...standing.checks)
    cautions.push(...standing.cautions)
  }

  const authority = confirmation.basicConstraints?.ca === true || signs[0] === true
  checks.push(check(!authority, authority ? 'leaf-ca.present' : 'leaf-ca.absent', 'leaf-ca.expected', { subject: confirmation.subjectText }, { alert: true }))
  chain.slice(1, -1).forEach((certificate, index) => {
    // The ECC chain is of 2010 and may do without basicConstraints; a denial counts in both.
    const may = family === 'rsa' ? certificate.basicConstraints?.ca === true && signs[index + 1] === true : certificate.basicConstraints?.ca !== false && signs[index + 1] !== false
    checks.push(check(may, may ? 'authority.may' : 'authority.may-not', 'authority.expected', { subject: certificate.subjectText }, { clause: 'RFC 5280 4.2.1.9', alert: true }))
  })
  checks.push(...chain.slice(0, -1).map((certificate) => certificateValidity(check, certificate, at)))

  const unit = family === 'rsa' ? 'Chrysalis-ITS Proof of Origin' : 'Luna Module'
  const goodName = subjectPart(confirmation, 'OU') === unit
  checks.push(check(goodName, goodName ? 'subject.good' : 'subject.bad', 'subject.expected', { subject: confirmation.subjectText, unit }, { remedy }))
  const [serial] = claims.serials
  const oneSerial = serial !== null && claims.serials.every((other) => other === serial)
  checks.push(check(oneSerial, oneSerial ? 'serial.same' : 'serial.differs', 'serial.expected', { serial: serial ?? '–', serials: claims.serials.map((each) => each ?? '–').join(', ') }, { remedy, alert: true }))
  if (family === 'rsa') {
    const oneFirmware = claims.firmware !== null && claims.firmware === claims.deviceFirmware
    checks.push(check(oneFirmware, oneFirmware ? 'same-firmware.same' : 'same-firmware.differs', 'same-firmware.expected', { leaf: claims.firmware ?? '–', device: claims.deviceFirmware ?? '–' }, { remedy: 'remedy.firmware' }))
  }
  const unknown = chain.flatMap(unknownExtensions)
  const critical = unknown.filter((extension) => extension.critical).map(({ oid }) => oid)
  checks.push(check(critical.length === 0, critical.length === 0 ? 'extensions.known' : 'extensions.unknown', 'extensions.expected', { oids: critical.join(', ') }, { remedy: 'remedy.tell-us' }))
  const other = unknown.filter((extension) => !extension.critical && !extension.oid.startsWith('2.5.29.')).map(({ oid }) => oid)
  if (other.length > 0) cautions.push(say(`${AREA}.extensions.not-seen-before`, { oids: other.join(', ') }))
  return { checks, cautions, headline }
}

const unknownExtensions = (certificate: MakerCertificate): { oid: string; critical: boolean }[] =>
  [...certificate.extensions].filter(([oid]) => !STANDARD.includes(oid) && !KNOWN.includes(oid)).map(([oid, { critical }]) => ({ oid, critical }))
