import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkPolicy, loadPolicy, PolicyRefused, SHIPPED_POLICY, type DocumentKind, type Language, type Policy } from '../../src/policy/policy.ts'

const OTHER_CA = fileURLToPath(new URL('./other-ca/policy.json', import.meta.url))
const LANGUAGES: readonly Language[] = ['en', 'ja']

type Data = ReturnType<typeof shippedData>
function shippedData() {
  return JSON.parse(readFileSync(SHIPPED_POLICY, 'utf8'))
}

const PINNED = { file: 'cp-6.01.en.md', sha256: '0'.repeat(64) }

/** The reasons for refusing the shipped policy after one change (none: accepted). */
function reasonsAfter(change: (data: Data) => void): string[] {
  const data = shippedData()
  change(data)
  const checked = checkPolicy(data)
  return 'reasons' in checked ? checked.reasons : []
}

/** The other CA's data with its texts found from any folder. */
function otherCaFromAnywhere(): Data {
  const data = JSON.parse(readFileSync(OTHER_CA, 'utf8'))
  const from = (name: string) => join(dirname(OTHER_CA), name)
  for (const { files, earlier = [] } of data.documents) {
    for (const language of LANGUAGES) files[language] = from(files[language])
    for (const { texts } of earlier) for (const pinned of Object.values<{ file: string }>(texts)) pinned.file = from(pinned.file)
  }
  return data
}

function refusalOf(file: string): PolicyRefused {
  try {
    loadPolicy(file)
  } catch (error) {
    if (PolicyRefused.is(error)) return error
    throw error
  }
  throw new Error(`${file} was accepted`)
}

function textOf(policy: Policy, document: DocumentKind, language: Language): string {
  const found = policy.texts.filter((text) => text.document === document && text.language === language)
  expect(found).toHaveLength(1)
  return found[0]!.text
}

