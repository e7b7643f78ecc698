/** Whether a list may be taken for its authority's, as a relying party would now (CRL-3). */
import { verify } from 'node:crypto'
import { readDer, TAG } from '../pki/der.ts'
import { publicKeyObject } from '../pki/key-object.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import type { Policy } from '../policy/policy.ts'
import type { Authority } from '../signer/authority.ts'
import type { WalkedList } from './crl-walk.ts'
import { statusSince } from './retention.ts'
import { EXTENSION } from './signed-object.ts'

/** A moment as operators read it. */
export const stamp = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`

const second = (date: Date): number => Math.floor(date.getTime() / 1000)

/** Why not; null when it may. @throws MalformedDer */
export function listRefused(authority: Authority, { tbsDer, signature, head }: WalkedList, policy: Policy, now: Date): string | null {
  const hash = authority.kind === 'issuing' ? policy.keys.authority.issuingHash : null
  const key = publicKeyObject(readCertificate(authority.certificateDer).tbs.spki)
  const hashes = hash ? [hash] : (['sha256', 'sha384', 'sha512'] as const)
  if (!head.issuerNameDer.equals(authority.subjectDer) || !hashes.some((each) => verify(each, tbsDer, key, signature))) return "the list is not the authority's"
  if (!head.nextUpdate || head.nextUpdate.at < now) return `the list ended ${head.nextUpdate ? stamp(head.nextUpdate.at) : 'without saying when'}`
  const since = statusSince({ caNotBefore: authority.notBefore, thisUpdate: head.thisUpdate.at, periods: policy.periods })
  const told = head.extensions.find(({ oid }) => oid === EXTENSION.expiredCertsOnCrl)
  const at = told ? readDer(told.value).expect(TAG.generalizedTime, 'expiredCertsOnCRL').time() : null
  return at && second(at) === second(since) ? null : `its expiredCertsOnCRL is ${at ? stamp(at) : 'absent'}, not ${stamp(since)}`
}

/** RFC 5280 6.3.3 (b)(2): a list for some addresses answers at one of them; one without an issuing distribution point at that of the whole list alone. @throws MalformedDer */
export function isListOf(url: string, shard: number, { head }: WalkedList): boolean {
  const value = head.extensions.find(({ oid }) => oid === EXTENSION.issuingDistributionPoint)?.value
  if (!value) return shard === 0
  const [point] = readDer(value).expect(TAG.sequence, 'issuing distribution point').children()
  const [name] = point?.tag === 0xa0 ? point.children() : []
  return name?.tag === 0xa0 && name.children().some((each) => each.tag === 0x86 && each.value.equals(Buffer.from(url, 'latin1')))
}
