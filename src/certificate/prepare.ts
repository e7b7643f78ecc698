/** The step before a signature: serial number, validity, octets, lints. What comes out is good for one signature. */
import { MalformedDer } from '../pki/der.ts'
import type { NameAttribute } from '../pki/name.ts'
import type { Policy } from '../policy/policy.ts'
import { ABSENT, finding, type LintFinding } from './lints/lint.ts'
import { ENCODING, lintTbs } from './lints/lints.ts'
import { buildTbs, type CertificateKind, type CertificateUrls, type Issuer, signatureAlgorithmOf } from './profile.ts'
import { drawSerialNumber, type RandomBytes } from './serial-number.ts'
import { mayStillIssue, validityFrom } from './validity.ts'

export interface CertificateOrder {
  readonly kind: CertificateKind
  readonly policy: Policy
  /** 'self' for a root. */
  readonly issuer: Issuer | 'self'
  /** The subject as approved, in the order in which it is to stand. */
  readonly subject: readonly NameAttribute[]
  /** The approved key, SubjectPublicKeyInfo DER. */
  readonly spki: Buffer
  readonly urls: CertificateUrls
  /** A life shorter than the policy's, both ends counted. Never a longer one. */
  readonly lifeSeconds?: number
}

/** What is signed and recorded. */
export interface ToBeSigned {
  readonly kind: CertificateKind
  readonly tbs: Buffer
  /** AlgorithmIdentifier DER, for assembleCertificate. */
  readonly signatureAlgorithm: Buffer
  readonly hash: 'sha256' | 'sha384' | 'sha512'
  /** Serial number as lower-case hex of its content octets. */
  readonly serial: string
  readonly notBefore: Date
  readonly notAfter: Date
}

/** Known to this file alone: `private` is checked by the compiler only. */
const MINT = Symbol('prepareCertificate')

/** A linted TBSCertificate. Only prepareCertificate makes one, and it gives its octets once, so one preparation never becomes two certificates. */
export class PreparedCertificate {
  #content: ToBeSigned | null

  constructor(key: typeof MINT, content: ToBeSigned) {
    if (key !== MINT) throw new TypeError('only prepareCertificate makes a prepared certificate')
    this.#content = content
  }

  static is(value: unknown): value is PreparedCertificate {
    return typeof value === 'object' && value !== null && #content in value
  }

  /** @throws Error the second time */
  take(): ToBeSigned {
    const content = this.#content
    if (!content) throw new Error('a prepared certificate is good once')
    this.#content = null
    return content
  }
}

const ISSUER_LIFE = { id: 'cak-5-issuer-life', row: 'CAK-5', clause: 'CSBR 4.10.1, 7.2', sentence: 'issuer-life' } as const

/** Prepares one certificate, or says every rule that stands against it. Nothing is refused by exception but what is a fault of this software. */
export function prepareCertificate(order: CertificateOrder, { now, randomBytes }: { now: Date; randomBytes: RandomBytes }): { prepared: PreparedCertificate } | { refused: LintFinding[] } {
  const { kind, policy, issuer, subject, spki, urls, lifeSeconds } = order
  if (issuer === 'self' && kind !== 'root') throw new TypeError(`a certificate of kind ${kind} has an issuer`)
  const issuerNotAfter = issuer === 'self' ? null : issuer.notAfter
  if (kind === 'subscriber' && (issuerNotAfter === null || !mayStillIssue(issuerNotAfter, now, policy))) return { refused: [finding(ISSUER_LIFE, issuerNotAfter?.toISOString() ?? ABSENT)] }
  const serial = drawSerialNumber(randomBytes)
  const { notBefore, notAfter } = validityFrom(kind, now, policy, issuerNotAfter, lifeSeconds)
  let tbs: Buffer
  try {
    tbs = buildTbs(kind, { policy, serial, issuer, subject, spki, notBefore, notAfter, urls })
  } catch (error) {
    if (MalformedDer.is(error)) return { refused: [finding(ENCODING, error.message)] }
    throw error
  }
  const refused = lintTbs(tbs, { kind, policy, now, issuer, subject, spki, urls })
  if (refused.length > 0) return { refused }
  const { hash, der } = signatureAlgorithmOf(kind, policy)
  return { prepared: new PreparedCertificate(MINT, { kind, tbs, signatureAlgorithm: der, hash, serial: serial.toString('hex'), notBefore, notAfter }) }
}
