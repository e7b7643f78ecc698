/** Compromised keys: the staff's list, one key with what is here of it, and a report taken by a revocation officer (KEY-4); lists of weak keys (KEY-3). */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { compromiseText, REPORT_SOURCES, reportCompromise, type CompromiseReport } from '../../application/report-compromise.ts'
import { certificateStore } from '../../database/certificate-store.ts'
import { applicationsWithKey, compromiseReports, findCompromisedKey, listCompromisedKeys } from '../../database/compromise-store.ts'
import { weakKeyStore } from '../../database/weak-key-store.ts'
import { isSignedBy, readReportedKey, REPORTED_KEY_MAX_BYTES } from '../../pki/reported-key.ts'
import { STAFF_ROLES } from '../../people/roles.ts'
import { isPrivateKey } from '../../pki/private-key.ts'
import type { Services } from '../../services.ts'
import { readForm } from '../form.ts'
import { formatInstant, translate, type Language, type Message } from '../locales.ts'
import { page, redirect, type FieldError, type PageRequest, type Reply, type Route, type UploadedFile } from '../reply.ts'
import { weakListNotice } from '../weak-lists.ts'

const reportSchema = z.object({
  sha256: z.string().regex(/^([0-9a-fA-F]{64})?$/, 'keys.errors.sha256').optional(),
  key: z.string().max(REPORTED_KEY_MAX_BYTES, 'keys.errors.too-large').optional(),
  source: z.enum(REPORT_SOURCES, 'forms.choose'),
  reason: z.string('forms.required').min(10, 'keys.errors.reason').max(2000, 'forms.too-long|max=2000'),
  confirm: z.literal('yes', 'forms.tick'),
})

export function keysRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'GET', path: '/keys', who: STAFF_ROLES, events: [], handle: list },
    { method: 'GET', path: '/keys/report', who: ['revocation-officer'], events: [], handle: async (request) => form(request) },
    {
      method: 'POST',
      path: '/keys/report',
      who: ['revocation-officer'],
      events: ['key.compromise-reported', 'key.marked-compromised'],
      upload: { maxBytes: 2 * REPORTED_KEY_MAX_BYTES, maxFiles: 2 },
      handle: take,
    },
    { method: 'GET', path: '/keys/:sha256', who: STAFF_ROLES, events: [], handle: show },
  ]
}

async function list({ services, now, language, account }: PageRequest): Promise<Reply> {
  const t = (key: string, values?: Record<string, string>) => translate(language, key, values)
  const keys = await listCompromisedKeys(services.database, now)
  const lists = await weakKeyStore(services.database).lists()
  return page('keys/list', 'keys.title', {
    mayReport: account!.roles.has('revocation-officer'),
    keys: keys.map((key) => ({ ...key, origin: originOf(key.source, language), kind: key.standing > 0 ? 'bad' : 'neutral' })),
    notice: await weakListNotice(services, language, 'staff'),
    lists: lists.map((each) => ({
      name: each.name,
      form: t(`keys.form.${each.form}`),
      entries: each.entries,
      skipped: each.skipped,
      finishedAt: each.finishedAt,
      complete: each.completeFor.length > 0 ? each.completeFor.join(', ') : '–',
    })),
  })
}

const originOf = (source: string, language: Language): string => translate(language, `keys.origin.${source.startsWith('certificate:') ? 'revocation' : source.startsWith('report:') ? 'report' : 'other'}`)

const FIELDS = ['sha256', 'key', 'source', 'reason'] as const

function form(request: PageRequest, errors: readonly FieldError[] = []): Reply {
  const { services, language } = request
  const entered = Object.fromEntries(FIELDS.map((name) => [name, request.form[name] ?? '']))
  // A private key that was pasted goes back to nobody.
  if (/PRIVATE/i.test(entered['key']!) || isPrivateKey(Buffer.from(entered['key']!))) entered['key'] = ''
  return page(
    'keys/report',
    'keys.report.title',
    {
      entered,
      sources: REPORT_SOURCES.map((value) => ({ value, text: translate(language, `keys.source.${value}`) })),
      text: compromiseText(services.config.portal.url, '<SHA-256>'),
    },
    { errors },
  )
}

type Found = Pick<CompromiseReport, 'spkiSha256' | 'spkiDer' | 'evidence' | 'proof'>

