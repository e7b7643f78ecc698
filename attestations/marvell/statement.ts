/** A LiquidSecurity HSM's statement about a key, whole: what the HSM signed, the key in it, and the HSM's certificates. Judges nothing. */
import type { FoundCertificate } from '../../src/attestation/evidence.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { readBlob, type HsmBlob } from './blob.ts'
import { hsmCertificates, type HsmCertificates } from './certificates.ts'
import { attestedKey, type AttestedKey } from './key.ts'

export interface MarvellStatement {
  readonly blobs: readonly HsmBlob[]
  readonly key: AttestedKey
  readonly certificates: HsmCertificates
}

/** @throws MalformedStatement when a part is not well formed, or there is no certificate of a partition at all */
export function readStatement(parts: readonly { name: string; bytes: Buffer }[], certificates: readonly FoundCertificate[]): MarvellStatement {
  const blobs = parts.map(({ name, bytes }) => readBlob(bytes, name))
  const key = attestedKey(blobs)
  const hsm = hsmCertificates(certificates)
  if (!hsm.partition && !hsm.ownerPartition) throw new MalformedStatement(blobs[0]!.file, say('attestation-marvell.malformed.certificates-missing'))
  return { blobs, key, certificates: hsm }
}
