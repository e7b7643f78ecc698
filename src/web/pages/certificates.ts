/** The officers' list of certificates, one certificate, and its revocation (REV-1). */
import { z } from 'zod'
import type { CertificateRecord } from '../../application/certificate-record.ts'
import { findGround, REVOCATION_GROUNDS } from '../../application/revocation-grounds.ts'
import { revokeCertificate } from '../../application/revoke.ts'
import { certificateStore } from '../../database/certificate-store.ts'
import { MalformedDer } from '../../pki/der.ts'
import { decodeName, displayName } from '../../pki/name.ts'
import { readCertificate } from '../../pki/x509-certificate.ts'
import { STAFF_ROLES } from '../../people/roles.ts'
import type { Services } from '../../services.ts'
import { readForm } from '../form.ts'
import { formatInstant, translate, type Language } from '../locales.ts'
import { page, redirect, type PageRequest, type Reply, type Route } from '../reply.ts'

const revocationSchema = z.object({
  ground: z.string('forms.choose').refine((id) => findGround(id, 'revocation-officer') !== null, 'forms.choose'),
  explanation: z.string('forms.required').min(10, 'certificates.errors.explain').max(2000, 'forms.too-long|max=2000'),
  confirm: z.literal('yes', 'forms.tick'),
})

export function certificateRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'GET', path: '/certificates', who: STAFF_ROLES, events: [], handle: list },
    { method: 'GET', path: '/certificates/:serial', who: STAFF_ROLES, events: [], handle: (request) => withCertificate(request, (certificate) => show(request, certificate)) },
    { method: 'POST', path: '/certificates/:serial/revoke', who: ['revocation-officer'], events: ['certificate.revoked'], handle: revoke },
  ]
}

/** A row that holds no certificate is shown as what it is: the list is where an officer finds it. */
function subjectOf({ der }: CertificateRecord, language: Language): string {
  try {
    return displayName(decodeName(readCertificate(der).tbs.subject))
  } catch (error) {
    if (MalformedDer.is(error)) return translate(language, 'certificates.unreadable')
    throw error
  }
}

async function list({ services, now, language }: PageRequest): Promise<Reply> {
  const found = await certificateStore(services.database, now).list(500)
  return page('certificates/list', 'certificates.title', {
    rows: found.map((certificate) => ({
      serial: certificate.serial,
      subject: subjectOf(certificate, language),
      issuedAt: certificate.issuedAt,
      notAfter: certificate.notAfter,
      kind: certificate.revocation ? 'bad' : new Date(certificate.notAfter) < now ? 'neutral' : 'good',
      status: translate(language, `certificates.status.${certificate.revocation ? 'revoked' : new Date(certificate.notAfter) < now ? 'expired' : 'valid'}`),
    })),
  })
}

async function withCertificate(request: PageRequest, then: (certificate: CertificateRecord) => Promise<Reply>): Promise<Reply> {
  const { services, now, params } = request
  const row = await services.database('certificates').where({ serial: (params['serial'] ?? '').toLowerCase(), state: 'issued' }).first('id')
  const certificate = row ? await certificateStore(services.database, now).find(row.id) : null
  return certificate ? then(certificate) : { kind: 'not-found' }
}

async function show(request: PageRequest, certificate: CertificateRecord, more: { errors?: Parameters<typeof page>[3]; entered?: { ground: string; explanation: string } } = {}): Promise<Reply> {
  const { services, language, account } = request
  const t = (key: string) => translate(language, key)
  const application = await services.applications.find(certificate.applicationId)
  const row = (term: string, text: string, mono = false, copy = false) => ({ term, text, mono, copy })
  return page(
    'certificates/certificate',
    'certificates.one',
    {
      serial: certificate.serial,
      reference: application?.reference ?? null,
      facts: [
        row(t('certificates.field.subject'), subjectOf(certificate, language)),
        row(t('certificates.field.serial'), certificate.serial, true, true),
        row(t('certificates.field.sha256'), certificate.certificateSha256, true, true),
        row(t('certificates.field.key'), certificate.spkiSha256, true, true),
        row(t('certificates.field.valid'), `${formatInstant(language, certificate.notBefore)} – ${formatInstant(language, certificate.notAfter)}`),
        row(t('certificates.field.accepted'), certificate.acceptedAt ? formatInstant(language, certificate.acceptedAt) : '–'),
      ],
      revocation: certificate.revocation ? { at: certificate.revocation.revokedAt, ground: t(`revocation.ground.${certificate.revocation.ground}.title`), explanation: certificate.revocation.explanation } : null,
      mayRevoke: certificate.revocation === null && account!.roles.has('revocation-officer'),
      grounds: REVOCATION_GROUNDS.filter((ground) => ground.statedBy.includes('revocation-officer')).map((ground) => ({ value: ground.id, text: `${t(`revocation.ground.${ground.id}.title`)} (${ground.clause})` })),
      entered: more.entered ?? { ground: '', explanation: '' },
    },
    more.errors,
  )
}

async function revoke(request: PageRequest): Promise<Reply> {
  return withCertificate(request, async (certificate) => {
    const form = readForm(revocationSchema, request.form)
    if (!form.ok) return show(request, certificate, { errors: { errors: form.errors }, entered: { ground: request.form['ground'] ?? '', explanation: request.form['explanation'] ?? '' } })
    const { services, account } = request
    const { outcome } = await services.work(account!.id, async (work, trx) => {
      const records = certificateStore(trx, work.now)
      const standing = await records.find(certificate.id)
      return revokeCertificate(work, records, {
        certificate: standing!,
        ground: findGround(form.values.ground, 'revocation-officer')!,
        explanation: form.values.explanation,
        by: account!.id,
        as: 'revocation-officer',
        portalUrl: services.config.portal.url,
      })
    })
    return redirect(`/certificates/${certificate.serial}`, `certificates.notice.${outcome}`)
  })
}
