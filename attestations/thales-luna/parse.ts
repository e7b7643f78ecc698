/** Reads a Luna public key confirmation: five certificates for an RSA key, three for an elliptic curve. Judges nothing. */
import type { Evidence } from '../../src/attestation/evidence.ts'
import { readMakerCertificate, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { firmwareOf, flagsOf, maySignCertificates, roleOf, serialOf, subjectPart } from './extensions.ts'

/** The roles of a chain, by extended key usage, from the confirmation to the root. */
export const CHAINS = {
  /** Confirmation, device authentication, hardware origin, manufacturing integrity, root ("Chrysalis-ITS"). */
  rsa: [13, 12, 8, 7, 1],
  /** Confirmation, hardware origin, manufacturing integrity. */
  ecc: [13, 15, 14],
} as const

export interface LunaClaims {
  readonly model: string | null
  readonly firmware: string | null
  /** The firmware that the device's certificate names; null in the ECC chain, where it names none. */
  readonly deviceFirmware: string | null
  /** The serial number in each place where the chain's form has one. */
  readonly serials: readonly (string | null)[]
  readonly flags: string | null
}

export interface LunaStatement {
  readonly family: keyof typeof CHAINS
  /** From the confirmation to the root, in the order of CHAINS. */
  readonly chain: readonly MakerCertificate[]
  readonly claims: LunaClaims
  /** Of each certificate of the chain: whether its keyUsage lets it sign certificates, null without keyUsage. */
  readonly signs: readonly (boolean | null)[]
}

const malformed = (file: string | null, reason: string, values?: Record<string, string>) => new MalformedStatement(file, say(`attestation-thales-luna.malformed.${reason}`, values))

/** @throws MalformedStatement when a certificate is strange to the chain, missing, there twice, or out of order within a file */
export function parseLunaStatement(evidence: Evidence): LunaStatement {
  const stray = evidence.others[0]
  if (stray) throw new MalformedStatement(stray.name, say('attestation.malformed.not-a-certificate'))
  const certificates: { certificate: MakerCertificate; role: number }[] = []
  for (const { der, file } of evidence.certificates) {
    if (certificates.some((earlier) => earlier.certificate.der.equals(der))) continue
    const certificate = readMakerCertificate(der, file)
    const role = roleOf(certificate)
    if (role === null || ![...CHAINS.rsa, ...CHAINS.ecc].some((known) => known === role)) throw malformed(file, 'other-certificate', { subject: certificate.subjectText })
    certificates.push({ certificate, role })
  }
  const holds = (roles: readonly number[]) => certificates.some(({ role }) => role !== 13 && roles.includes(role))
  if (holds(CHAINS.rsa) && holds(CHAINS.ecc)) throw malformed(certificates[0]!.certificate.file, 'two-chains')
  const family = holds(CHAINS.ecc) ? 'ecc' : 'rsa'
  const chain = CHAINS[family].map((wanted) => {
    const [found, second] = certificates.filter(({ role }) => role === wanted)
    if (!found) throw malformed(certificates[0]?.certificate.file ?? null, wanted === 13 ? 'confirmation-missing' : 'incomplete', { count: String(certificates.length), whole: String(CHAINS[family].length) })
    if (second) throw malformed(second.certificate.file, wanted === 13 ? 'several-confirmations' : 'several-chains')
    return found.certificate
  })
  // The module writes the chain in order; files may come in any order, but a file whose certificates are shuffled is not the module's.
  certificates.forEach(({ certificate }, index) => {
    const place = chain.indexOf(certificate)
    if (certificates.slice(0, index).some((earlier) => earlier.certificate.file === certificate.file && chain.indexOf(earlier.certificate) > place)) throw malformed(certificate.file, 'order')
  })
  return { family, chain, claims: family === 'rsa' ? rsaClaims(chain) : eccClaims(chain), signs: chain.map(maySignCertificates) }
}

/** The serial number at the end of a confirmation's common name: eight hexadecimal digits, the lowest octet first. */
const namedSerial = (confirmation: MakerCertificate): string | null => {
  const end = /^[0-9a-f]{16}([0-9a-f]{8})$/.exec(subjectPart(confirmation, 'CN') ?? '')?.[1]
  return end === undefined ? null : Buffer.from(end, 'hex').readUInt32LE(0).toString()
}

function rsaClaims(chain: readonly MakerCertificate[]): LunaClaims {
  const [confirmation, device] = chain as [MakerCertificate, MakerCertificate]
  const name = /^(Luna [A-Z]\d{1,2})-(\d{1,10})$/.exec(subjectPart(device, 'CN') ?? '')
  return {
    model: name?.[1] ?? null,
    firmware: firmwareOf(confirmation),
    deviceFirmware: firmwareOf(device),
    serials: [serialOf(confirmation), serialOf(device), name?.[2] ?? null, namedSerial(confirmation)],
    flags: flagsOf(confirmation),
  }
}

/** The ECC chain has no device authentication certificate: its device is the hardware origin, named by the serial number alone. */
function eccClaims(chain: readonly MakerCertificate[]): LunaClaims {
  const [confirmation, origin] = chain as [MakerCertificate, MakerCertificate]
  return {
    model: null,
    firmware: firmwareOf(confirmation),
    deviceFirmware: null,
    serials: [serialOf(confirmation) ?? namedSerial(confirmation), subjectPart(origin, 'CN')],
    flags: flagsOf(confirmation),
  }
}
