/** The registers of approved auditors and accepted Signing Services: read, proposed, confirmed by another officer, withdrawn (ATT-6, ATT-7). */
import { createHash, randomUUID } from 'node:crypto'
import { z } from 'zod'
import { CONFIRMERS, KEEPERS, confirmEntry, proposeEntry, withdrawEntry, type RegisterEntry } from '../../application/register.ts'
import { registerStore } from '../../database/register-store.ts'
import { readEnteredDay } from '../../key-protection/entered-day.ts'
import { isPrivateKey } from '../../pki/private-key.ts'
import {
  AUDIT_SCHEMES,
  AUTHENTICATIONS,
  CONTENT_SCHEMAS,
  ENTERED_SCHEMAS,
  identityOf,
  isRegister,
  judgeContent,
  QUALIFICATIONS,
  REGISTERS,
  requiredOfServices,
  TECHNIQUES,
  type AuditorContent,
  type RegisterName,
  type ServiceContent,
} from '../../key-protection/register.ts'
import { isPdf } from '../../pki/pdf-file.ts'
import { readUpload } from '../../pki/upload.ts'
import { STAFF_ROLES } from '../../people/roles.ts'
import type { Services } from '../../services.ts'
import { cleanText, readForm } from '../form.ts'
import { translate, type Language } from '../locales.ts'
import { registerRows, stateTag } from '../register-model.ts'
import { page, redirect, type FieldError, type PageRequest, type Reply, type Route } from '../reply.ts'

const UPLOAD = { maxBytes: 5 * 1024 * 1024, maxFiles: 2 }

interface FormField {
  readonly name: string
  readonly kind: 'text' | 'long-text' | 'date' | 'choice'
  readonly choices?: readonly string[]
}
const text = (name: string): FormField => ({ name, kind: 'text' })
const date = (name: string): FormField => ({ name, kind: 'date' })
const choice = (name: string, choices: readonly string[]): FormField => ({ name, kind: 'choice', choices })

/** What is entered; files come after. */
const FIELDS: Readonly<Record<RegisterName, readonly FormField[]>> = {
  auditors: [text('name'), text('employer'), choice('qualification', QUALIFICATIONS), text('qualificationNumber'), date('validFrom'), date('validUntil')],
  'signing-services': [
    text('name'),
    text('operator'),
    text('address'),
    choice('technique', TECHNIQUES),
    choice('authentication', AUTHENTICATIONS),
    choice('auditScheme', AUDIT_SCHEMES),
    text('auditor'),
    date('reportDate'),
    date('periodFrom'),
    date('periodTo'),
    text('moduleModel'),
    text('moduleScheme'),
    text('moduleCertificate'),
    text('moduleLevel'),
    { name: 'agreementVersions', kind: 'long-text' },
  ],
}

export function registersRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'GET', path: '/registers', who: STAFF_ROLES, events: [], handle: list },
    { method: 'GET', path: '/registers/:register/new', who: KEEPERS, events: [], handle: (request) => withRegister(request, (register) => form(request, register)) },
    { method: 'POST', path: '/registers/:register', who: KEEPERS, events: ['register.proposed'], upload: UPLOAD, handle: (request) => withRegister(request, (register) => propose(request, register)) },
    { method: 'GET', path: '/registers/entries/:entry', who: STAFF_ROLES, events: [], handle: (request) => withEntry(request, (entry) => show(request, entry)) },
    { method: 'GET', path: '/registers/entries/:entry/file', who: STAFF_ROLES, events: [], handle: file },
    { method: 'POST', path: '/registers/entries/:entry/confirm', who: CONFIRMERS, events: ['register.confirmed'], handle: (request) => withEntry(request, (entry) => confirm(request, entry)) },
    { method: 'POST', path: '/registers/entries/:entry/withdraw', who: KEEPERS, events: ['register.withdrawn'], handle: (request) => withEntry(request, (entry) => withdraw(request, entry)) },
  ]
}

const entryPath = (id: string): string => `/registers/entries/${id}`

async function withRegister({ params }: PageRequest, answer: (register: RegisterName) => Promise<Reply>): Promise<Reply> {
  const register = params['register'] ?? ''
  return isRegister(register) ? answer(register) : { kind: 'not-found' }
}

