/**
 * The facts of a Certificate Policy as data: OIDs, names, sizes, periods, countries, texts.
 * Another CA puts in its own file (POLICY_FILE); no code names a fact that stands there.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { permittedModule } from './module-certificate.ts'

const words = z.strictObject({ en: z.string().min(1), ja: z.string().min(1) })
const dotted = z.string().regex(/^[0-2](\.(0|[1-9]\d*))+$/, 'must be a dotted object identifier')
const attribute = z.strictObject({
  type: z.enum(['countryName', 'stateOrProvinceName', 'localityName', 'organizationName', 'organizationalUnitName', 'commonName', 'serialNumber']),
  value: z.string().min(1).max(64),
})
const name = z.array(attribute).min(2)
const count = z.int().positive()

/** CSBR 3.2.10: what is disclosed of an agency before its word is relied on. No value means that the field is absent from certificates. */
const agency = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  name: words,
  kinds: z.array(z.enum(['incorporating', 'registration'])).min(1),
  website: z.url({ protocol: /^https$/ }),
  /** The accepted values of the subject's jurisdiction fields. */
  jurisdiction: z.strictObject({ country: z.array(z.string().regex(/^[A-Z]{2}$/)).min(1), stateOrProvince: z.array(z.string().min(1)), locality: z.array(z.string().min(1)) }),
  /** The form of its numbers, in words; null where any form is taken. */
  registrationNumber: words.nullable(),
})

const agenciesSchema = z
  .strictObject({
    entries: z.array(agency),
    /** Every change of the entries, the newest first. */
    revisions: z.array(z.strictObject({ version: z.string().min(1), publishedOn: z.iso.date(), change: words })).min(1, 'CSBR 3.2.10 asks for a revision history'),
  })
  .superRefine(({ entries, revisions }, context) => {
    for (const [key, values] of [['entries', entries.map(({ id }) => id)], ['revisions', revisions.map(({ version }) => version)]] as const) if (new Set(values).size < values.length) context.addIssue({ code: 'custom', path: [key], message: 'each needs a name of its own (CSBR 3.2.10)' })
    if (revisions.some(({ publishedOn }, index) => index > 0 && publishedOn > revisions[index - 1]!.publishedOn)) context.addIssue({ code: 'custom', path: ['revisions'], message: 'must stand newest first' })
  })

/** A text that was in force, its octets pinned: what anybody agreed to then can be read for ever. */
const pinnedFile = z.strictObject({ file: z.string().min(1), sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits') })
const earlierVersion = z.strictObject({
  version: z.string().min(1),
  inForceFrom: z.iso.date(),
  /** Where it differs from the present one. */
  title: words.optional(),
  texts: z.strictObject({ en: pinnedFile.optional(), ja: pinnedFile.optional() }).refine(({ en, ja }) => en !== undefined || ja !== undefined, 'needs a text in one language at least'),
})

const documentSchema = z
  .strictObject({
    document: z.enum(['cp', 'cps', 'subscriber-agreement', 'key-protection-guide']),
    version: z.string().min(1),
    sample: z.boolean(),
    /** Null for a sample, which was never in force. */
    inForceFrom: z.iso.date().nullable(),
    title: words,
    files: words,
    /** Every version that was in force before, the newest first; each ended when the next began (CSBR 2.2, 2.3). */
    earlier: z.array(earlierVersion).optional(),
  })
  .superRefine(({ version, sample, inForceFrom, earlier = [] }, context) => {
    const say = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
    if (sample !== (inForceFrom === null)) say(['inForceFrom'], sample ? 'a sample was never in force: must be null' : 'must be the day since which the text is in force')
    if (sample && earlier.length > 0) say(['earlier'], 'a sample has no earlier versions')
    const days = [inForceFrom, ...earlier.map((each) => each.inForceFrom)]
    days.forEach((day, index) => index > 0 && !(day! < days[index - 1]!) && !sample && say(['earlier', index - 1, 'inForceFrom'], 'must lie before the next version’s'))
    if (new Set([version, ...earlier.map((each) => each.version)]).size < days.length) say(['earlier'], 'each version needs a name of its own')
  })

const method = z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4), z.literal(5), z.literal(6), z.literal(7)])
/** CSBR 6.2.7.4.2 (4) (5) (7): reports and agreements that their owner hands in. */
const DOCUMENTS_ALONE = [4, 5, 7] as const

