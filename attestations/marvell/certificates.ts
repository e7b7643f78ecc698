/** The certificates of a LiquidSecurity HSM: one of the card, one of the partition in it; read and told apart by name. Judges nothing. */
import { readMakerCertificate, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { guard, type FoundCertificate } from '../../src/attestation/evidence.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { readDer, TAG } from '../../src/pki/der.ts'

/** What the common name of a card or partition says; the name is the only place where an HSM says in which mode it is. */
export interface HsmName {
  /** As in `5.3G2041-ICM002696`. */
  readonly card: string
  /** The number of the partition; null in the card's own name. */
  readonly partition: string | null
  readonly fipsMode: boolean
}

export interface HsmCertificate extends MakerCertificate {
  readonly hsm: HsmName
  /** Whether a card (or partition) is named as its issuer. */
  readonly byHsm: boolean
}

export interface HsmCertificates {
  /** The partition's certificate that its card issued. */
  readonly partition: HsmCertificate | null
  /** The partition's certificate that somebody else issued: who runs the HSM. */
  readonly ownerPartition: HsmCertificate | null
  /** Certificates of cards, whoever issued them. */
  readonly cards: readonly HsmCertificate[]
}

const COMMON_NAME = '2.5.4.3'
const NAME = /^HSM:([0-9A-Za-z.-]{1,40})(?::PARTN:(\d{1,4}))?(, for FIPS mode|[, ].{0,80})?$/s

/** The name of a card or partition; null for any other name. @throws MalformedDer */
function hsmName(name: Buffer): HsmName | null {
  const names = readDer(name, { maxBytes: 4096, maxDepth: 4, maxNodes: 60 })
    .children()
    .flatMap((set) => set.expect(TAG.set).children().map((pair) => pair.expect(TAG.sequence).children()))
    .filter(([type]) => type!.oid() === COMMON_NAME)
  const match = names.length === 1 ? NAME.exec(names[0]![1]!.text()) : null
  return match && { card: match[1]!, partition: match[2] ?? null, fipsMode: match[3] === ', for FIPS mode' }
}

/**
 * Finds the HSM's certificates among those given. Roots that a bundle brings along, and all else without an HSM's name, are passed over.
 * @throws MalformedStatement when one is not well formed, or it is not clear which is meant
 */
export function hsmCertificates(given: readonly FoundCertificate[]): HsmCertificates {
  const found: HsmCertificate[] = []
  for (const { der, file } of given) {
    if (found.some((earlier) => earlier.der.equals(der))) continue
    const certificate = readMakerCertificate(der, file, { version1: true })
    if (certificate.issuer.equals(certificate.subject)) continue
    const [hsm, issuer] = guard(file, () => [hsmName(certificate.subject), hsmName(certificate.issuer)])
    if (hsm) found.push({ ...certificate, hsm, byHsm: issuer !== null })
  }
  const partitions = found.filter(({ hsm }) => hsm.partition !== null)
  const byCard = partitions.filter(({ byHsm }) => byHsm)
  const byOwner = partitions.filter(({ byHsm }) => !byHsm)
  for (const some of [byCard, byOwner]) if (some.length > 1) throw new MalformedStatement(some.at(-1)!.file, say('attestation-marvell.malformed.several-partitions'))
  const cards = found.filter(({ hsm }) => hsm.partition === null)
  const partition = byCard[0] ?? null
  if (partition && !cards.some((card) => card.subject.equals(partition.issuer))) throw new MalformedStatement(partition.file, say('attestation-marvell.malformed.card-missing'))
  return { partition, ownerPartition: byOwner[0] ?? null, cards }
}
