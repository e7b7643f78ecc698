/** The Timestamp Authority (RFC 3161): from the octets of a request to the octets of an answer. Fails closed: what is in doubt is refused, never stamped. */
import { createHash } from 'node:crypto'
import { drawSerialNumber, type RandomBytes } from '../certificate/serial-number.ts'
import type { TimestampPolicy } from '../policy/policy.ts'
import type { Signer } from '../signer/signer.ts'
import type { ClockWatch } from './clock-watch.ts'
import { type Failure, type ImprintHash, parseTimestampRequest } from './request.ts'
import { assembleToken, buildSignedAttributes, buildTstInfo, grantedResponse, rejectedResponse } from './token.ts'
import type { TimestampUnit } from './unit.ts'

/** What is on record of a token before it is signed. */
export interface TokenRecord {
  /** Lower-case hex of whole octets. */
  readonly serial: string
  readonly certificateId: string
  readonly genTime: Date
  readonly imprintHash: ImprintHash
  readonly tstInfoSha256: string
}

export interface TimestampParts {
  readonly policy: TimestampPolicy
  readonly signer: Pick<Signer, 'sign'>
  readonly clock: Pick<ClockWatch, 'now'>
  readonly randomBytes: RandomBytes
  /** The unit in force, or null. */
  unitAt(at: Date): TimestampUnit | null
  /** Puts the token on record; false when its serial number was given before, by whichever node. */
  record(token: TokenRecord): Promise<boolean>
  /** Told of every answer. */
  answered(outcome: 'granted' | Failure): void
  fault(error: unknown): void
}

/** 128 random bits: the second draw is for a fault, not for chance. */
const DRAWS = 3
/** Time-stamps being made at once. More would wait longer than a time that is written into them holds. */
const MOST_PENDING = 500
const nobody = (): boolean => false

/** The octets of a request to those of its answer. Work is dropped when `gone` says that the client is. */
export type StampRequest = (request: Buffer, gone?: () => boolean) => Promise<Buffer>

export function createTimestampAuthority(parts: TimestampParts): StampRequest {
  const { policy, signer, clock, randomBytes } = parts
  const refuse = (failure: Failure): Buffer => {
    parts.answered(failure)
    return rejectedResponse(failure)
  }

  let pending = 0
  return async (bytes, gone = nobody) => {
    if (pending >= MOST_PENDING) return refuse('systemFailure')
    pending++
    try {
      return await stamp(bytes, gone)
    } finally {
      pending--
    }
  }

  async function stamp(bytes: Buffer, gone: () => boolean): Promise<Buffer> {
    const parsed = parseTimestampRequest(bytes, policy.imprints)
    if ('refused' in parsed) return refuse(parsed.refused.failure)
    const { imprint, hash, nonce, certReq, policy: wanted } = parsed.request
    if (wanted !== null && wanted !== policy.policyOids.token) return refuse('unacceptedPolicy')
    const time = clock.now()
    if ('unsure' in time) return refuse('timeNotAvailable')
    const genTime = new Date(Math.floor(time.at.getTime() / 1000) * 1000)
    const unit = parts.unitAt(time.at)
    if (!unit) return refuse('systemFailure')
    try {
      for (let draw = 0; draw < DRAWS; draw++) {
        const serial = drawSerialNumber(randomBytes)
        const tstInfo = buildTstInfo({ policy: policy.policyOids.token, imprint, serial, genTime, accuracySeconds: policy.accuracySeconds, nonce })
        const tstInfoSha256 = createHash('sha256').update(tstInfo).digest('hex')
        if (gone()) return refuse('systemFailure')
        // RFC 3161 2.4.2: on record first, so that a number that was ever signed is never drawn again, whatever crashes.
        if (!(await parts.record({ serial: serial.toString('hex'), certificateId: unit.certificateId, genTime, imprintHash: hash, tstInfoSha256 }))) continue
        const attributes = buildSignedAttributes(tstInfo, unit.signer)
        // TSA-3: what waited for the database until genTime is older than the accuracy stated beside it is signed by nobody (RFC 3161 2.4.2: the time of creation).
        const signing = clock.now()
        if ('unsure' in signing || signing.at.getTime() - genTime.getTime() > policy.accuracySeconds * 1000) return refuse('timeNotAvailable')
        if (gone()) return refuse('systemFailure')
        // TSA-3: the digest that signed the certificate.
        const signature = await signer.sign(unit.key, unit.signer.hash, attributes)
        parts.answered('granted')
        return grantedResponse(assembleToken(tstInfo, attributes, signature, unit.signer, certReq))
      }
      throw new Error(`no unused serial number in ${DRAWS} draws`)
    } catch (error) {
      parts.fault(error)
      return refuse('systemFailure')
    }
  }
}