const timestampSchema = z
  .strictObject({
    /** Its subordinate CA, and the units that sign under it. */
    names: z.strictObject({ authority: name, unit: name }),
    policyOids: z.strictObject({
      /** CSBR 7.1.6.1, in both certificates. */
      reserved: dotted,
      /** The CA's own certificate policy for units, where it has one. */
      own: dotted.optional(),
      /** Under which tokens are given (RFC 3161 2.4.2). */
      token: dotted,
    }),
    keys: z.strictObject({
      rsaBits: z.int().min(3072, 'CSBR 6.1.5.2 asks for at least 3072 bits'),
      /** Signs the units' certificates, and so the tokens too (CSBR 6.8). */
      hash: z.enum(['sha256', 'sha384', 'sha512']),
    }),
    periods: z.strictObject({
      authorityYears: count,
      certificateMonths: count.max(135, 'CSBR 6.3.2 allows at most 135 months'),
      keyUseMonths: count.max(15, 'CSBR 6.3.2 allows at most 15 months'),
      keyRemovalMonths: count.max(18, 'CSBR 6.3.2 allows at most 18 months'),
      crlValidMonths: count.max(12, 'CSBR 4.9.7 allows at most twelve months'),
      /** How long before a key or a list ends operators are told. */
      noticeDays: count,
      /** What is written down of each token is kept so long, and so long past the end of the certificate that it rests on. */
      tokenKeepYears: count.min(7, 'CP 5.5.2 asks for seven years'),
      tokenKeepYearsPastCertificate: count.min(2, 'CSBR 5.4.3 asks for two years'),
    }),
    imprints: z.array(z.enum(['sha256', 'sha384', 'sha512'])).min(1),
    accuracySeconds: count,
    clock: z.strictObject({
      /** Beyond it the clock is not sure of itself. */
      maximumErrorMilliseconds: count,
      /** A change of this much against the machine's steady clock is an adjustment, on the audit log. */
      stepMilliseconds: count.max(1000, 'CSBR 6.8 asks for an audit event at one second'),
      checkSeconds: count.max(3600),
      synchroniseHours: count.max(24, 'CSBR 6.8 asks for it at least every 24 hours'),
      /** A machine whose state of synchronisation can't be read. */
      unreadable: z.enum(['refuse', 'stamp-under-demo']),
    }),
  })
  .superRefine(({ accuracySeconds, clock, periods }, context) => {
    // genTime has whole seconds, cut and never rounded: up to one second is lost before the clock's own error counts.
    if ((accuracySeconds - 1) * 1000 < clock.maximumErrorMilliseconds) context.addIssue({ code: 'custom', path: ['accuracySeconds'], message: 'must exceed clock.maximumErrorMilliseconds by one second' })
    if (periods.keyUseMonths > periods.certificateMonths) context.addIssue({ code: 'custom', path: ['periods', 'keyUseMonths'], message: 'must not exceed certificateMonths' })
    if (periods.keyRemovalMonths < periods.keyUseMonths) context.addIssue({ code: 'custom', path: ['periods', 'keyRemovalMonths'], message: 'must not be shorter than keyUseMonths' })
    if (periods.authorityYears * 12 < periods.certificateMonths) context.addIssue({ code: 'custom', path: ['periods', 'authorityYears'], message: 'must not be shorter than certificateMonths' })
  })