async function withEntry({ services, params }: PageRequest, answer: (entry: RegisterEntry) => Promise<Reply>): Promise<Reply> {
  const entry = await registerStore(services.database).find(params['entry'] ?? '')
  return entry ? answer(entry) : { kind: 'not-found' }
}

async function list({ services, account, language, now }: PageRequest): Promise<Reply> {
  const entries = await registerStore(services.database).list()
  return page('registers/registers', 'registers.title', {
    keeper: KEEPERS.some((role) => account!.roles.has(role)),
    registers: REGISTERS.map((register) => ({
      id: register,
      entries: entries
        .filter((entry) => entry.register === register)
        .map((entry) => ({
          name: entry.content.name,
          of: register === 'auditors' ? (entry.content as AuditorContent).employer : (entry.content as ServiceContent).operator,
          until: register === 'auditors' ? (entry.content as AuditorContent).validUntil : (entry.content as ServiceContent).reportDate,
          href: entryPath(entry.id),
          tag: stateTag(language, entry, now, services.policy),
        })),
    })),
  })
}

const word = (language: Language, register: RegisterName, path: string, values?: Record<string, string>): string => translate(language, `registers.field.${register}.${path}`, values)

async function form({ services, language, form: entered }: PageRequest, register: RegisterName, errors: readonly FieldError[] = []): Promise<Reply> {
  return page(
    'registers/propose',
    `registers.propose.${register}`,
    {
      register,
      auditors: register === 'auditors',
      fields: FIELDS[register].map(({ name, kind, choices }) => ({
        name,
        kind,
        required: true,
        label: word(language, register, `${name}.label`),
        hint: word(language, register, `${name}.hint`, name === 'moduleLevel' ? { required: requiredOfServices(services.policy) } : undefined),
        value: entered[name] ?? '',
        options: (choices ?? []).map((value) => ({ value, text: word(language, register, `${name}.choice.${value}`), hint: null })),
      })),
    },
    { errors },
  )
}

/** What names no day stays for the schema to refuse. */
const asKept = (kind: FormField['kind'], entered: string): string => (kind === 'date' ? (readEnteredDay(entered) ?? entered) : entered)

/** What was entered, as the register keeps it, or what is wrong with which field. */
function readEntry(request: PageRequest, register: RegisterName): { readonly errors: readonly FieldError[] } | { readonly content: AuditorContent | ServiceContent; readonly evidence: { readonly name: string; readonly bytes: Buffer } } {
  const { files, now, services, uploadProblem } = request
  const evidence = files.find(({ field }) => field === 'evidence')
  const certificate = files.find(({ field }) => field === 'certificate')
  const errors: FieldError[] = []
  const upload = certificate && !isPrivateKey(certificate.bytes) ? readUpload(certificate.bytes) : null
  const der = upload && 'der' in upload ? upload.der : null
  if (register === 'auditors' && !uploadProblem) {
    if (!certificate) errors.push({ field: 'certificate', message: { key: 'forms.upload-missing' } })
    else if (!der) errors.push({ field: 'certificate', message: { key: isPrivateKey(certificate.bytes) ? 'attestation.malformed.private-key' : 'registers.problem.certificate.unreadable' } })
  }
  if (uploadProblem) errors.push({ field: 'evidence', message: uploadProblem })
  else if (!evidence || evidence.bytes.length === 0) errors.push({ field: 'evidence', message: { key: 'forms.upload-missing' } })
  else if (!isPdf(evidence.bytes)) errors.push({ field: 'evidence', message: { key: 'registers.problem.evidence-pdf' } })
  const entered = Object.fromEntries(FIELDS[register].map(({ name, kind }) => [name, asKept(kind, cleanText(request.form[name] ?? ''))]))
  const given = {
    ...entered,
    evidence: { name: evidence?.name ?? 'file', sha256: createHash('sha256').update(evidence?.bytes ?? '').digest('hex') },
    ...(register === 'auditors' ? { certificate: (der ?? Buffer.alloc(0)).toString('base64') } : {}),
  }
  const read = CONTENT_SCHEMAS[register].safeParse(given)
  if (!read.success) {
    const parsed = readForm(ENTERED_SCHEMAS[register], entered)
    return { errors: [...(parsed.ok ? [] : parsed.errors), ...errors] }
  }
  const content: AuditorContent | ServiceContent = read.data
  for (const { field, message } of judgeContent(register, content, now, services.policy)) if (!errors.some((error) => error.field === field)) errors.push({ field, message })
  return errors.length > 0 ? { errors } : { content, evidence: evidence! }
}

