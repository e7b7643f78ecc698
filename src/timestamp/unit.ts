/** A time-stamping unit: a key with its one certificate, and from when to when it signs (TSA-2; CSBR 6.3.2). */
import { addMonths } from '../certificate/validity.ts'
import { integer, MalformedDer } from '../pki/der.ts'
import { KEY_USAGE, readExtendedKeyUsage, readKeyUsage } from '../pki/extension-values.ts'
import { OID } from '../pki/oids.ts'
import { readPublicKey } from '../pki/public-key.ts'
import { readSignatureScheme } from '../pki/signature-algorithm.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import type { TimestampPolicy } from '../policy/policy.ts'
import { type KeyReference, spkiSha256 } from '../signer/signer.ts'
import type { TokenSigner } from './token.ts'

/** What is on record of a unit. */
export interface TimestampCertificate {
  readonly id: string
  readonly authorityId: string
  readonly key: KeyReference
  /** Lower-case hex of whole octets. */
  readonly serial: string
  readonly der: Buffer
  readonly notBefore: Date
  readonly notAfter: Date
  /** The key signs before this moment, never at it. */
  readonly useUntil: Date
  readonly removeBy: Date
  readonly revokedAt: Date | null
  readonly removedAt: Date | null
}

export interface TimestampUnit {
  readonly certificateId: string
  readonly key: KeyReference
  readonly signer: TokenSigner
  readonly notBefore: Date
  readonly useUntil: Date
}

const DIGESTS = ['sha256', 'sha384', 'sha512'] as const

/**
 * The unit that a record speaks of, as far as its own certificate bears it out: a row that claims more time, another key or another purpose gives none.
 * @param authorityDer the certificate of the CA above, given with tokens; that it signed the unit's the caller has asked
 */
export function readUnit(record: TimestampCertificate, authorityDer: Buffer, policy: TimestampPolicy): TimestampUnit | { readonly refused: string } {
  try {
    const { tbs } = readCertificate(record.der)
    const value = (oid: string) => tbs.extensions.find((extension) => extension.oid === oid)
    const [purpose, usage] = [value(OID.extendedKeyUsage), value(OID.keyUsage)]
    if (spkiSha256(tbs.spki) !== record.key.spkiSha256) return { refused: 'its certificate is of another key' }
    if (!purpose?.critical || readExtendedKeyUsage(purpose.value).join() !== OID.timeStamping) return { refused: 'its certificate is not for time-stamping alone' }
    if (!usage || !readKeyUsage(usage.value).includes(KEY_USAGE.digitalSignature)) return { refused: 'its certificate is not for signatures' }
    const { facts } = readPublicKey(tbs.spki)
    if (facts.type !== 'rsa' || facts.bits < policy.keys.rsaBits) return { refused: 'its key is too short' }
    const hash = DIGESTS.find((each) => each === readSignatureScheme(tbs.signature)?.hash)
    if (!hash) return { refused: 'its certificate is signed with a digest that signs no tokens' }
    const notBefore = tbs.notBefore.date
    const ends = [addMonths(notBefore, policy.periods.keyUseMonths), record.useUntil, new Date(tbs.notAfter.date.getTime() + 1000)]
    return {
      certificateId: record.id,
      key: record.key,
      signer: { certificateDer: record.der, issuerDer: tbs.issuer, serialDer: integer(tbs.serialOctets), hash, chain: [record.der, authorityDer] },
      notBefore,
      useUntil: new Date(Math.min(...ends.map((end) => end.getTime()))),
    }
  } catch (error) {
    if (MalformedDer.is(error)) return { refused: `its certificate can't be read: ${error.message}` }
    throw error
  }
}

/** The unit that signs at this moment: of those in force the newest. */
export function unitAt(units: readonly TimestampUnit[], at: Date): TimestampUnit | null {
  const inForce = units.filter(({ notBefore, useUntil }) => notBefore <= at && at < useUntil)
  return inForce.reduce<TimestampUnit | null>((newest, unit) => (newest === null || unit.notBefore > newest.notBefore ? unit : newest), null)
}