const policySchema = z.strictObject({
    id: z.string().regex(/^[a-z0-9.-]+$/),
    title: words,
    operator: z.strictObject({ name: words, problemReports: z.email() }),
    policyOids: z.strictObject({ codeSigning: dotted, reservedCodeSigning: dotted, ocspResponder: dotted, subordinate: dotted }),
    names: z.strictObject({ root: name, issuing: name, responder: name }),
    keys: z.strictObject({
      subscriber: z.strictObject({
        rsaBits: z.array(z.int().min(2048).max(16384)).min(1),
        exponentMinimum: z.string().regex(/^\d+$/),
        exponentMaximumBits: count,
        smallestFactorAllowed: count,
        requestHashes: z.array(z.enum(['sha256', 'sha384', 'sha512'])).min(1),
        /** Elliptic curves taken beside RSA. The shipped policy has none; tests of real maker samples do. */
        curves: z.array(z.enum(['P-256', 'P-384', 'P-521', 'Ed25519'])).optional(),
      }),
      authority: z.strictObject({ rsaBits: z.int().min(3072), rootHash: z.enum(['sha256', 'sha384']), issuingHash: z.literal('sha256') }),
      responder: z.strictObject({ rsaBits: z.int().min(2048) }),
    }),
    periods: z.strictObject({
      subscriberDays: count.max(460, 'CSBR 6.3.2 allows at most 460 days'),
      rootYears: count,
      issuingYears: count,
      responderMonths: count,
      responderRenewDaysBefore: count,
      /** How long before the last responder certificate ends operators are told: renewal has failed by then. */
      responderNoticeDays: count,
      statusYearsAfterExpiry: count.min(10, 'CSBR 7.2 asks for at least 10 years'),
      crlIssueHours: count.max(168, 'CSBR 4.9.7 asks for a new list at least every seven days'),
      crlValidHours: count.max(240, 'CSBR 4.9.7 allows at most ten days'),
      rootCrlValidMonths: count.max(12, 'CSBR 4.9.7 allows at most twelve months'),
      ocspValidHours: count.max(96, 'CSBR 4.9.10 asks for fresh answers at least every four days'),
      /** How long an OCSP answer may be kept on the way without asking again (max-age, RFC 5019 6.2): a revocation shows later by as much behind a cache. */
      ocspMaxAgeSeconds: count.max(3600, 'REV-4: a revocation would show too late behind a cache'),
      /** For how long answers signed before go on while changes of status can't be read; then tryLater. */
      statusStaleMinutes: count.max(10, 'OCS-3: an answer would rest on what was known too long ago'),
      validationReuseDays: count.max(825, 'CSBR 4.2.1 allows at most 825 days'),
      /** Re-use of what methods 4, 5 and 7 rest on. */
      keyProtectionReuseMonths: count.max(13, 'CSBR 4.2.1 allows at most 13 months'),
      sealCertificateMonths: count,
    }).superRefine((periods, context) => {
      if (periods.rootYears <= periods.issuingYears) context.addIssue({ code: 'custom', path: ['rootYears'], message: 'the root must outlive the issuing CA (CAK-5)' })
      if (periods.issuingYears * 365 <= periods.subscriberDays + periods.statusYearsAfterExpiry * 366)
        context.addIssue({ code: 'custom', path: ['issuingYears'], message: 'must exceed the subscriber period plus the status period (CAK-5)' })
      if (periods.responderNoticeDays >= periods.responderRenewDaysBefore) context.addIssue({ code: 'custom', path: ['responderNoticeDays'], message: 'must be shorter than responderRenewDaysBefore' })
      if (periods.responderRenewDaysBefore >= periods.responderMonths * 28) context.addIssue({ code: 'custom', path: ['responderRenewDaysBefore'], message: 'must be shorter than responderMonths' })
      if (periods.crlIssueHours >= periods.crlValidHours) context.addIssue({ code: 'custom', path: ['crlIssueHours'], message: 'must be shorter than crlValidHours' })
    }),
    /** The clock of `ca` and of OCSP; that of time-stamps has narrower bounds of its own. */
    clock: z.strictObject({
      maximumErrorMilliseconds: count,
      /** A change of this much against the machine's steady clock is an adjustment: nothing is signed until it was looked at. */
      stepMilliseconds: count.max(60_000, 'a list or an answer would say something of another time'),
      checkSeconds: count.max(3600),
      synchroniseHours: count,
    }),
    /** OCS-8: the access log of OCSP, part of the archive. */
    accessLog: z.strictObject({
      keepYears: count.min(7, 'CP 5.5.2 asks for at least seven years'),
      /** What is kept of who asked. CP 5.5.1 asks for the log, not for addresses; together with the certificate asked about they tell who runs whose software. */
      clientAddress: z.enum(['none', 'truncated']),
    }),
    /**
     * Into how many lists the revocations of certificates issued from now on are divided, by chance; 1: none, all are on the issuing CA's own list.
     * What a certificate says of its list holds for ever, whatever this says later (RFC 5280 5.2.5).
     */
    crl: z.strictObject({ shards: count.max(1000, 'each list is signed at least every crlIssueHours') }).default({ shards: 1 }),
    /** CSBR 6.8: the Timestamp Authority. A policy without it makes a CA that gives no time-stamps. */
    timestamp: timestampSchema.optional(),
    /**
     * REP-2: certificates that show what each status looks like, for the CA's own organisation. A policy without it has none. `expiringMinutes`: the life
     * of those that show expiry; nothing is dated back. All are made anew every `validDays`, `renewDaysBefore` that end.
     */
    examples: z
      .strictObject({ subject: name, validDays: count, expiringMinutes: count, renewDaysBefore: count })
      .superRefine(({ validDays, expiringMinutes, renewDaysBefore }, context) => {
        if (renewDaysBefore >= validDays) context.addIssue({ code: 'custom', path: ['renewDaysBefore'], message: 'must be shorter than validDays' })
        if (expiringMinutes > (validDays - renewDaysBefore) * 1440) context.addIssue({ code: 'custom', path: ['expiringMinutes'], message: 'must end before the example is made anew' })
      })
      .optional(),
    /** CSBR 3.2.10: the agencies whose registers applicants are checked in. */
    agencies: agenciesSchema,
    publication: z.strictObject({
      /** Whether key generation reports name who was present, or tell their number alone. */
      ceremonyNames: z.enum(['published', 'withheld']),
    }),
    subject: z.strictObject({ countries: z.array(z.string().regex(/^[A-Z]{2}$/)).min(1) }),
    attestation: z.strictObject({
      makers: z.array(z.string()),
      schemes: z.array(z.strictObject({ scheme: z.string(), minimumLevel: count })).min(1),
      /** What happens with certificates that their scheme moved to its historical list: accepted to a date, or not at all (no row). */
      historicalCertificates: z.array(z.strictObject({ scheme: z.string(), acceptedUntil: z.iso.datetime(), why: z.string() })),
      pinPolicyNever: z.enum(['refuse', 'accept']),
      /** How long before a maker's key ends staff are told. */
      anchorNoticeDays: count,
    }),
    keyProtection: z.strictObject({
      /** The methods of CP 6.2.7 that applications may choose. */
      methods: z.array(method).min(1),
      /** Those where an officer confirms the evidence beside the machine's judgement. */
      personConfirms: z.array(method),
      /** Method 7: what a Signing Service's module must be certified as (CSBR 6.2.7.3). */
      signingServiceSchemes: z.array(z.strictObject({ scheme: z.string(), minimumLevel: count })).min(1).optional(),
      /** How long a challenge of the portal may be answered (methods 3 and 6). */
      challengeHours: count,
      /** Method 1: the modules that the CA prepares and ships. Nothing else is. */
      shippedModules: z.strictObject({ modules: z.array(permittedModule).min(1) }).optional(),
      /** Method 3: the versions of the CA's library that are taken, and the modules that it may generate keys in. Nothing else is. */
      prescribedLibrary: z.strictObject({ libraryVersions: z.array(z.string().regex(/^\d+\.\d+\.\d+$/)).min(1), modules: z.array(permittedModule).min(1) }).optional(),
    }).superRefine(({ methods, personConfirms, shippedModules, prescribedLibrary, signingServiceSchemes }, context) => {
      if (methods.includes(1) && !shippedModules) context.addIssue({ code: 'custom', path: ['shippedModules'], message: 'method 1 is open: name the modules' })
      if (methods.includes(3) && !prescribedLibrary) context.addIssue({ code: 'custom', path: ['prescribedLibrary'], message: 'method 3 is open: name the library versions and the modules' })
      if (methods.includes(7) && !signingServiceSchemes) context.addIssue({ code: 'custom', path: ['signingServiceSchemes'], message: 'method 7 is open: say what a Signing Service\'s module must be certified as (CSBR 6.2.7.3)' })
      for (const number of DOCUMENTS_ALONE) if (methods.includes(number) && !personConfirms.includes(number)) context.addIssue({ code: 'custom', path: ['personConfirms'], message: `method ${number} rests on documents that only a person can judge: it needs one` })
    }),
    documents: z
      .array(documentSchema)
      .refine((rows) => ['cp', 'cps', 'subscriber-agreement', 'key-protection-guide'].every((kind) => rows.filter((row) => row.document === kind).length === 1), 'needs exactly one of each: cp, cps, subscriber-agreement, key-protection-guide'),
  })
  .superRefine(({ examples, periods }, context) => {
    if (examples && examples.validDays > periods.subscriberDays) context.addIssue({ code: 'custom', path: ['examples', 'validDays'], message: 'must not exceed periods.subscriberDays (CRT-10)' })
  })

