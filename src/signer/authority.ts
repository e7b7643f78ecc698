/** Who signs: the authorities of the hierarchy and the OCSP responders under them, each with the reference of its key. */
import type { KeyReference } from './signer.ts'

export interface Authority {
  readonly id: string
  /** `timestamp-ca`: certifies time-stamping units; its key is on the root's token, offline (CSBR 6.2.7.2). */
  readonly kind: 'root' | 'issuing' | 'timestamp-ca'
  readonly parentId: string | null
  readonly demo: boolean
  readonly key: KeyReference
  readonly subjectDer: Buffer
  readonly certificateDer: Buffer
  readonly notBefore: Date
  readonly notAfter: Date
}

export interface ResponderKey {
  readonly id: string
  readonly authorityId: string
  readonly key: KeyReference
  readonly spkiDer: Buffer
  readonly enrolmentSignature: Buffer
}

/** A responder key with the certificate that is in force for it. */
export interface Responder {
  readonly key: KeyReference
  readonly certificateDer: Buffer
  readonly notBefore: Date
  readonly notAfter: Date
}
