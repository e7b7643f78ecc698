/**
 * Genuine device. Marvell's leg: partition ← card ← a key of Marvell's that we hold; the owner's leg: the same partition key ← the key of
 * whoever runs the HSM; and what the HSM signed, under that partition key. Depth and names are fixed (formats.md 4.4): no path is built,
 * and what a bundle brings along as a root is not looked at.
 */
import { createPublicKey, constants, verify } from 'node:crypto'
import { anchorStanding, anchorValidity, certificateValidity } from '../../src/attestation/anchor-checks.ts'
import type { Anchor, Anchors } from '../../src/attestation/anchors.ts'
import { checkWriter, type CheckWriter } from '../../src/attestation/check.ts'
import { signedBy } from '../../src/attestation/maker-certificate.ts'
import type { Check, Message } from '../../src/attestation/verifier.ts'
import type { HsmBlob } from './blob.ts'
import type { HsmCertificate } from './certificates.ts'
import type { MarvellStatement } from './statement.ts'

export const AREA = 'attestation-marvell'
export const MARVELL = 'https://www.marvell.com/products/security-solutions/nitrox-hs-adapters/software-key-attestation.html'
const CLAUSE = 'CSBR 6.2.7.4.2 (2)'
const check: CheckWriter = checkWriter(AREA, { source: MARVELL, clause: CLAUSE })

export interface Leg {
  readonly checks: readonly Check[]
  readonly cautions: readonly Message[]
  /** The key of ours that the leg names at its end, whether or not its checks pass; undefined when it names none. */
  readonly anchor?: Anchor | undefined
  readonly card?: HsmCertificate | undefined
  readonly headline?: Check | undefined
}

/** Partition and card, and the key of Marvell's that signed the card. */
export function makerLeg({ certificates: { partition, cards } }: MarvellStatement, anchors: Anchors, at: Date): Leg {
  const present = check(partition !== null, partition ? 'leg.maker-present' : 'leg.maker-missing', 'leg.maker-expected', {}, { remedy: 'remedy.whole-chain' })
  if (!partition) return { checks: [present], cautions: [] }
  // A bundle has two certificates of one card, both under the card's name: Marvell's is the one whose issuer we hold for that.
  const named = cards.filter((card) => card.subject.equals(partition.issuer))
  const held = anchors.rows.filter((row) => row.vouchesFor !== 'owner')
  const card = named.find((candidate) => held.some((row) => row.subjectDer.equals(candidate.issuer) && signedBy(candidate, row.spki))) ?? named.find((candidate) => held.some((row) => row.subjectDer.equals(candidate.issuer))) ?? named[0]!
  const sameCard = card.hsm.card === partition.hsm.card
  const byCard = signedBy(partition, card.spki)
  const pinned = pinnedChecks('card', card, held, anchors, at)
  return {
    ...pinned,
    card,
    checks: [
      present,
      check(sameCard, sameCard ? 'names.match' : 'names.differ', 'names.expected', { partition: partition.subjectText, card: card.subjectText }, { remedy: 'remedy.whole-chain', alert: true }),
      check(byCard, byCard ? 'partition-signature.good' : 'partition-signature.bad', 'partition-signature.expected', { card: card.subjectText }, { remedy: 'remedy.whole-chain' }),
      ...pinned.checks,
      ...[card, partition].flatMap((certificate) => ownChecks(certificate, at)),
    ],
  }
}

/** The same partition, by name and by key, under the key of whoever runs the HSM. */
export function ownerLeg({ certificates: { partition, ownerPartition, cards } }: MarvellStatement, anchors: Anchors, at: Date, card: HsmCertificate | undefined): Leg {
  const present = check(ownerPartition !== null, ownerPartition ? 'leg.owner-present' : 'leg.owner-missing', 'leg.owner-expected', {}, { remedy: 'remedy.whole-chain' })
  if (!ownerPartition) return { checks: [present], cautions: [] }
  const pinned = pinnedChecks('owner', ownerPartition, anchors.rows.filter((row) => row.vouchesFor === 'owner'), anchors, at)
  const checks = [present, ...pinned.checks, ...ownChecks(ownerPartition, at)]
  const same = partition !== null && partition.spki.equals(ownerPartition.spki) && partition.subject.equals(ownerPartition.subject)
  // Without this, a Google chain could be put beside the chain and the statement of any other LiquidSecurity HSM (formats.md 4.4 (2)).
  checks.push(check(same, same ? 'partition-key.same' : 'partition-key.differs', 'partition-key.expected', { subject: ownerPartition.subjectText }, { remedy: 'remedy.whole-chain', alert: true }))
  const ownerCards = cards.filter((candidate) => candidate.issuer.equals(ownerPartition.issuer))
  if (ownerCards.length > 0) {
    const sameCard = ownerCards.every((candidate) => card !== undefined && candidate.spki.equals(card.spki) && pinned.anchor !== undefined && signedBy(candidate, pinned.anchor.spki))
    checks.push(check(sameCard, sameCard ? 'card-key.same' : 'card-key.differs', 'card-key.expected', { subject: ownerCards[0]!.subjectText }, { remedy: 'remedy.whole-chain', alert: true }))
  }
  return { ...pinned, checks }
}