export type Policy = z.infer<typeof policySchema> & { readonly texts: readonly PolicyDocument[]; readonly earlierTexts: readonly EarlierText[] }
export type TimestampPolicy = z.infer<typeof timestampSchema>
export type NameAttribute = z.infer<typeof attribute>
export type DocumentKind = 'cp' | 'cps' | 'subscriber-agreement' | 'key-protection-guide'
export type Language = 'en' | 'ja'

/** One text that an applicant agrees to or receives, in one language. */
export interface PolicyDocument {
  document: DocumentKind
  version: string
  language: Language
  title: string
  sample: boolean
  text: string
  /** SHA-256 of the text's UTF-8 octets, lower-case hex. */
  sha256: string
}

/** A text that was in force before the present one. */
export interface EarlierText extends PolicyDocument {
  /** Both are days; it was in force no more on the second. */
  readonly inForceFrom: string
  readonly inForceUntil: string
}

/** Everything wrong with a policy file, one line each. */
export class PolicyRefused extends Error {
  readonly #policyRefused = true
  readonly reasons: readonly string[]
  constructor(file: string, reasons: readonly string[]) {
    super(`${file}:\n${reasons.map((reason) => `  ${reason}`).join('\n')}`)
    this.name = 'PolicyRefused'
    this.reasons = reasons
  }
  static is(error: unknown): error is PolicyRefused {
    return typeof error === 'object' && error !== null && #policyRefused in error
  }
}

