/** The authorities as `ca` works with them: what their own certificates say, under the row's name. */
import type { IssuingAuthority } from '../application/issue-ports.ts'
import { crlPath, issuerUrls } from '../certificate/addresses.ts'
import { findIssuingAuthority, listAuthorities, type Authority } from '../database/authority-store.ts'
import type { Database } from '../database/database.ts'
import { MalformedDer } from '../pki/der.ts'
import { decodeName } from '../pki/name.ts'
import { OID } from '../pki/oids.ts'
import { readPublicKey } from '../pki/public-key.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import { type Signer, spkiSha256 } from '../signer/signer.ts'

type Place = { readonly status: { readonly url: string }; readonly portal: { readonly url: string } }

export interface SigningAuthority extends IssuingAuthority {
  readonly row: Authority
}

/** Somebody altered the row of an authority: nothing is signed in its name. */
export class AuthorityRefused extends Error {
  readonly #authorityRefused = true
  static is(error: unknown): error is AuthorityRefused {
    return typeof error === 'object' && error !== null && #authorityRefused in error
  }
}

/** @throws AuthorityRefused when the row names another key than its certificate, or its certificate is none */
export function signingAuthority(row: Authority, signer: Pick<Signer, 'sign'>, place: Place): SigningAuthority {
  try {
    return readAuthority(row, signer, place)
  } catch (error) {
    if (MalformedDer.is(error)) throw new AuthorityRefused(`authority ${row.id}: its certificate can't be read: ${error.message}`)
    throw error
  }
}

function readAuthority(row: Authority, signer: Pick<Signer, 'sign'>, { status, portal }: Place): SigningAuthority {
  const { tbs } = readCertificate(row.certificateDer)
  const one = spkiSha256(tbs.spki) === row.key.spkiSha256 && tbs.subject.equals(row.subjectDer) && tbs.notBefore.date.getTime() === row.notBefore.getTime()
  if (!one) throw new AuthorityRefused(`authority ${row.id}: its row and its certificate differ`)
  return {
    row,
    id: row.id,
    // A row altered later doesn't turn a CA into a demo one: the name in its certificate would have to say so too.
    demo: row.demo && isDemoName(tbs.subject),
    issuer: { nameDer: tbs.subject, keyIdentifier: readPublicKey(tbs.spki).keyIdentifier, notAfter: tbs.notAfter.date },
    spki: tbs.spki,
    urls: issuerUrls(row.id, { statusUrl: status.url, portalUrl: portal.url }),
    crlUrl: (shard) => status.url + crlPath(row.id, shard),
    sign: (tbs, hash) => signer.sign(row.key, hash, tbs),
  }
}

const isDemoName = (name: Buffer): boolean =>
  decodeName(name)
    .flat()
    .some(({ oid, text }) => oid === OID.commonName && text?.startsWith('DEMO ') === true)

/** The authority that issues now; null before the ceremony. */
export async function currentAuthority(database: Database, signer: Pick<Signer, 'sign'>, place: Place): Promise<SigningAuthority | null> {
  const row = await findIssuingAuthority(database)
  return row && signingAuthority(row, signer, place)
}

/**
 * Every issuing authority whose key is in this token: an older generation goes on signing the status of what it issued (CAK-3).
 * @param refused told of each row that was altered, while the others go on
 * @throws AuthorityRefused where nobody is told
 */
export async function authoritiesOn(
  signer: Pick<Signer, 'sign' | 'tokenLabel'>,
  database: Database,
  place: Place,
  refused: (why: AuthorityRefused) => void = (why) => {
    throw why
  },
): Promise<readonly SigningAuthority[]> {
  const rows = (await listAuthorities(database)).filter(({ kind, key }) => kind === 'issuing' && key.tokenLabel === signer.tokenLabel)
  return rows.flatMap((row) => {
    try {
      return [signingAuthority(row, signer, place)]
    } catch (error) {
      if (!AuthorityRefused.is(error)) throw error
      refused(error)
      return []
    }
  })
}
