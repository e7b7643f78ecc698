/** The certificate of an attestation key (AK): what it says of itself and of the TPM it is in (TCG EK Credential Profile 3.2; TPM 2.0 Keys for Device Identity and Attestation). */
import { extendedKeyUsages } from '../../src/attestation/certificate-extensions.ts'
import { guard } from '../../src/attestation/evidence.ts'
import type { MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { MalformedDer, oid as oidOctets, readDer, TAG } from '../../src/pki/der.ts'

/** Arcs of the TCG. */
export const OID = {
  manufacturer: '2.23.133.2.1',
  model: '2.23.133.2.2',
  version: '2.23.133.2.3',
  /** Purposes: of an endorsement key, and of an attestation key. */
  endorsement: '2.23.133.8.1',
  attestation: '2.23.133.8.3',
} as const

export const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17'
const DIRECTORY_NAME = 0xa4
const LIMITS = { maxBytes: 2048, maxDepth: 8, maxNodes: 60 }

export interface TpmClaims {
  /** As the certificate has it, such as `id:53544D20`; null for each that is not there. */
  readonly manufacturer: string | null
  readonly model: string | null
  readonly version: string | null
}

/** What the directory name in subjectAltName says of the TPM. @throws MalformedStatement */
export function tpmClaims(certificate: MakerCertificate): TpmClaims {
  const found = new Map<string, string>()
  const extension = certificate.extensions.get(SUBJECT_ALTERNATIVE_NAME)
  if (extension)
    guard(certificate.file, () => {
      for (const name of readDer(extension.value, LIMITS).expect(TAG.sequence, 'alternative names').children()) {
        if (name.tag !== DIRECTORY_NAME) continue
        const [sets, ...more] = name.children()
        if (!sets || more.length > 0) throw new MalformedDer('directory name is not well formed', name.offset)
        for (const pair of sets.expect(TAG.sequence, 'name').children().flatMap((set) => set.expect(TAG.set, 'name part').children())) {
          const [type, value, ...rest] = pair.expect(TAG.sequence, 'name part').children()
          if (!type || !value || rest.length > 0) throw new MalformedDer('name is not well formed', pair.offset)
          const id = type.oid()
          if (found.has(id)) throw new MalformedDer('name has a part twice', pair.offset)
          found.set(id, value.text())
        }
      }
    })
  return { manufacturer: found.get(OID.manufacturer) ?? null, model: found.get(OID.model) ?? null, version: found.get(OID.version) ?? null }
}

/** `id:53544D20` as the letters that it is made of; the text itself when it is something else. */
export function manufacturerName(manufacturer: string | null): string {
  const octets = /^id:([0-9A-Fa-f]{8})$/.exec(manufacturer ?? '')?.[1]
  const letters = octets ? Buffer.from(octets, 'hex').toString('latin1').replace(/[\0 ]+$/, '') : ''
  return /^[\x21-\x7e]+$/.test(letters) ? letters : (manufacturer ?? '–')
}

/** Major and minor version of the firmware: one octet each, as on endorsement keys of Infineon's, or two, as Microsoft writes them; null for anything else. */
export function firmwareOf(version: string | null): string | null {
  const digits = /^id:([0-9A-Fa-f]{4}|[0-9A-Fa-f]{8})$/.exec(version ?? '')?.[1]
  return digits ? [digits.slice(0, digits.length / 2), digits.slice(digits.length / 2)].map((half) => parseInt(half, 16)).join('.') : null
}

const MANUFACTURER = oidOctets(OID.manufacturer)
const EMPTY_NAME = Buffer.from('3000', 'hex')

/** Whether a certificate is of the kind that is written for a TPM's own keys: it names the TPM, or nobody. */
export const looksLikeAk = ({ subject, extensions }: MakerCertificate): boolean => subject.equals(EMPTY_NAME) || (extensions.get(SUBJECT_ALTERNATIVE_NAME)?.value.includes(MANUFACTURER) ?? false)
export const emptySubject = ({ subject }: MakerCertificate): boolean => subject.equals(EMPTY_NAME)

/** What a certificate's key is for. */
export function purpose(certificate: MakerCertificate): 'attestation' | 'endorsement' | 'other' {
  const purposes = extendedKeyUsages(certificate)
  return purposes.includes(OID.endorsement) ? 'endorsement' : purposes.includes(OID.attestation) ? 'attestation' : 'other'
}

/** For raw evidence: octets of a TPM certificate, well formed or not. */
export const namesTpm = (der: Buffer): boolean => der.includes(MANUFACTURER)
