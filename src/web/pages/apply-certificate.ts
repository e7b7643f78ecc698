/** Delivery, acceptance and the subscriber's revocation (ACP-1, REV-1). */
import { createHash } from 'node:crypto'
import { acceptCertificate } from '../../application/accept.ts'
import type { CertificateRecord } from '../../application/certificate-record.ts'
import { findMove } from '../../application/lifecycle.ts'
import { findGround, REVOCATION_GROUNDS } from '../../application/revocation-grounds.ts'
import { revokeCertificate } from '../../application/revoke.ts'
import { TSA_PATH } from '../../certificate/addresses.ts'
import { findTimestampAuthority } from '../../database/authority-store.ts'
import { certificateStore } from '../../database/certificate-store.ts'
import { decodeName, displayName } from '../../pki/name.ts'
import { certificatePem } from '../../pki/pem.ts'
import { certificateChain } from '../../pki/pkcs7.ts'
import { readCertificate } from '../../pki/x509-certificate.ts'
import type { Services } from '../../services.ts'
import { cleanText } from '../form.ts'
import { formatInstant, translate, type Language } from '../locales.ts'
import { applicationPath, changedMeanwhile, own, type Own } from '../own-application.ts'
import { page, redirect, type FieldError, type PageRequest, type Reply, type Route } from '../reply.ts'
import { signingGuide } from '../signing-guide.ts'

const EXPLANATION_MAX = 2000

/** An application that has a certificate; the others have no such page. */
const withCertificate = (handle: (request: PageRequest, found: Own, certificate: CertificateRecord) => Promise<Reply>) =>
  own(async (request, found) => {
    const certificate = await certificateStore(request.services.database, request.now).findByApplication(found.application.id)
    return certificate ? handle(request, found, certificate) : { kind: 'not-found' }
  })

const groups = (hex: string): string => hex.toUpperCase().replace(/..(?=.)/g, '$&:')

export function certificateRows(language: Language, certificate: CertificateRecord) {
  const { tbs } = readCertificate(certificate.der)
  const row = (term: string, text: string, mono = false, copy = false) => ({ term: translate(language, `delivery.fact.${term}`), text, mono, copy })
  return [
    row('subject', displayName(decodeName(tbs.subject))),
    row('issuer', displayName(decodeName(tbs.issuer))),
    row('serial', groups(certificate.serial), true, true),
    row('not-before', formatInstant(language, certificate.notBefore)),
    row('not-after', formatInstant(language, certificate.notAfter)),
    row('sha256', groups(createHash('sha256').update(certificate.der).digest('hex')), true, true),
    row('sha1', groups(createHash('sha1').update(certificate.der).digest('hex')), true, true),
  ]
}

type Download = (records: { readonly certificate: Buffer; readonly chain: readonly Buffer[] }) => { readonly bytes: Buffer; readonly type: string }

/** By file name ending. The chain leaves the root out of the text form: signing tools send it, and every verifier has its own root. */
const DOWNLOADS: Readonly<Record<string, Download>> = {
  pem: ({ certificate }) => ({ bytes: Buffer.from(certificatePem(certificate)), type: 'application/x-pem-file' }),
  cer: ({ certificate }) => ({ bytes: certificate, type: 'application/pkix-cert' }),
  'chain.pem': ({ certificate, chain }) => ({
    bytes: Buffer.from([certificate, ...chain.slice(0, -1)].map(certificatePem).join('')),
    type: 'application/x-pem-file',
  }),
  p7b: ({ certificate, chain }) => ({ bytes: certificateChain([certificate, ...chain]), type: 'application/pkcs7-mime; smime-type=certs-only' }),
}

function revokeForm(
  language: Language,
  reference: string,
  certificate: CertificateRecord,
  given: { readonly ground: string; readonly explanation: string },
  errors: readonly FieldError[] = [],
): Reply {
  return page(
    'apply/revoke',
    'delivery.revoke.title',
    {
      reference,
      back: applicationPath(reference, 'certificate'),
      action: applicationPath(reference, 'certificate/revoke'),
      serial: groups(certificate.serial),
      ground: given.ground,
      grounds: REVOCATION_GROUNDS.filter(({ statedBy }) => statedBy.includes('subscriber')).map(({ id }) => ({
        value: id,
        text: translate(language, `revocation.ground.${id}.title`),
        hint: translate(language, `revocation.ground.${id}.hint`),
      })),
      explanation: given.explanation,
    },
    { errors },
  )
}

