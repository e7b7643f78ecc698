/** The public repository (CP 2.2; REP-1): what the address in every certificate's CPS pointer leads to. Read-only, without sign-in. */
import { createHash } from 'node:crypto'
import { TSA_PATH } from '../../certificate/addresses.ts'
import { listAuthorities, type Authority } from '../../database/authority-store.ts'
import { attributeLabel, decodeName } from '../../pki/name.ts'
import { OID } from '../../pki/oids.ts'
import { readCertificate } from '../../pki/x509-certificate.ts'
import type { PolicyDocument } from '../../policy/policy.ts'
import type { Services } from '../../services.ts'
import { formatInstant, type Language } from '../locales.ts'
import { parseMarkdown } from '../markdown.ts'
import { page, type PageRequest, type Reply, type Route } from '../reply.ts'
import { weakListNotice } from '../weak-lists.ts'

const addressOf = (text: PolicyDocument): string => `/repository/documents/${text.document}/${encodeURIComponent(text.version)}/${text.language}`

function findText({ services, params }: PageRequest): PolicyDocument | null {
  return services.policy.texts.find((text) => text.document === params['document'] && text.version === params['version'] && text.language === params['language']) ?? null
}

/** One attribute a line, so that nothing needs escaping. */
const linesOf = (name: Buffer): string => decodeName(name).flat().map(({ oid, text, raw }) => `${attributeLabel(oid)} = ${text ?? `#${raw.toString('hex')}`}`).join('\n')

/** Both fingerprints are of the whole certificate, in the upper-case hex that certificate viewers show. */
function describeAuthority(authority: Authority, statusUrl: string, language: Language) {
  const { tbs } = readCertificate(authority.certificateDer)
  const serial = tbs.serialNumber.toString(16).toUpperCase()
  const fingerprint = (hash: 'sha256' | 'sha1') => createHash(hash).update(authority.certificateDer).digest('hex').toUpperCase().replace(/..(?!$)/g, '$&:')
  return {
    id: authority.id,
    kind: authority.kind,
    demo: authority.demo,
    title: decodeName(tbs.subject).flat().findLast(({ oid }) => oid === OID.commonName)?.text ?? authority.id,
    name: linesOf(tbs.subject),
    issuer: linesOf(tbs.issuer),
    serial: serial.padStart(serial.length + (serial.length % 2), '0'),
    from: formatInstant(language, tbs.notBefore.date),
    to: formatInstant(language, tbs.notAfter.date),
    sha256: fingerprint('sha256'),
    sha1: fingerprint('sha1'),
    certificate: `${statusUrl}/ca/${authority.id}.cer`,
    crl: `${statusUrl}/crl/${authority.id}.crl`,
    // A CA certificate's own status stands in its issuer's list alone (CP 7.1).
    ocsp: authority.kind === 'issuing' ? `${statusUrl}/ocsp` : null,
    // CSBR 6.8: where its units give time-stamps.
    timestamps: authority.kind === 'timestamp-ca' ? `${statusUrl}${TSA_PATH}` : null,
  }
}

export function repositoryRoutes(_services: Services): readonly Route[] {
  const showRepository = async ({ services, language }: PageRequest): Promise<Reply> => {
    const { policy, config } = services
    const authorities = await listAuthorities(services.database)
    return page('repository/repository', 'repository.title', {
      policy: policy.title[language],
      operator: policy.operator.name[language],
      problemReports: policy.operator.problemReports,
      weakLists: await weakListNotice(services, language, 'public'),
      oids: [policy.policyOids.codeSigning, policy.policyOids.reservedCodeSigning],
      years: policy.periods.statusYearsAfterExpiry,
      documents: policy.documents.map((row) => ({
        title: row.title[language],
        version: row.version,
        sample: row.sample,
        texts: policy.texts.filter((text) => text.document === row.document).map((text) => ({ language: text.language, href: addressOf(text), sha256: text.sha256 })),
      })),
      authorities: authorities.map((authority) => describeAuthority(authority, config.status.url, language)),
    })
  }

  const showDocument = async (request: PageRequest): Promise<Reply> => {
    const text = findText(request)
    if (!text) return { kind: 'not-found' }
    const others = request.services.policy.texts.filter((each) => each.document === text.document && each.language !== text.language)
    return page('repository/document', { key: 'repository.document.title', values: { title: text.title } }, {
      version: text.version,
      sample: text.sample,
      sha256: text.sha256,
      textLanguage: text.language,
      blocks: parseMarkdown(text.text),
      others: others.map((each) => ({ language: each.language, href: addressOf(each) })),
      source: `${addressOf(text)}/source`,
    })
  }

  // The octets that the SHA-256 is of, so that anybody can check what was agreed to.
  const sendSource = async (request: PageRequest): Promise<Reply> => {
    const text = findText(request)
    return text ? { kind: 'file', bytes: Buffer.from(text.text, 'utf8'), type: 'text/markdown; charset=utf-8', name: `${text.document}-${text.version}.${text.language}.md` } : { kind: 'not-found' }
  }

  return [
    { method: 'GET', path: '/repository', who: 'anyone', events: [], handle: showRepository },
    { method: 'GET', path: '/repository/documents/:document/:version/:language', who: 'anyone', events: [], handle: showDocument },
    { method: 'GET', path: '/repository/documents/:document/:version/:language/source', who: 'anyone', events: [], handle: sendSource },
  ]
}