export const SHIPPED_POLICY = fileURLToPath(new URL('./secom-pfm20pub-6.02.json', import.meta.url))

/** The schema's verdict on parsed policy data, without reading the texts. For tests that vary one fact. */
export function checkPolicy(data: unknown): { policy: z.infer<typeof policySchema> } | { reasons: string[] } {
  const parsed = policySchema.safeParse(data)
  return parsed.success ? { policy: parsed.data } : { reasons: parsed.error.issues.map((issue) => `${issue.path.join('.') || '(file)'}: ${issue.message}`) }
}

/**
 * Reads and checks a policy file and the texts it names (paths relative to the file).
 * @throws PolicyRefused listing every wrong entry at once
 */
export function loadPolicy(file: string = SHIPPED_POLICY): Policy {
  let data: unknown
  try {
    data = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new PolicyRefused(file, [`cannot be read as JSON: ${(error as Error).message}`])
  }
  const checked = checkPolicy(data)
  if ('reasons' in checked) throw new PolicyRefused(file, checked.reasons)
  const texts: PolicyDocument[] = []
  const earlierTexts: EarlierText[] = []
  const missing: string[] = []
  const read = (name: string, where: string): { text: string; sha256: string } | null => {
    try {
      const text = readFileSync(isAbsolute(name) ? name : resolve(dirname(file), name), 'utf8')
      return { text, sha256: createHash('sha256').update(text, 'utf8').digest('hex') }
    } catch {
      missing.push(`${where}: cannot be read (${name})`)
      return null
    }
  }
  for (const row of checked.policy.documents)
    for (const language of ['en', 'ja'] as const) {
      const common = { document: row.document, language, sample: row.sample }
      const present = read(row.files[language], `documents.${row.document}.files.${language}`)
      if (present) texts.push({ ...common, version: row.version, title: row.title[language], ...present })
      for (const [index, { version, inForceFrom, title, texts: pinned }] of (row.earlier ?? []).entries()) {
        const kept = pinned[language]
        const where = `documents.${row.document}.earlier.${version}.texts.${language}`
        const found = kept && read(kept.file, where)
        if (!found) continue
        // What was agreed to is never altered afterwards.
        if (found.sha256 !== kept.sha256) missing.push(`${where}: is not the text that was in force, its SHA-256 is ${found.sha256} (${kept.file})`)
        earlierTexts.push({ ...common, version, title: (title ?? row.title)[language], inForceFrom, inForceUntil: row.earlier![index - 1]?.inForceFrom ?? row.inForceFrom!, ...found })
      }
    }
  if (missing.length > 0) throw new PolicyRefused(file, missing)
  return Object.freeze({ ...checked.policy, texts, earlierTexts })
}
