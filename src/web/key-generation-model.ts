/** A key generation report in words (REP-2): the same lines stand on the page and in the file. */
import { createHash } from 'node:crypto'
import type { CeremonyStatement } from '../database/ceremony-store.ts'
import type { Authority } from '../database/authority-store.ts'
import { readDerValues } from '../pki/der.ts'
import { factsOf } from '../repository/certificate-facts.ts'
import type { Ceremony, GeneratedKey } from '../repository/key-generation.ts'
import { formatInstant, translate, WORDS, type Language } from './locales.ts'
import { pairs } from './repository-model.ts'

const t = (language: Language, key: string, values?: Record<string, string>) => translate(language, `key-generation.${key}`, values)

export interface ReportLine {
  readonly term: string
  readonly text: string
  readonly mono: boolean
  readonly copy: boolean
}

export function presentText({ unattended, present, names, roles }: Ceremony, language: Language): string {
  const joined = (each: readonly string[]) => each.join('; ')
  if (unattended) return t(language, 'present.nobody')
  if (names) return t(language, 'present.names', { names: joined(names) })
  return roles.length > 0 ? t(language, 'present.roles', { count: String(present), roles: joined(roles) }) : t(language, 'present.count', { count: String(present) })
}

/** Kinds are ours: each has its words (CEREMONY_KINDS). What a later program put on record is told by its name, and never closes the page. */
export const ceremonyText = ({ kind }: Ceremony, language: Language): string => WORDS[language].get(`key-generation.ceremony.${kind}`) ?? kind

const protectionText = ({ attributes }: GeneratedKey, language: Language): string =>
  [
    t(language, attributes.local ? 'protection.local' : 'protection.imported'),
    t(language, attributes.sensitive && attributes.alwaysSensitive ? 'protection.sensitive' : 'protection.shown'),
    t(language, !attributes.extractable && attributes.neverExtractable ? 'protection.bound' : 'protection.leaves'),
  ].join('\n')

export function reportLines(authority: Authority, { ceremony, key }: { readonly ceremony: Ceremony; readonly key: GeneratedKey }, language: Language): readonly ReportLine[] {
  const facts = factsOf(authority.certificateDer)
  const line = (term: string, text: string, mono = false): ReportLine => ({ term: t(language, `line.${term}`), text, mono, copy: mono })
  const module = ceremony.modules.find(({ tokenLabel }) => tokenLabel === key.tokenLabel)
  return [
    line('ca', facts.commonName ?? authority.id),
    line('part', translate(language, `repository.kind.${authority.kind}`)),
    line('ceremony', `${ceremonyText(ceremony, language)}\n${ceremony.id}`),
    line('held', formatInstant(language, ceremony.heldAt)),
    line('present', presentText(ceremony, language)),
    line('confirmed', ceremony.plan && !ceremony.unattended ? t(language, 'confirmed.code', { code: ceremony.plan.code }) : t(language, 'confirmed.none')),
    line('policy', ceremony.policy),
    line('module', module ? `${module.manufacturer} ${module.model}, ${module.firmware}\n${module.library}` : t(language, 'module.unknown')),
    line('token', `${key.tokenLabel} / ${key.label} / ${key.id}`),
    line('key', facts.key),
    line('protection', protectionText(key, language)),
    line('spki', pairs(key.spkiSha256), true),
    line('certificate', pairs(facts.sha256), true),
    line('certificate-sha1', pairs(facts.sha1), true),
    line('serial', facts.serial, true),
    line('validity', translate(language, 'repository.fact.from-to', { from: formatInstant(language, facts.notBefore), to: formatInstant(language, facts.notAfter) })),
  ]
}

export const statementModel = (statement: CeremonyStatement, language: Language) => ({
  part: t(language, `statement.${statement.part}`),
  signer: statement.signer,
  signedAt: statement.signedAt ? formatInstant(language, statement.signedAt) : t(language, 'statement.not-stated'),
  publishedAt: formatInstant(language, statement.publishedAt),
  sha256: statement.sha256,
  signerSha256: readDerValues(statement.signerCertificates).map(({ raw }) => createHash('sha256').update(raw).digest('hex')).join('\n'),
  file: statement.fileName,
  href: `/repository/key-generation/statements/${statement.sha256}`,
  signature: statement.signatureName ? `/repository/key-generation/statements/${statement.sha256}/signature` : null,
})

/** The report as a plain text (UTF-8). */
export function reportText(lines: readonly ReportLine[], ceremony: Ceremony, statements: readonly CeremonyStatement[], language: Language): string {
  const indented = (text: string) => text.split('\n').map((each) => `    ${each}`).join('\n')
  return [
    t(language, 'text.title'),
    ...(ceremony.demo ? [t(language, 'demo.text')] : []),
    ...lines.map(({ term, text }) => `${term}\n${indented(text)}`),
    ...(ceremony.plan ? [`${t(language, 'script.title')}\n${indented(ceremony.plan.lines.join('\n'))}`] : []),
    `${t(language, 'together.title')}\n${indented(ceremony.keys.map(({ label, spkiSha256 }) => `${label}  ${spkiSha256}`).join('\n'))}`,
    `${t(language, 'statements.title')}\n${indented(statements.length === 0 ? t(language, 'statements.none') : statements.map((each) => `${t(language, `statement.${each.part}`)}${translate(language, 'frame.colon')}${each.signer}\n${each.fileName}\nSHA-256 ${each.sha256}`).join('\n'))}`,
    '',
  ].join('\n\n')
}