async function propose(request: PageRequest, register: RegisterName): Promise<Reply> {
  const { services, account } = request
  const read = readEntry(request, register)
  if ('errors' in read) return form(request, register, read.errors)
  const { content, evidence } = read
  const id = randomUUID()
  const outcome = await services.work(account!.id, (work, trx) =>
    proposeEntry(work, registerStore(trx), { id, register, identity: identityOf(register, content), content: JSON.stringify(content), file: { name: evidence.name, bytes: evidence.bytes } }),
  )
  if (outcome === 'known') return form(request, register, [{ field: register === 'auditors' ? 'certificate' : 'name', message: { key: `registers.problem.known.${register}` } }])
  return redirect(entryPath(id), 'registers.proposed')
}

async function show({ services, account, language, now }: PageRequest, entry: RegisterEntry, errors: readonly FieldError[] = [], reason = ''): Promise<Reply> {
  const { state, proposed, confirmed, withdrawn } = entry
  const holds = (roles: readonly string[]) => roles.some((role) => (account!.roles as ReadonlySet<string>).has(role))
  return page(
    'registers/entry',
    { key: 'registers.entry', values: { name: entry.content.name } },
    {
      id: entry.id,
      version: entry.version,
      register: entry.register,
      tag: stateTag(language, entry, now, services.policy),
      rows: registerRows(language, entry, services.policy),
      file: { href: `${entryPath(entry.id)}/file`, name: entry.content.evidence.name },
      acts: [
        { act: 'proposed', ...proposed, because: null },
        ...(confirmed ? [{ act: 'confirmed', ...confirmed, because: null }] : []),
        ...(withdrawn ? [{ act: 'withdrawn', ...withdrawn }] : []),
      ],
      own: proposed.id === account!.id,
      waits: state === 'proposed',
      mayConfirm: state === 'proposed' && proposed.id !== account!.id && holds(CONFIRMERS),
      mayWithdraw: state !== 'withdrawn' && holds(KEEPERS),
      reason,
    },
    { errors },
  )
}

async function file({ services, params }: PageRequest): Promise<Reply> {
  const found = await registerStore(services.database).file(params['entry'] ?? '')
  return found ? { kind: 'file', bytes: found.bytes, type: 'application/octet-stream', name: found.name } : { kind: 'not-found' }
}

/** The form was drawn from another version: nothing is decided over what the officer has not seen. */
const seen = ({ form }: PageRequest, { version }: RegisterEntry): boolean => form['version'] === String(version)

async function confirm(request: PageRequest, entry: RegisterEntry): Promise<Reply> {
  const { services, account } = request
  if (!seen(request, entry)) return redirect(entryPath(entry.id), 'registers.changed')
  const outcome = await services.work(account!.id, (work, trx) => confirmEntry(work, registerStore(trx), entry))
  if (outcome === 'own') return { kind: 'refused', reason: { key: 'registers.own' } }
  return redirect(entryPath(entry.id), outcome === 'gone' ? 'registers.changed' : 'registers.confirmed')
}

const reasonSchema = z.object({ reason: z.string('forms.required').min(10, 'registers.problem.reason').max(1000, 'forms.too-long|max=1000') })

async function withdraw(request: PageRequest, entry: RegisterEntry): Promise<Reply> {
  const { services, account } = request
  if (!seen(request, entry)) return redirect(entryPath(entry.id), 'registers.changed')
  const read = readForm(reasonSchema, request.form)
  if (!read.ok) return show(request, entry, read.errors, request.form['reason'] ?? '')
  const outcome = await services.work(account!.id, (work, trx) => withdrawEntry(work, registerStore(trx), entry, read.values.reason))
  return redirect(entryPath(entry.id), outcome === 'gone' ? 'registers.changed' : 'registers.withdrawn')
}
