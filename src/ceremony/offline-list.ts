/** The revocation list of an authority whose key is offline: the root's, and that of the time-stamping units' CA. Signed in ceremonies alone (CSBR 4.9.7). */
import { createPublicKey, verify } from 'node:crypto'
import { timestampPolicy } from '../certificate/profile.ts'
import { addMonths } from '../certificate/validity.ts'
import { lastRecordedCrl, latestCrl } from '../database/crl-store.ts'
import type { Transaction } from '../database/database.ts'
import { listRevokedTimestampCertificates } from '../database/timestamp-store.ts'
import { readDer } from '../pki/der.ts'
import { readPublicKey } from '../pki/public-key.ts'
import type { Policy } from '../policy/policy.ts'
import { assembleCertificateList, buildTbsCertList, type CrlEntry } from '../revocation/crl.ts'
import { lintTbsCertList } from '../revocation/crl-lints.ts'
import { readCertificateList } from '../revocation/crl-reader.ts'
import { mustStayOnList, statusSince } from '../revocation/retention.ts'
import { EXTENSION } from '../revocation/signed-object.ts'
import type { Authority } from '../signer/authority.ts'
import { CeremonyRefused } from './refused.ts'
import type { CertifyingKey } from './certify.ts'

export interface OfflineList {
  readonly number: bigint
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  readonly entries: number
  readonly tbs: Buffer
  readonly der: Buffer
}

type OfflineAuthority = Pick<Authority, 'kind' | 'id' | 'subjectDer' | 'notBefore'>

/**
 * The next list of this authority, signed. It reads and writes nothing else.
 * @throws CeremonyRefused when its lints speak
 */
export async function signOfflineList(trx: Transaction, policy: Policy, authority: OfflineAuthority, by: CertifyingKey, heldAt: Date): Promise<OfflineList> {
  const root = authority.kind === 'root'
  const months = root ? policy.periods.rootCrlValidMonths : timestampPolicy(policy).periods.crlValidMonths
  const hash = root ? policy.keys.authority.rootHash : policy.keys.authority.issuingHash
  const [last, published] = [await lastRecordedCrl(trx, authority.id), await latestCrl(trx, authority.id)]
  const previous = published && readCertificateList(published.der)
  const number = (last?.number ?? 0n) + 1n
  // Both ends count: the list's last second lies within its months.
  const nextUpdate = new Date(addMonths(heldAt, months).getTime() - 1000)
  const revoked = root ? [] : await listRevokedTimestampCertificates(trx, authority.id)
  // What the root ever put on its list no table holds: it stays as it stands there.
  const kept: CrlEntry[] = root ? (previous?.tbs.entries ?? []).map(({ serial, revocationDate, extensions }) => ({ serial, revokedAt: revocationDate.at, reason: reasonIn(extensions) })) : []
  const entries = [...kept, ...revoked.filter(({ notAfter }) => mustStayOnList(notAfter, heldAt, policy.periods))]
  const { keyIdentifier } = readPublicKey(by.spki)
  const tbs = buildTbsCertList({
    issuerNameDer: authority.subjectDer,
    authorityKeyIdentifier: keyIdentifier,
    number,
    thisUpdate: heldAt,
    nextUpdate,
    entries,
    expiredCertsOnCrl: statusSince({ caNotBefore: authority.notBefore, thisUpdate: heldAt, periods: policy.periods }),
    hash,
  })
  const notAfter = new Map(revoked.map((each) => [each.serial, each.notAfter]))
  const findings = lintTbsCertList(tbs, {
    at: heldAt,
    issuerNameDer: authority.subjectDer,
    authorityKeyIdentifier: keyIdentifier,
    hash,
    caNotBefore: authority.notBefore,
    list: 'root',
    periods: { ...policy.periods, rootCrlValidMonths: months },
    lastNumber: last?.number ?? null,
    previous,
    notAfterOf: (serial) => notAfter.get(serial) ?? (root ? new Date(8.64e15) : undefined),
  })
  if (findings.length > 0) throw new CeremonyRefused(`The list of ${authority.id} is not signed:\n${findings.map(({ lint, clause, detail }) => `  ${lint} (${clause}): ${detail}`).join('\n')}`)
  const signature = await by.token.sign(by.key, hash, tbs)
  if (!verify(hash, tbs, createPublicKey({ key: by.spki, format: 'der', type: 'spki' }), signature)) throw new CeremonyRefused(`The signature on the list of ${authority.id} does not verify`)
  return { number, thisUpdate: heldAt, nextUpdate, entries: entries.length, tbs, der: assembleCertificateList(tbs, hash, signature) }
}

function reasonIn(extensions: readonly { readonly oid: string; readonly value: Buffer }[] | null): number | undefined {
  const value = extensions?.find(({ oid }) => oid === EXTENSION.reasonCode)?.value
  return value && Number(readDer(value).enumerated())
}

export async function insertOfflineList(trx: Transaction, authorityId: string, list: OfflineList): Promise<void> {
  await trx('crls').insert({
    authority_id: authorityId,
    number: Number(list.number),
    this_update: list.thisUpdate.toISOString(),
    next_update: list.nextUpdate.toISOString(),
    entries: list.entries,
    tbs: list.tbs,
    der: list.der,
  })
}