export function applyCertificateRoutes(_services: Services): readonly Route[] {
  const path = '/applications/:reference/certificate'
  return [
    {
      method: 'GET',
      path,
      who: ['subscriber'],
      events: [],
      handle: withCertificate(async ({ services, language }, { application }, certificate) => {
        const { reference, version } = application
        const base = applicationPath(reference, 'certificate')
        const { revocation } = certificate
        const timestamps = (await findTimestampAuthority(services.database)) && `${services.config.status.url}${TSA_PATH}`
        return page('apply/certificate', 'delivery.title', {
          reference,
          version,
          facts: certificateRows(language, certificate),
          downloads: Object.keys(DOWNLOADS).map((format) => ({
            href: `${base}/download/${format}`,
            text: translate(language, `delivery.download.${format.replace('.', '-')}`),
          })),
          acceptHref: findMove('accept', application.state) ? `${base}/accept` : null,
          acceptedAt: certificate.acceptedAt,
          revokeHref: revocation === null && findMove('revoke', application.state) ? `${base}/revoke` : null,
          revocation: revocation && {
            at: revocation.revokedAt,
            ground: translate(language, `revocation.ground.${revocation.ground}.title`),
            explanation: revocation.explanation || null,
          },
          guide: signingGuide(language, { reference, sha1: createHash('sha1').update(certificate.der).digest('hex'), timestamps }),
          problemReports: services.policy.operator.problemReports,
        })
      }),
    },
    {
      method: 'GET',
      path: `${path}/download/:format`,
      who: ['subscriber'],
      events: ['certificate.delivered'],
      handle: withCertificate(async ({ services, params }, { application, account }, certificate) => {
        const format = params['format'] ?? ''
        const download = Object.hasOwn(DOWNLOADS, format) ? DOWNLOADS[format]! : null
        if (!download) return { kind: 'not-found' }
        const chain = await certificateStore(services.database, services.clock()).chain(certificate.authorityId)
        // ACP-1: that it reached the registered person is on record.
        await services.work(account.id, (work) => work.audit({ event: 'certificate.delivered', subject: `certificate:${certificate.id}`, details: { format } }))
        return { kind: 'file', name: `${application.reference}.${format}`, ...download({ certificate: certificate.der, chain }) }
      }),
    },
    {
      method: 'POST',
      path: `${path}/accept`,
      who: ['subscriber'],
      events: ['certificate.accepted'],
      handle: withCertificate(async ({ services, form }, { application, account }, certificate) => {
        if (form['version'] !== String(application.version)) return changedMeanwhile(application)
        const accepted = await services.work(account.id, (work, trx) => acceptCertificate(work, certificateStore(trx, work.now), application, certificate))
        return accepted ? redirect(applicationPath(application.reference, 'certificate'), 'delivery.accept.done') : changedMeanwhile(application)
      }),
    },
    {
      method: 'GET',
      path: `${path}/revoke`,
      who: ['subscriber'],
      events: [],
      handle: withCertificate(async ({ language }, { application }, certificate) =>
        certificate.revocation
          ? redirect(applicationPath(application.reference, 'certificate'))
          : revokeForm(language, application.reference, certificate, { ground: '', explanation: '' }),
      ),
    },
    {
      method: 'POST',
      path: `${path}/revoke`,
      who: ['subscriber'],
      events: ['certificate.revoked'],
      handle: withCertificate(async ({ services, language, form }, { application, account }, certificate) => {
        const given = { ground: form['ground'] ?? '', explanation: cleanText(form['explanation'] ?? '') }
        if (certificate.revocation) return redirect(applicationPath(application.reference, 'certificate'), 'delivery.revoke.already')
        const ground = findGround(given.ground, 'subscriber')
        const errors: FieldError[] = [
          ...(ground ? [] : [{ field: 'ground', message: { key: 'delivery.revoke.error.ground' } }]),
          ...(given.explanation.length <= EXPLANATION_MAX
            ? []
            : [{ field: 'explanation', message: { key: 'forms.too-long', values: { max: String(EXPLANATION_MAX) } } }]),
        ]
        if (!ground || errors.length > 0 || form['step'] === 'change')
          return revokeForm(language, application.reference, certificate, given, form['step'] === 'change' ? [] : errors)
        if (form['step'] !== 'confirmed')
          return page('apply/revoke-confirm', 'delivery.revoke.confirm-title', {
            reference: application.reference,
            action: applicationPath(application.reference, 'certificate/revoke'),
            back: applicationPath(application.reference, 'certificate'),
            facts: certificateRows(language, certificate),
            ground: given.ground,
            groundTitle: translate(language, `revocation.ground.${ground.id}.title`),
            explanation: given.explanation,
            keyCompromised: ground.keyCompromised,
          })
        const { outcome } = await services.work(account.id, (work, trx) =>
          revokeCertificate(work, certificateStore(trx, work.now), {
            certificate,
            ground,
            explanation: given.explanation,
            by: account.id,
            as: 'subscriber',
            portalUrl: services.config.portal.url,
          }),
        )
        return outcome === 'changed-meanwhile'
          ? changedMeanwhile(application)
          : redirect(applicationPath(application.reference, 'certificate'), outcome === 'revoked' ? 'delivery.revoke.done' : 'delivery.revoke.already')
      }),
    },
  ]
}
