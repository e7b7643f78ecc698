/** What issuing needs from outside. `database/issuance-store.ts` and `jobs/issuing.ts` fulfil it. */
import type { Issuer, CertificateUrls } from '../certificate/profile.ts'
import type { Message } from '../certificate/rule-verdict.ts'
import type { ProtectionFacts } from '../key-protection/protection.ts'
import type { AuditEventName } from '../audit/events.ts'
import type { Policy } from '../policy/policy.ts'
import type { Application } from './application.ts'
import type { Contact } from './certificate-record.ts'
import type { Clock, RandomBytes, Work } from './ports.ts'
import type { Reviewer } from './review.ts'
import type { KeyRegister } from './verify-key.ts'

/** The CA that issues now. */
export interface IssuingAuthority {
  readonly id: string
  /** As its own certificate and its row both say; what the environment says never counts. */
  readonly demo: boolean
  readonly issuer: Issuer
  /** SubjectPublicKeyInfo of its key, DER. */
  readonly spki: Buffer
  readonly urls: CertificateUrls
  /** The address of its list, or of that of a shard. */
  crlUrl(shard: number): string
  /** RSASSA-PKCS1-v1_5 by its key. Deterministic. */
  sign(tbs: Buffer, hash: 'sha256' | 'sha384' | 'sha512'): Promise<Buffer>
}

/** A certificate on record before its signature (ISS-5). */
export interface RecordedCertificate {
  readonly id: string
  readonly authorityId: string
  readonly applicationId: string
  readonly approvalId: string
  /** Lower-case hex, whole octets, no sign octet. */
  readonly serial: string
  readonly spkiSha256: string
  /** On which list it would be revoked: 0 for the authority's own. Its octets say the same. */
  readonly crlShard: number
  /** The exact octets to be signed. */
  readonly tbs: Buffer
  readonly notBefore: Date
  readonly notAfter: Date
  readonly recordedAt: Date
}

/** What stands against issuing, for the officer: words are in the locale files. */
export interface HoldFinding {
  readonly code: string
  /** Row of the requirements ledger. */
  readonly row: string
  readonly message: Message
}

export interface IssuanceStore extends KeyRegister {
  /** The longest waiting applications that `ca` must act on, approved or issuing, under nobody's lease at `now`, the oldest first. */
  waiting(now: Date, atMost: number): Promise<readonly Application[]>
  /**
   * Takes each by compare-and-set, for as long as nobody else could have. It raises the version, so that whoever held it before can't move it any more.
   * False for each for which somebody else was quicker. Several only in a transaction.
   */
  lease(applications: readonly Application[], owner: string, now: Date, until: Date): Promise<readonly boolean[]>
  endLease(applicationId: string): Promise<void>
  /** The certificate on record and not yet signed or abandoned. */
  recordOf(applicationId: string): Promise<RecordedCertificate | null>
  /** @param crlUrl the address of its list, as its octets have it: that list carries it from now on */
  insertRecord(record: RecordedCertificate, crlUrl: string): Promise<void>
  /**
   * False when the record is no longer waiting for its signature.
   * @throws Error when that befalls one of several in a shared transaction: nothing of it may stand then
   */
  storeIssued(id: string, der: Buffer, sha256: string, issuedAt: Date): Promise<boolean>
  abandon(id: string): Promise<boolean>
  /** APP-4: notes for whom the key is certified. False when it is certified for somebody or something else. */
  claimKey(spkiSha256: string, organisationId: string, purpose: string, at: Date): Promise<boolean>
  /** An active account with its roles; null for a closed one and for none. */
  reviewer(accountId: string): Promise<Reviewer | null>
  contact(accountId: string): Promise<Contact | null>
  /** What judging the key's protection needs to know; demo makers under a demo CA only. */
  protectionFacts(application: Application, demoHierarchy: boolean): Promise<ProtectionFacts>
}

/** An entry of the audit log as it stands in a chain that was verified. */
export interface LoggedEvent {
  readonly event: AuditEventName
  /** An account's id, or a process. */
  readonly actor: string
  readonly details: Readonly<Record<string, unknown>>
}

/** What the audit log says of each application that may still be issued to (LOG-1). */
export interface AuditTrail {
  /**
   * Verifies the chain: all of it the first time, then what came since.
   * @returns the number of the first entry that does not fit; null when all do
   */
  firstBreach(): Promise<number | null>
  /** The officers' and applicant's acts on this application, oldest first, as they stood when `firstBreach` read them. */
  eventsOf(applicationId: string): readonly LoggedEvent[]
  /** Likewise what was done to this entry of a register, or to this module. */
  eventsOfEntry(entryId: string): readonly LoggedEvent[]
  /** Every change of makers' keys that was proposed or confirmed, oldest first, likewise. */
  anchorActs(): readonly LoggedEvent[]
}

export interface IssuingParts {
  readonly policy: Policy
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  readonly newId: () => string
  /** This process's name on its leases, at most 64 characters, no other's. */
  readonly owner: string
  /** Base address of the portal, for the link in the mail. */
  readonly portalUrl: string
  /** Reads outside of a transaction. */
  readonly store: IssuanceStore
  readonly trail: AuditTrail
  /** One transaction, with its audit entries and mail. Acts may share one; an act that throws is undone, and may have been begun twice. */
  change<T>(act: (work: Work, store: IssuanceStore) => Promise<T>): Promise<T>
  /** Read anew for each certificate. */
  authority(): Promise<IssuingAuthority>
}