/** The `##` sections of a text: heading to body. */
function sections(text: string): Map<string, string> {
  const parts = text.split(/^## /m).slice(1)
  return new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')).trim(), part.slice(part.indexOf('\n') + 1)]))
}

describe('the shipped policy', () => {
  const policy = loadPolicy()

  it('loads with its facts and every text in both languages', () => {
    expect(policy.id).toBe('secom-pfm20pub-6.02')
    expect(policy.policyOids).toEqual({
      codeSigning: '1.2.392.200091.100.381.8',
      reservedCodeSigning: '2.23.140.1.4.1',
      ocspResponder: '1.2.392.200091.100.381.9',
      subordinate: '1.2.392.200091.100.901.6',
    })
    expect(policy.texts.map((text) => `${text.document} ${text.language}`).sort()).toEqual(
      ['cp', 'cps', 'key-protection-guide', 'subscriber-agreement'].flatMap((document) => LANGUAGES.map((language) => `${document} ${language}`)),
    )
  })

  it('KEY-1: takes RSA of exactly 3072 or 4096 bits and no elliptic curve', () => {
    expect(policy.keys.subscriber.rsaBits).toEqual([3072, 4096])
    expect(policy.keys.subscriber.curves).toBeUndefined()
  })

  it('CRL-1: issues a list every 24 hours, valid for 96', () => {
    expect(policy.periods).toMatchObject({ crlIssueHours: 24, crlValidHours: 96 })
  })

  it('APP-1: gives the SHA-256 of the octets on disk, so that what was agreed to can be checked with any tool', () => {
    for (const row of policy.documents)
      for (const language of LANGUAGES) {
        const octets = readFileSync(resolve(dirname(SHIPPED_POLICY), row.files[language]))
        const text = policy.texts.find((each) => each.document === row.document && each.language === language)
        expect(text?.sha256).toBe(createHash('sha256').update(octets).digest('hex'))
      }
  })

  it('marks every sample in the data and in the first line of the text, and nothing else', () => {
    for (const text of policy.texts) {
      expect(text.sample, text.document).toBe(text.document !== 'cp')
      expect(text.text.split('\n')[0]!.includes('SAMPLE'), `${text.document} ${text.language}`).toBe(text.sample)
    }
  })

  it('keeps its texts within the Markdown that the pages can show', () => {
    for (const { document, language, text } of policy.texts) {
      const name = `${document} ${language}`
      expect(text.match(/^# /gm), `${name}: one title`).toHaveLength(1)
      expect(text, `${name}: no heading below ##, no other block`).not.toMatch(/^(#{3,}|[>*+|]|[ \t]|```|---)/m)
      expect(text, `${name}: no inline markup or HTML`).not.toMatch(/[*_`<>|]|\]\(/)
      expect(text, `${name}: Unix lines, one at the end`).toMatch(/^[^\r]*[^\n]\n$/)
    }
  })

  it('gives both languages of a text the same sections, lists and addresses', () => {
    const shape = (text: string) => text.split('\n').map((line) => (/^(#{1,2} |- |\d+\. )/.exec(line)?.[0] ?? (line === '' ? '' : 'paragraph')))
    const addresses = (text: string) => text.match(/https?:\/\/[!-~]+/g) ?? []
    for (const { document } of policy.documents) {
      const [en, ja] = LANGUAGES.map((language) => textOf(policy, document, language)) as [string, string]
      expect(shape(ja), document).toEqual(shape(en))
      expect(addresses(ja), document).toEqual(addresses(en))
    }
  })

  it('names the Certificate Policy by version, publisher, identifiers, addresses and corrections in both languages', () => {
    const { codeSigning, reservedCodeSigning, ocspResponder, subordinate } = policy.policyOids
    for (const language of LANGUAGES) {
      const text = textOf(policy, 'cp', language)
      const identifiers = [codeSigning, reservedCodeSigning, ocspResponder, subordinate]
      const addresses = [policy.operator.problemReports, 'https://repo1.secomtrust.net/spcpp/pfm20pub/']
      for (const fact of ['6.02', 'CSBR 3.10', ...identifiers, ...addresses]) expect(text).toContain(fact)
      // One line for each correction (the rows CRT-3, CRT-7, CRT-12, CRT-13, REV-5, CRL-3, CAK-3), known by the clause of CSBR that it follows.
      const corrections = [...sections(text)].find(([heading]) => heading.includes('CSBR 3.10'))?.[1] ?? ''
      const clauses = corrections.split('\n').filter((line) => line.startsWith('- ')).map((line) => /CSBR ([\d.]*\d)[))]/.exec(line)?.[1])
      expect(clauses).toEqual(['7.1.2.3', '7.1.2.3', '6.1.5', '7.1.3.2', '4.9.13', '7.2', '4.9.9'])
    }
  })

  it('states its periods in the sample CPS as they stand in the data', () => {
    const { periods } = policy
    const en = textOf(policy, 'cps', 'en')
    const ja = textOf(policy, 'cps', 'ja')
    for (const [english, japanese] of [
      [`valid for at most ${periods.subscriberDays} days`, `最長${periods.subscriberDays}日`],
      [`issued every ${periods.crlIssueHours} hours`, `CRLは${periods.crlIssueHours}時間ごと`],
      [`valid for ${periods.crlValidHours} hours`, `有効期間は${periods.crlValidHours}時間`],
      [`an answer is valid for ${periods.ocspValidHours} hours`, `応答の有効期間は${periods.ocspValidHours}時間`],
      [`no more than ${periods.validationReuseDays} days`, `${periods.validationReuseDays}日以内`],
    ] as const) {
      expect(en).toContain(english)
      expect(ja).toContain(japanese)
    }
    for (const language of LANGUAGES) {
      const text = textOf(policy, 'cps', language)
      expect(text).toContain(policy.policyOids.codeSigning)
      const chapters = [...sections(text).keys()].map((heading) => heading.split('.')[0])
      expect(chapters, 'the nine chapters of RFC 3647').toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9'])
    }
  })
})

describe('APP-7: the texts handed to the applicant', () => {
  const policy = loadPolicy()

  /** CSBR 9.6.3: what must stand in the heading and in the body of each obligation. */
  const OBLIGATIONS: Readonly<Record<Language, readonly (readonly [heading: string, ...terms: string[]])[]>> = {
    en: [
      ['Accuracy of information', 'correct and complete'],
      [
        'Protection of the private key', 'alone controls', 'FIPS 140-2 level 2', 'EAL 4+', 'Signing Service', 'guide',
        'randomly generated', 'at least 16 characters', 'uppercase letters, lowercase letters, numbers and symbols',
      ],
      ['reuse', 'any other kind'],
      ['Use', 'lawful', 'never signs suspect code'],
      ['industry standards', 'may change this agreement', 'CSBR'],
      ['Prevention of misuse', 'network security', 'without notice'],
      ['Acceptance of the certificate', 'does not use the certificate until'],
      ['Reporting and revocation', 'without delay', 'wrong', 'compromised', 'suspect code'],
      ['Sharing of information', 'CA/Browser Forum', 'suspect code', 'authority', "other than the Subscriber's request"],
      ['Termination of use', 'expired', 'revoked', 'stops using the private key'],
      ['Responsiveness', 'within 24 hours', 'compromised key', 'misused certificate'],
      ['Acknowledgment and acceptance', 'revoke the certificate immediately'],
    ],
    ja: [
      ['情報の正確性', '正確かつ完全'],
      ['秘密鍵の保護', '自らのみの管理下', 'FIPS 140-2レベル2', 'EAL 4+', '署名サービス', '手引き', '無作為に生成した16文字以上', '英大文字、英小文字、数字および記号'],
      ['再利用の禁止', 'コードサイニング証明書以外'],
      ['使用', '適法', '疑わしいコードに署名してはなりません'],
      ['業界標準', '本契約を変更', 'CSBR'],
      ['不正使用の防止', 'ネットワークセキュリティ', '事前の通知なく'],
      ['証明書の受領', '使用しない'],
      ['報告および失効申請', '速やかに', '不正確', '危殆化', '疑わしいコード'],
      ['情報の共有', 'CA/Browser Forum', '疑わしいコード', '権限', '利用者の申請以外'],
      ['使用の終了', '満了', '失効', '速やかに終了'],
      ['回答義務', '24時間以内', '危殆化', '不正使用'],
      ['認識および承諾', '直ちに失効'],
    ],
  }

  it.each(LANGUAGES)('APP-7: the Subscriber Agreement (%s) carries all twelve obligations of CSBR 9.6.3, numbered, in order', (language) => {
    const numbered = [...sections(textOf(policy, 'subscriber-agreement', language))].filter(([heading]) => /^\d+\. /.test(heading))
    expect(numbered.map(([heading]) => Number.parseInt(heading, 10))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    OBLIGATIONS[language].forEach(([title, ...terms], index) => {
      const [heading, body] = numbered[index]!
      expect(heading).toContain(title)
      for (const term of terms) expect(body, heading).toContain(term)
    })
  })

  it('APP-1: the Subscriber Agreement has the applicant certify that the information is accurate', () => {
    expect(sections(textOf(policy, 'subscriber-agreement', 'en')).get('Certification of accuracy')).toMatch(/certifies .* true, complete/)
    expect(sections(textOf(policy, 'subscriber-agreement', 'ja')).get('正確性の証明')).toContain('証明します')
  })

  it('APP-2: the Subscriber Agreement represents one of the three options of CSBR 6.2.7.4.1', () => {
    for (const language of LANGUAGES) {
      const body = [...sections(textOf(policy, 'subscriber-agreement', language))].find(([heading]) => heading.startsWith('2. '))![1]
      expect(body.match(/^- /gm)).toHaveLength(3)
      expect(body).toContain('CSBR 6.2.7.3')
    }
  })

  it('APP-7: the guide covers modules, PIN, access, network, build servers, time-stamping and compromise in both languages', () => {
    const guide = (language: Language) => [...sections(textOf(policy, 'key-protection-guide', language)).keys()].join('\n')
    for (const subject of ['hardware module', 'PIN', 'Who may sign', 'Network', 'Build servers', 'Time-stamping', 'gone wrong'])
      expect(guide('en')).toContain(subject)
    for (const subject of ['ハードウェアモジュール', 'PIN', '署名できる者', 'ネットワーク', 'ビルドサーバー', 'タイムスタンプ', '問題が発生したとき'])
      expect(guide('ja')).toContain(subject)
  })
})

describe('checkPolicy refuses a fact beyond what CSBR allows', () => {
  const CASES: readonly (readonly [title: string, change: (data: Data) => void, reason: string])[] = [
    [
      'CRT-10: refuses a subscriber period of 461 days',
      (data) => (data.periods.subscriberDays = 461),
      'periods.subscriberDays: CSBR 6.3.2 allows at most 460 days',
    ],
    [
      'CAK-5: refuses a root that ends with the issuing CA',
      (data) => (data.periods.rootYears = data.periods.issuingYears),
      'periods.rootYears: the root must outlive the issuing CA (CAK-5)',
    ],
    [
      'CAK-5: refuses an issuing CA of 11 years, which could not keep status for 460 days and 10 years',
      (data) => (data.periods.issuingYears = 11),
      'periods.issuingYears: must exceed the subscriber period plus the status period (CAK-5)',
    ],
    [
      'CRL-1: refuses to issue a list less than weekly',
      (data) => Object.assign(data.periods, { crlIssueHours: 169, crlValidHours: 240 }),
      'periods.crlIssueHours: CSBR 4.9.7 asks for a new list at least every seven days',
    ],
    [
      'CRL-1: refuses a list valid for more than ten days',
      (data) => (data.periods.crlValidHours = 241),
      'periods.crlValidHours: CSBR 4.9.7 allows at most ten days',
    ],
    [
      'CRL-1: refuses a list that ends when the next one comes',
      (data) => (data.periods.crlIssueHours = data.periods.crlValidHours),
      'periods.crlIssueHours: must be shorter than crlValidHours',
    ],
    [
      'CRL-5: refuses a root list valid for more than twelve months',
      (data) => (data.periods.rootCrlValidMonths = 13),
      'periods.rootCrlValidMonths: CSBR 4.9.7 allows at most twelve months',
    ],
    [
      'CRL-3 OCS-5: refuses to keep status for nine years',
      (data) => (data.periods.statusYearsAfterExpiry = 9),
      'periods.statusYearsAfterExpiry: CSBR 7.2 asks for at least 10 years',
    ],
    [
      'OCS-4: refuses OCSP answers valid for 97 hours',
      (data) => (data.periods.ocspValidHours = 97),
      'periods.ocspValidHours: CSBR 4.9.10 asks for fresh answers at least every four days',
    ],
    [
      'VET-5: refuses to re-use validations for 826 days',
      (data) => (data.periods.validationReuseDays = 826),
      'periods.validationReuseDays: CSBR 4.2.1 allows at most 825 days',
    ],
    [
      'refuses an object identifier with a leading zero',
      (data) => (data.policyOids.codeSigning = '1.2.0392'),
      'policyOids.codeSigning: must be a dotted object identifier',
    ],
    [
      'APP-7: refuses a policy without a key protection guide',
      (data) => data.documents.pop(),
      'documents: needs exactly one of each: cp, cps, subscriber-agreement, key-protection-guide',
    ],
    [
      'APP-1: refuses two texts for one document',
      (data) => data.documents.push({ ...data.documents[2] }),
      'documents: needs exactly one of each: cp, cps, subscriber-agreement, key-protection-guide',
    ],
  ]
  it.each(CASES)('%s', (_title, change, reason) => {
    expect(reasonsAfter(change)).toEqual([reason])
  })

  it('CRT-10 CAK-5 CRL-1: accepts each bound itself', () => {
    const bounds = { subscriberDays: 460, issuingYears: 12, rootYears: 13, statusYearsAfterExpiry: 10, crlIssueHours: 168, crlValidHours: 240, ocspValidHours: 96 }
    expect(reasonsAfter((data) => Object.assign(data.periods, bounds))).toEqual([])
  })

  it('KEY-5: refuses SHA-1 among the hashes of certificate requests', () => {
    expect(reasonsAfter((data) => data.keys.subscriber.requestHashes.push('sha1'))).toEqual([expect.stringMatching(/^keys\.subscriber\.requestHashes\.3: /)])
  })

  it('refuses an entry that it does not know, so that a misspelt one is never silently left out', () => {
    expect(reasonsAfter((data) => (data.periods.crlValidHour = 96))).toEqual([expect.stringMatching(/^periods: .*crlValidHour/)])
  })

  it.each([[null], ['policy'], [7], [[]], [{}]])('refuses %j with a reason', (data) => {
    const checked = checkPolicy(data)
    expect('reasons' in checked && checked.reasons.length).toBeGreaterThan(0)
  })

  const entriesOf = (reasons: readonly string[]) => reasons.map((reason) => reason.slice(0, reason.indexOf(':'))).sort()

  it('lists every wrong value at once, those judged against one another included', () => {
    const reasons = reasonsAfter((data) => {
      data.policyOids.ocspResponder = 'nine'
      data.periods.subscriberDays = 461
      data.periods.rootYears = 15
      data.periods.crlIssueHours = 96
      data.subject.countries = ['Japan']
      data.operator.problemReports = 'nowhere'
      data.documents.pop()
    })
    expect(entriesOf(reasons)).toEqual([
      'documents',
      'operator.problemReports',
      'periods.crlIssueHours',
      'periods.rootYears',
      'periods.subscriberDays',
      'policyOids.ocspResponder',
      'subject.countries.0',
    ])
  })

  it('lists every missing, mistyped and unknown entry at once, beside wrong values', () => {
    const reasons = reasonsAfter((data) => {
      delete data.names.root
      data.periods.issuingYears = '15'
      data.periods.subscriberDays = 461
      data.keys.authority.issuingHash = 'sha1'
      data.attestation.surprise = true
      data.documents[2].files.ja = ''
    })
    expect(entriesOf(reasons)).toEqual([
      'attestation',
      'documents.2.files.ja',
      'keys.authority.issuingHash',
      'names.root',
      'periods.issuingYears',
      'periods.subscriberDays',
    ])
  })
})

describe('loadPolicy', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'policy-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  const write = (name: string, content: string) => {
    const file = join(folder, name)
    writeFileSync(file, content)
    return file
  }

  it('names every text that is missing, and only those', () => {
    const data = otherCaFromAnywhere()
    data.documents[1].files.en = 'gone.en.md'
    data.documents[3].files.ja = 'gone.ja.md'
    expect(refusalOf(write('missing-texts.json', JSON.stringify(data))).reasons).toEqual([
      'documents.cps.files.en: cannot be read (gone.en.md)',
      'documents.key-protection-guide.files.ja: cannot be read (gone.ja.md)',
    ])
  })

  it('REP-1: reads every version that was in force before, with the days between which it was and its SHA-256', () => {
    const other = loadPolicy(OTHER_CA)
    expect(other.earlierTexts.map(({ document, version, language, title, inForceFrom, inForceUntil }) => [document, version, language, title, inForceFrom, inForceUntil])).toEqual([
      ['cp', '1.1', 'en', 'Policy', '2025-09-01', '2026-02-01'],
      ['cp', '1', 'en', 'First Policy', '2025-03-01', '2025-09-01'],
      ['cp', '1', 'ja', '最初のポリシー', '2025-03-01', '2025-09-01'],
    ])
    for (const { text, sha256 } of other.earlierTexts) expect(sha256).toBe(createHash('sha256').update(text, 'utf8').digest('hex'))
  })

  it('REP-1: refuses an earlier text that is not, octet for octet, what was in force', () => {
    const data = otherCaFromAnywhere()
    data.documents[0].earlier[1].texts.ja.file = write('policy-1.ja.md', readFileSync(join(dirname(OTHER_CA), 'policy-1.ja.md'), 'utf8').replace('3072', '2048'))
    expect(refusalOf(write('altered.json', JSON.stringify(data))).reasons).toEqual([expect.stringMatching(/^documents\.cp\.earlier\.1\.texts\.ja: is not the text that was in force, its SHA-256 is [0-9a-f]{64}/)])
  })

  it.each<[string, (data: Data) => void, string]>([
    ['a text in force without a day', (data) => (data.documents[0].inForceFrom = null), 'documents.0.inForceFrom: must be the day since which the text is in force'],
    ['a sample that is in force', (data) => (data.documents[1].inForceFrom = '2026-01-01'), 'documents.1.inForceFrom: a sample was never in force: must be null'],
    ['an earlier version of the same day', (data) => (data.documents[0].earlier = [{ version: '6.01', inForceFrom: '2022-12-08', texts: { en: PINNED } }]), 'documents.0.earlier.0.inForceFrom: must lie before the next version’s'],
    ['two versions of one name', (data) => (data.documents[0].earlier = [{ version: '6.02', inForceFrom: '2022-12-07', texts: { en: PINNED } }]), 'documents.0.earlier: each version needs a name of its own'],
    ['an earlier version that nobody can read', (data) => (data.documents[0].earlier = [{ version: '6.01', inForceFrom: '2022-12-07', texts: {} }]), 'documents.0.earlier.0.texts: needs a text in one language at least'],
    ['an agency without a jurisdiction', (data) => (data.agencies.entries[0].jurisdiction.country = []), 'agencies.entries.0.jurisdiction.country: Too small: expected array to have >=1 items'],
    ['agencies without a revision history', (data) => (data.agencies.revisions = []), 'agencies.revisions: CSBR 3.2.10 asks for a revision history'],
    ['two revisions of one number', (data) => data.agencies.revisions.push({ ...data.agencies.revisions[0] }), 'agencies.revisions: each needs a name of its own (CSBR 3.2.10)'],
    ['revisions that stand oldest first', (data) => data.agencies.revisions.push({ ...data.agencies.revisions[0], version: '2', publishedOn: '2026-11-23' }), 'agencies.revisions: must stand newest first'],
  ])('REP-1: refuses %s', (_, change, reason) => {
    expect(reasonsAfter(change)).toEqual([reason])
  })

  it('refuses a file that is no JSON, naming the file', () => {
    const file = write('broken.json', '{ "id": ')
    const refused = refusalOf(file)
    expect(refused.reasons).toEqual([expect.stringMatching(/^cannot be read as JSON: /)])
    expect(refused.message).toContain(file)
  })

  it('refuses a file that is not there', () => {
    expect(refusalOf(join(folder, 'nowhere.json')).reasons).toEqual([expect.stringContaining('ENOENT')])
  })

  it('reports every reason in one message, one line each', () => {
    const refused = refusalOf(write('two-defects.json', JSON.stringify({ ...shippedData(), id: 'NOT AN ID', subject: { countries: [] } })))
    expect(refused.reasons).toHaveLength(2)
    expect(refused.message.split('\n').slice(1)).toEqual(refused.reasons.map((reason) => `  ${reason}`))
  })

  it("loads another CA's file with its own identifiers, names, periods and texts", () => {
    const other = loadPolicy(OTHER_CA)
    expect(other.policyOids.codeSigning).toBe('2.999.1.1')
    expect(other.names.issuing).toEqual([
      { type: 'countryName', value: 'NL' },
      { type: 'commonName', value: 'Example Trust Code Signing G1' },
    ])
    expect(other.periods.subscriberDays).toBe(365)
    expect(other.subject.countries).toEqual(['NL', 'BE'])
    expect(other.texts).toHaveLength(8)
    expect(textOf(other, 'cps', 'ja')).toBe(readFileSync(join(dirname(OTHER_CA), 'terms.ja.md'), 'utf8'))
    expect(JSON.stringify(other)).not.toMatch(/secom|1\.2\.392/i)
  })
})

describe('checkPolicy of time-stamps', () => {
  it('TSA-1: takes a policy without them', () => {
    expect(reasonsAfter((data) => delete data.timestamp)).toEqual([])
  })

  it.each<[string, (timestamp: Data) => void, string]>([
    ['a certificate of 136 months', (timestamp) => (timestamp.periods.certificateMonths = 136), 'timestamp.periods.certificateMonths: CSBR 6.3.2 allows at most 135 months'],
    ['a key used for 16 months', (timestamp) => (timestamp.periods.keyUseMonths = 16), 'timestamp.periods.keyUseMonths: CSBR 6.3.2 allows at most 15 months'],
    ['a key that stays for 19 months', (timestamp) => (timestamp.periods.keyRemovalMonths = 19), 'timestamp.periods.keyRemovalMonths: CSBR 6.3.2 allows at most 18 months'],
    ['a list of 13 months', (timestamp) => (timestamp.periods.crlValidMonths = 13), 'timestamp.periods.crlValidMonths: CSBR 4.9.7 allows at most twelve months'],
    ['a key of 2048 bits', (timestamp) => (timestamp.keys.rsaBits = 2048), 'timestamp.keys.rsaBits: CSBR 6.1.5.2 asks for at least 3072 bits'],
    ['a step of 1001 milliseconds let pass', (timestamp) => (timestamp.clock.stepMilliseconds = 1001), 'timestamp.clock.stepMilliseconds: CSBR 6.8 asks for an audit event at one second'],
    ['a clock not synchronised for 25 hours', (timestamp) => (timestamp.clock.synchroniseHours = 25), 'timestamp.clock.synchroniseHours: CSBR 6.8 asks for it at least every 24 hours'],
    ['an accuracy that the clock can not keep', (timestamp) => (timestamp.accuracySeconds = 1), 'timestamp.accuracySeconds: must exceed clock.maximumErrorMilliseconds by one second'],
    ['a key used longer than it stays', (timestamp) => (timestamp.periods.keyRemovalMonths = 14), 'timestamp.periods.keyRemovalMonths: must not be shorter than keyUseMonths'],
    ['a CA shorter than its certificates', (timestamp) => (timestamp.periods.authorityYears = 11), 'timestamp.periods.authorityYears: must not be shorter than certificateMonths'],
  ])('TSA-2, TSA-3: refuses %s', (_, change, reason) => {
    expect(reasonsAfter((data) => change(data.timestamp))).toEqual([reason])
  })

  it('TSA-1: refuses SHA-1 among the imprints', () => {
    expect(reasonsAfter((data) => data.timestamp.imprints.push('sha1'))).toHaveLength(1)
  })
})
