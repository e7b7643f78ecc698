/** The warrant: certificates from Entrust's root key KWARN-1 down to one module's long-term key KLF2. Read, not judged. */
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { listOf, mapOf, readDdds, symbolOf, type DddsValue } from './ddds.ts'
import { trimmed, type NCoreKey } from './ncore.ts'

/** What a body of certification approved the module for: `FIPS140`, edition 2 or 3, level 1 to 4. */
export interface Approval {
  readonly scheme: string
  readonly edition: number
  readonly level: number
}

export interface WarrantCertificate {
  readonly type: string
  /** r and s of ECDSA on P-521, 66 octets each, over the payload. */
  readonly signature: Buffer
  readonly payload: Buffer
  /** DelegateKey or KLF2pub. */
  readonly key: NCoreKey
  /** False when the key is to sign with anything but ECDSA and SHA-512. */
  readonly mechanismKnown: boolean
  readonly electronicSerialNumber: string | null
  readonly physicalSerialNumber: string | null
  readonly approvals: readonly Approval[]
}

export interface Warrant {
  readonly root: string
  readonly certificates: readonly WarrantCertificate[]
}

const MAX_CERTIFICATES = 8

/** @throws MalformedStatement */
export function readWarrant(bytes: Buffer, file: string): Warrant {
  const malformed = () => new MalformedStatement(file, say('attestation-nshield.malformed.warrant'))
  const [root, ...rest] = listOf(readDdds(bytes, file)) ?? []
  const name = symbolOf(root)
  if (name === null || rest.length === 0 || rest.length > MAX_CERTIFICATES) throw malformed()
  const certificates = rest.map((item): WarrantCertificate => {
    const outer = mapOf(item)
    const [payload, signature] = [outer?.get('Payload'), outer?.get('Signature')]
    if (outer?.size !== 2 || !Buffer.isBuffer(payload) || !Buffer.isBuffer(signature) || signature.length !== 132) throw malformed()
    const body = mapOf(readDdds(payload, file))
    const type = symbolOf(body?.get('WarrantCertificateType'))
    if (!body || type === null) throw malformed()
    const delegation = body.has('DelegateKey')
    const key = keyOf(body.get(delegation ? 'DelegateKey' : 'KLF2pub'))
    if (!key || (delegation && body.has('KLF2pub'))) throw malformed()
    return {
      type,
      signature,
      payload,
      key,
      mechanismKnown: isEcdsaSha512(body.get(delegation ? 'SigMech' : 'KLF2mech')),
      electronicSerialNumber: textOf(body.get('ElectronicSerialNumber')),
      physicalSerialNumber: textOf(body.get('PhysicalSerialNumber')),
      approvals: (listOf(body.get('Approvals')) ?? []).map(approvalOf).filter((approval) => approval !== null),
    }
  })
  return { root: name, certificates }
}

const textOf = (value: DddsValue | undefined): string | null => (typeof value === 'string' ? value : null)

/** `['ECDSA', 'Public', 'NISTP521', [x, y]]`. */
function keyOf(value: DddsValue | undefined): NCoreKey | null {
  const parts = listOf(value)
  const point = listOf(parts?.[3])
  if (parts?.length !== 4 || symbolOf(parts[0]) !== 'ECDSA' || symbolOf(parts[1]) !== 'Public' || symbolOf(parts[2]) !== 'NISTP521' || point?.length !== 2) return null
  const [x, y] = point.map((coordinate) => (typeof coordinate === 'object' && 'number' in coordinate && coordinate.number.length <= 66 ? trimmed(coordinate.number) : null))
  return x && y ? { kind: 'EC', curve: 'P-521', x, y } : null
}

/** `['ECDSA', ['EMSA1', 'SHA512']]`. */
function isEcdsaSha512(value: DddsValue | undefined): boolean {
  const parts = listOf(value)
  const encoding = listOf(parts?.[1])
  return parts?.length === 2 && symbolOf(parts[0]) === 'ECDSA' && encoding?.length === 2 && symbolOf(encoding[0]) === 'EMSA1' && symbolOf(encoding[1]) === 'SHA512'
}

/** `['FIPS140', 2, 3, 'MultiChipEmbedded']`; what is written otherwise is no approval that we understand. */
function approvalOf(value: DddsValue): Approval | null {
  const [scheme, edition, level] = listOf(value) ?? []
  const name = symbolOf(scheme)
  return name !== null && typeof edition === 'number' && typeof level === 'number' ? { scheme: name, edition, level } : null
}
