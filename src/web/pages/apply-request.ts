/** The certificate request: pasted or a file, read at once, shown as what it is with each rule's verdict. */
import { saveDraft } from '../../application/apply.ts'
import type { Dossier } from '../../application/application.ts'
import { examineRequest, keepProtection, requestAssessment, storedRequest } from '../../application/verify-key.ts'
import type { RuleVerdict } from '../../certificate/rule-verdict.ts'
import { keyRegister } from '../../database/key-register.ts'
import { type CertificateRequest, readCertificateRequest, REQUEST_MAX_BYTES } from '../../pki/certificate-request.ts'
import { displayName } from '../../pki/name.ts'
import { OID } from '../../pki/oids.ts'
import type { Services } from '../../services.ts'
import { inWords, readRuleReport, ruleRows, type FindingRow } from '../findings.ts'
import { translate, type Language } from '../locales.ts'
import { applicationPath, changeDraft, changedMeanwhile, nextPath, ownDraft } from '../own-application.ts'
import { page, redirect, type FieldError, type Reply, type Route } from '../reply.ts'

const groups = (hex: string): string => hex.toUpperCase().replace(/..(?=.)/g, '$&:')

/** What the request is, for people to compare with their own tool. */
export function requestRows(language: Language, request: CertificateRequest) {
  const { facts, sha256 } = request.publicKey
  const t = (key: string, values?: Record<string, string>) => translate(language, key, values)
  const key =
    facts.type === 'rsa'
      ? t('apply.request.key.rsa', { bits: String(facts.bits) })
      : facts.type === 'other'
        ? t('apply.request.key.other', { algorithm: facts.algorithm })
        : t('apply.request.key.curve', { curve: facts.curve })
  const row = (term: string, text: string, mono = false, copy = false) => ({ term: t(`apply.request.fact.${term}`), text, mono, copy })
  const exponent = facts.type === 'rsa' ? (facts.exponent < 1n << 64n ? facts.exponent.toString() : `0x${facts.exponent.toString(16)}`) : null
  return [
    row('key', key),
    ...(exponent ? [row('exponent', exponent, true)] : []),
    row('hash', request.signature.hash?.toUpperCase().replace(/^SHA/, 'SHA-') ?? request.signature.algorithm.oid),
    row('key-sha256', groups(sha256), true, true),
    row('request-sha256', groups(request.sha256), true, true),
  ]
}

/**
 * What may be said of a refused request. A copy damaged on the way holds some other key, which nobody has: a weakness of that one is no news of the
 * applicant's, so a signature that does not fit is the only finding (CP 3.2.1). Where the signature could not be checked, its hash and the kind of key say why.
 */
function sayable(verdicts: readonly RuleVerdict[], { signature }: CertificateRequest): readonly RuleVerdict[] {
  if (signature.check === 'valid') return verdicts
  const rows = signature.check === 'invalid' ? ['APP-3'] : ['KEY-1', 'KEY-5', 'APP-3']
  return verdicts.filter(({ row }) => rows.includes(row))
}

/** What the request asked for and does not get (CP 4.3.1: the subject is what was verified). */
const asked = (request: CertificateRequest) => ({
  subject: request.subject.length > 0 ? displayName(request.subject) : null,
  extensions: request.requestedExtensions.map(({ oid }) => Object.entries(OID).find(([, dotted]) => dotted === oid)?.[0] ?? oid),
})

function form(
  services: Services,
  language: Language,
  { application, assessments }: Dossier,
  given: { readonly text: string; readonly shown: CertificateRequest | null; readonly rules: readonly FindingRow[] } | null,
  errors: readonly FieldError[] = [],
): Reply {
  const { reference, version } = application
  const stored = application.request ? storedRequest(application.request.requestDer) : null
  const assessment = assessments.find(({ kind }) => kind === 'request')
  const shown = given?.shown ?? (given ? null : stored)
  return page(
    'apply/request',
    'apply.step.request.title',
    {
      reference,
      version,
      action: applicationPath(reference, 'request'),
      text: given?.text ?? '',
      sizes: services.policy.keys.subscriber.rsaBits.join(' / '),
      // By two of the methods the key is made on the way: who makes a CSR first makes it with the wrong key.
      methodHref: stored === null && application.key === null ? applicationPath(reference, 'key-protection') : null,
      present: stored !== null,
      refused: given !== null,
      shown: shown
        ? {
            facts: requestRows(language, shown),
            asked: asked(shown),
            rules: given ? given.rules : assessment ? ruleRows(readRuleReport(assessment), language) : [],
          }
        : null,
    },
    { errors },
  )
}

export function applyRequestRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/applications/:reference/request',
      who: ['subscriber'],
      events: [],
      handle: ownDraft(async ({ services, language }, { dossier }) => form(services, language, dossier, null)),
    },
    {
      method: 'POST',
      path: '/applications/:reference/request',
      who: ['subscriber'],
      events: ['application.request-uploaded'],
      upload: { maxBytes: REQUEST_MAX_BYTES, maxFiles: 1 },
      handle: changeDraft(async (request, { dossier, application, account }) => {
        const { services, language } = request
        const text = request.form['request'] ?? ''
        const file = request.files.find(({ field }) => field === 'requestFile')
        const field = file || request.uploadProblem ? 'requestFile' : 'request'
        if (request.uploadProblem) return form(services, language, dossier, { text, shown: null, rules: [] }, [{ field, message: request.uploadProblem }])
        const intake = readCertificateRequest(file?.bytes ?? Buffer.from(text, 'utf8'))
        if ('refused' in intake) {
          const { code, values = {} } = intake.refused
          const message = {
            key: `certificate-request.refused.${code}`,
            values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)])),
          }
          // A private key sent by mistake is not written back into the page either.
          return form(services, language, dossier, { text: code === 'private-key' || file ? '' : text, shown: null, rules: [] }, [{ field, message }])
        }
        const { request: read } = intake
        const outcome = await services.work(account.id, async (work, trx) => {
          const verdicts = await examineRequest(read, application, services.policy, keyRegister(trx))
          const assessment = requestAssessment(verdicts, work.now)
          if (assessment.outcome !== 'pass') return { verdicts }
          const spkiDer = read.publicKey.spki
          const stated = { requestDer: read.der, spkiDer, spkiSha256: read.publicKey.sha256 }
          if (!(await saveDraft(work, application, { request: stated }))) return null
          await work.applications.putAssessment(application.id, assessment)
          // The evidence is judged against the new key at once.
          const protection = await keepProtection(work, { ...application, request: stated }, dossier.evidence, services.policy)
          await work.audit({
            event: 'application.request-uploaded',
            subject: `application:${application.id}`,
            details: { requestSha256: read.sha256, spkiSha256: read.publicKey.sha256, keyProtection: protection?.outcome ?? 'none' },
          })
          return 'saved' as const
        })
        if (outcome === null) return changedMeanwhile(application)
        if (outcome === 'saved') return redirect(nextPath(application.reference, 'request'), 'apply.request.saved')
        const verdicts = sayable(outcome.verdicts, read)
        const failed = verdicts.filter((verdict) => verdict.outcome === 'fail')
        const errors = failed.map(({ row, observed, remedy }) => ({
          field,
          message: {
            key: 'apply.request.error.rule',
            values: {
              title: translate(language, `key-rules.${row}.title`),
              observed: inWords(language, observed),
              remedy: remedy ? inWords(language, remedy) : '',
            },
          },
        }))
        return form(services, language, dossier, { text: file ? '' : text, shown: read, rules: ruleRows(verdicts, language) }, errors)
      }),
    },
  ]
}
