/** What the database knows of a public key: by its SPKI's SHA-256 (KEY-4, APP-4), by its modulus and beside the others (KEY-3). */
import { X509Certificate } from 'node:crypto'
import { EXAMPLE_PURPOSE } from '../application/example.ts'
import type { Application } from '../application/application.ts'
import type { KeyRegister } from '../application/verify-key.ts'
import type { Database, Transaction } from './database.ts'
import { gathered } from './gathered.ts'

/** Not a draft, which claims nothing yet, and not what came to nothing. */
const ALIVE = ['submitted', 'vetting', 'vetted', 'approved', 'issuing', 'held', 'issued', 'accepted', 'revoked']

const BATCH = 500

type WeakKeyKind = NonNullable<Awaited<ReturnType<KeyRegister['weakKeyListed']>>>

interface KeyRow {
  readonly spki_sha256: string
  readonly spki_der: Buffer
}

export function keyRegister(db: Database | Transaction): KeyRegister {
  /** Pages of keys after another, `''` for the first: whoever reads them at the same time reads the same ones. */
  const page = gathered(async (afters: readonly string[]) => {
    const pages = new Map<string, readonly KeyRow[]>()
    for (const after of new Set(afters))
      pages.set(
        after,
        // An application keeps its key for ever, so those of certificates are among them; a draft has proved nothing yet.
        await db('applications')
          .whereNotNull('submitted_at')
          .whereNotNull('spki_der')
          .where('spki_sha256', '>', after)
          .distinct('spki_sha256', 'spki_der')
          .orderBy('spki_sha256')
          .limit(BATCH),
      )
    return afters.map((after) => pages.get(after)!)
  })
  const few = gathered(async (asked: readonly undefined[]) => {
    const reported: KeyRow[] = await db('compromise_reports').whereNotNull('spki_der').select('spki_sha256', 'spki_der')
    const responders: { spki_der: Buffer }[] = await db('responder_keys').select('spki_der')
    const authorities: { certificate_der: Buffer }[] = await db('authorities').select('certificate_der')
    const examples: KeyRow[] = await db('example_certificates').whereNotNull('spki_der').select('spki_sha256', 'spki_der')
    const subscribers = [...reported, ...examples]
    const own = [...responders.map((row) => row.spki_der), ...authorities.flatMap((row) => spkiOf(row.certificate_der))]
    return asked.map(() => ({ subscribers, own }))
  })
  const elsewhere = gathered(async (asked: readonly { spkiSha256: string; application: Pick<Application, 'id' | 'applicantId' | 'organisationId'> }[]) => {
    // Whose they are, not the applications themselves: a subscriber may have used one key very often.
    const rows: { spki_sha256: string; applicant_id: string; organisation_id: string | null }[] = await db('applications')
      .whereIn('spki_sha256', [...new Set(asked.map(({ spkiSha256 }) => spkiSha256))])
      .whereIn('state', ALIVE)
      .distinct('spki_sha256', 'applicant_id', 'organisation_id')
    return asked.map(({ spkiSha256, application }) =>
      // Without an organisation of its own, an application belongs to nobody else's.
      rows.some((row) => row.spki_sha256 === spkiSha256 && row.applicant_id !== application.applicantId && (row.organisation_id === null || row.organisation_id !== application.organisationId)),
    )
  })
  return {
    weakKeyListed: gathered(async (asked) => {
      const kinds = new Map<WeakKeyKind, string[]>()
      for (const { kind, digest } of asked.flat()) kinds.set(kind, [...(kinds.get(kind) ?? []), digest])
      const rows: { kind: WeakKeyKind; digest: string }[] = await db('weak_keys')
        .where((any) => void kinds.forEach((digests, kind) => void any.orWhere((one) => void one.where({ kind }).whereIn('digest', digests))))
        .select('kind', 'digest')
      return asked.map((digests) => digests.find(({ kind, digest }) => rows.some((row) => row.kind === kind && row.digest === digest))?.kind ?? null)
    }),
    hasCompleteWeakKeyList: gathered(async (asked: readonly number[]) => {
      const finished = db('weak_key_complete').join('weak_key_lists', 'weak_key_lists.number', 'weak_key_complete.list_number').whereNotNull('weak_key_lists.finished_at')
      const rows: { bits: number }[] = await finished.whereIn('bits', [...new Set(asked)]).select('bits')
      return asked.map((bits) => rows.some((row) => Number(row.bits) === bits))
    }),
    async *otherKeys(spkiSha256) {
      for (let after: string | undefined = ''; after !== undefined; ) {
        const rows: readonly KeyRow[] = await page(after)
        yield others(rows, spkiSha256)
        after = rows.length < BATCH ? undefined : rows.at(-1)!.spki_sha256
      }
      const { subscribers, own } = await few(undefined)
      yield others(subscribers, spkiSha256)
      yield own
    },
    compromisedAt: gathered(async (asked: readonly string[]) => {
      const rows: { spki_sha256: string; recorded_at: string }[] = await db('compromised_keys').whereIn('spki_sha256', [...new Set(asked)]).select('spki_sha256', 'recorded_at')
      return asked.map((spkiSha256) => {
        const row = rows.find((each) => each.spki_sha256 === spkiSha256)
        return row ? String(row.recorded_at) : null
      })
    }),
    certifiedFor: gathered(async (asked: readonly string[]) => {
      const keys = [...new Set(asked)]
      const rows: { spki_sha256: string; organisation_id: string; purpose: string }[] = await db('certified_keys').whereIn('spki_sha256', keys).select('spki_sha256', 'organisation_id', 'purpose')
      // REP-2: the key of an example is for no application, ever.
      const examples: { spki_sha256: string }[] = await db('example_certificates').whereIn('spki_sha256', keys).select('spki_sha256')
      return asked.map((spkiSha256) => {
        const row = rows.find((each) => each.spki_sha256 === spkiSha256)
        if (row) return { organisationId: row.organisation_id, purpose: row.purpose }
        return examples.some((each) => each.spki_sha256 === spkiSha256) ? { organisationId: '', purpose: EXAMPLE_PURPOSE } : null
      })
    }),
    appliedElsewhere: (spkiSha256, application) => elsewhere({ spkiSha256, application }),
  }
}

const others = (rows: readonly KeyRow[], spkiSha256: string): readonly Buffer[] => rows.filter((row) => row.spki_sha256 !== spkiSha256).map((row) => row.spki_der)

/** Of the few certificates of authorities, which are asked for with each key: what their octets hold, read once. */
const spkis = new Map<string, readonly Buffer[]>()
const MOST_KEPT = 100

/** Of a certificate in a row of ours; none where the row holds no certificate, which whoever signs with it finds. */
function spkiOf(certificate: Buffer): readonly Buffer[] {
  const octets = certificate.toString('latin1')
  const known = spkis.get(octets)
  if (known) return known
  const read = readSpki(certificate)
  if (spkis.size >= MOST_KEPT) spkis.clear()
  spkis.set(octets, read)
  return read
}

function readSpki(certificate: Buffer): readonly Buffer[] {
  try {
    return [new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' })]
  } catch {
    return []
  }
}