/** The key that is meant, and what proves the report; or what is wrong with the fields. */
function findKey(request: PageRequest, entered: { readonly sha256?: string | undefined; readonly key?: string | undefined }): Found | { readonly errors: readonly FieldError[] } {
  const { services } = request
  const file = (field: string): UploadedFile | undefined => request.files.find((each) => each.field === field && each.bytes.length > 0)
  const [uploaded, signature] = [file('key-file'), file('signature')]
  const pasted = entered.key ? Buffer.from(entered.key) : null
  const wrong = (field: string, key: string): { errors: readonly FieldError[] } => ({ errors: [{ field, message: { key: `keys.errors.${key}` } }] })
  const ways = [entered.sha256, pasted, uploaded].filter(Boolean).length
  if (ways !== 1) return wrong('key-file', ways === 0 ? 'nothing' : 'several-ways')
  if (entered.sha256) return signature ? wrong('signature', 'signature-needs-key') : { spkiSha256: entered.sha256.toLowerCase(), spkiDer: null, evidence: 'hash', proof: 'none' }
  const bytes = uploaded?.bytes ?? pasted!
  const read = readReportedKey(bytes)
  // It may have been a private key: what was sent is not left lying in memory longer than it must.
  bytes.fill(0)
  if ('refused' in read) return wrong(uploaded ? 'key-file' : 'key', `unread.${read.refused}`)
  const { key, form: evidence } = read
  const found = { spkiSha256: key.sha256, spkiDer: key.spki, evidence }
  if (!signature) return { ...found, proof: evidence === 'private-key' ? 'private-key' : 'none' }
  if (!isSignedBy(key, compromiseText(services.config.portal.url, key.sha256), signature.bytes)) return wrong('signature', 'signature')
  return { ...found, proof: evidence === 'private-key' ? 'private-key' : 'signature' }
}

async function take(request: PageRequest): Promise<Reply> {
  const { services, account, uploadProblem } = request
  if (uploadProblem) return form(request, [{ field: 'key-file', message: uploadProblem }])
  const read = readForm(reportSchema, request.form)
  if (!read.ok) return form(request, read.errors)
  const { values } = read
  const found = findKey(request, values)
  if ('errors' in found) return form(request, found.errors)
  const { marked } = await services.work(account!.id, (work, trx) =>
    reportCompromise(work, certificateStore(trx, work.now), compromiseReports(trx), { id: randomUUID(), ...found, source: values.source, reason: values.reason }),
  )
  return redirect(`/keys/${found.spkiSha256}`, `keys.notice.${marked ? 'marked' : 'noted'}`)
}

async function show({ services, now, language, params, account }: PageRequest): Promise<Reply> {
  const { database } = services
  const t = (key: string, values?: Record<string, string>) => translate(language, key, values)
  const key = await findCompromisedKey(database, (params['sha256'] ?? '').toLowerCase())
  if (!key) return { kind: 'not-found' }
  const { spkiSha256 } = key
  const people = new Map<string, string>()
  const reports = await compromiseReports(database).ofKey(spkiSha256)
  for (const { reportedBy } of reports) people.set(reportedBy, (await certificateStore(database, now).contact(reportedBy))?.name ?? reportedBy)
  const certificates = await certificateStore(database, now).findByKey(spkiSha256)
  const revokes = account!.roles.has('revocation-officer')
  const state = (certificate: (typeof certificates)[number]): 'revoked' | 'expired' | 'valid' =>
    certificate.revocation ? 'revoked' : new Date(certificate.notAfter) < now ? 'expired' : 'valid'
  const message = (text: Message): string => translate(language, text.key, text.values)
  return page('keys/key', 'keys.one', {
    facts: [
      { term: t('keys.field.sha256'), text: spkiSha256, mono: true, copy: true },
      { term: t('keys.field.marked'), text: formatInstant(language, key.recordedAt), mono: false, copy: false },
      { term: t('keys.field.origin'), text: originOf(key.source, language), mono: false, copy: false },
    ],
    reports: reports.map((report) => ({
      at: report.reportedAt,
      by: people.get(report.reportedBy)!,
      source: t(`keys.source.${report.source}`),
      evidence: t(`keys.evidence.${report.evidence}`),
      proof: t(`keys.proof.${report.proof}`),
      reason: report.reason,
    })),
    standing: certificates.filter((each) => state(each) === 'valid').length,
    hurry: message({ key: revokes ? 'keys.hurry.yours' : 'keys.hurry.officer' }),
    certificates: certificates.map((each) => ({ serial: each.serial, state: t(`certificates.status.${state(each)}`), kind: state(each) === 'valid' ? 'bad' : 'neutral', notAfter: each.notAfter })),
    applications: (await applicationsWithKey(database, spkiSha256)).map(({ reference, state: at }) => ({ reference, state: t(`lifecycle.state.${at}`) })),
  })
}