/** Who issued a certificate: one of the keys held for it, switched on and in its time. */
function pinnedChecks(what: 'card' | 'owner', certificate: HsmCertificate, held: readonly Anchor[], anchors: Anchors, at: Date): Leg {
  const named = held.filter((row) => row.role !== 'refuse' && row.signsDevices && row.subjectDer.equals(certificate.issuer))
  // Names alone don't choose the key: Marvell's root of 2024 has the name of that of 2015, so every held key under it is tried.
  const issuer = named.find((row) => signedBy(certificate, row.spki)) ?? named[0]
  const values = { issuer: certificate.issuerText, asOf: anchors.asOf }
  const pinned = check(issuer !== undefined, `pinned-${what}.${issuer ? 'held' : 'unknown'}`, `pinned-${what}.expected`, values, { remedy: 'remedy.other-hsm' })
  if (!issuer) return { checks: [pinned], cautions: [] }
  const good = signedBy(certificate, issuer.spki)
  const words = { issuer: issuer.subject, sha256: issuer.spkiSha256 }
  const headline = check(good, good ? `${what}-signature.good` : `${what}-signature.bad`, `${what}-signature.expected`, words, { remedy: 'remedy.other-hsm', alert: true })
  const standing = anchorStanding(issuer, pinned.expected)
  return {
    checks: [pinned, ...standing.checks, headline, anchorValidity(check, issuer, at, { remedy: 'remedy.new-statement' })],
    cautions: standing.cautions,
    anchor: issuer,
    headline,
  }
}

const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_USAGE = '2.5.29.15'

function ownChecks(certificate: HsmCertificate, at: Date): Check[] {
  // Version 1 cards say nothing of being a CA, so the flag is not asked for; a partition that claims it is nothing that an HSM makes.
  const strange = [...certificate.extensions].filter(([oid, { critical }]) => critical && oid !== BASIC_CONSTRAINTS && oid !== KEY_USAGE).map(([oid]) => oid)
  if (certificate.hsm.partition !== null && certificate.basicConstraints?.ca) strange.push(BASIC_CONSTRAINTS)
  return [
    certificateValidity(check, certificate, at, { remedy: 'remedy.new-statement' }),
    check(strange.length === 0, strange.length === 0 ? 'extensions.known' : 'extensions.unknown', 'extensions.expected', { subject: certificate.subjectText, oids: strange.join(', ') }, { remedy: 'remedy.tell-us', alert: true }),
  ]
}

/** Whether the partition signed what is stated, all of it. */
export function statementChecks({ blobs, certificates: { partition, ownerPartition } }: MarvellStatement): Check[] {
  const signer = partition ?? ownerPartition
  return blobs.map((blob) => {
    const good = signer !== null && signedStatement(blob, signer.spki)
    return check(good, good ? 'statement-signature.good' : 'statement-signature.bad', 'statement-signature.expected', { partition: signer?.subjectText ?? '' }, { remedy: 'remedy.same-version', alert: true })
  })
}

/**
 * RSASSA-PKCS1-v1_5 with SHA-256, the whole padding (RFC 8017 8.2.2): a check of the trailing digest alone, as one script does it for older
 * firmware, could be met by a forger where the public exponent is small. Never throws.
 */
function signedStatement({ signed, signature }: HsmBlob, spki: Buffer): boolean {
  try {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    return verify('sha256', signed, { key, padding: constants.RSA_PKCS1_PADDING }, signature)
  } catch {
    return false
  }
}
