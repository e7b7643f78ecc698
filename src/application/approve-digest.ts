/**
 * VET-6: what an approval covers, in one digest. The approving page takes it, `ca` takes it again from the rows that it signs;
 * a row that changed in between gives another digest and voids the approval (CSBR 3.2.9, 5.2.4).
 */
import { createHash } from 'node:crypto'
import type { Approval, Dossier } from './application.ts'

/** The approval as it will be stored; its digest is what is taken here. */
export type ApprovalToDigest = Pick<Approval, 'id' | 'approverId' | 'approvedAt'>

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

/**
 * SHA-256, lower-case hex, over the whole dossier and the approval. To be taken in the transaction that approves, from a dossier read after the
 * approver's own duty was taken. Evidence counts with the SHA-256 of its bytes, not the one on record, which counts beside it.
 *
 * A field added to the dossier is covered without a change here. Left out are only those that the process itself moves on after the approval:
 * state, version, time of the last change, what `ca` found, and the decision, which the approval states itself.
 */
export function approvalDigest(dossier: Dossier, approval: ApprovalToDigest): string {
  const { application, approval: _stored, ...rest } = dossier
  const { state: _state, version: _version, updatedAt: _updatedAt, holdFindings: _findings, decision: _decision, ...approved } = application
  const { id, approverId, approvedAt } = approval
  return sha256(canonical(['approval', 1, { ...rest, application: approved, approval: { id, approverId, approvedAt } }]))
}

/**
 * JSON that two dossiers share only when they are equal: names sorted, lists in an order of their own, so that neither the database's order
 * nor its collation counts; octets by their SHA-256 under a name that no field has.
 * @throws TypeError for a value that JSON would drop or bend: what is not written is not approved
 */
function canonical(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  if (value instanceof Uint8Array) return `{"#octets":"${sha256(value)}"}`
  if (Array.isArray(value)) return `[${isRows(value) ? value.map(canonical).sort().join(',') : value.map(canonical).join(',')}]`
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    return `{${Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`)
      .join(',')}}`
  throw new TypeError(`an approval can't cover a value of type ${typeof value}`)
}

/** Rows of a table are a set. */
const isRows = (list: readonly unknown[]): boolean => list.every((each) => typeof each === 'object' && each !== null && !Array.isArray(each))
