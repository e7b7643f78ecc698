/** Key generation reports (REP-2, CAK-1; CSBR 6.1.1.1), one for each CA key on record, from what its ceremony put on record. */
import { listAuthorities } from '../../database/authority-store.ts'
import { findStatement, listCeremonies, listStatements } from '../../database/ceremony-store.ts'
import { factsOf } from '../../repository/certificate-facts.ts'
import { ceremonyOf, readCeremony, type Ceremony } from '../../repository/key-generation.ts'
import type { Services } from '../../services.ts'
import { ceremonyText, presentText, reportLines, reportText, statementModel } from '../key-generation-model.ts'
import { formatInstant } from '../locales.ts'
import { page, type PageRequest, type Reply, type Route } from '../reply.ts'

async function ceremoniesOf({ database, policy }: Services): Promise<readonly Ceremony[]> {
  return (await listCeremonies(database)).flatMap((row) => readCeremony(row, policy.publication.ceremonyNames) ?? [])
}

const showReports = async ({ services, language }: PageRequest): Promise<Reply> => {
  const [ceremonies, authorities, statements] = [await ceremoniesOf(services), await listAuthorities(services.database), await listStatements(services.database)]
  return page('repository/key-generations', 'key-generation.title', {
    ceremonies: ceremonies.map((ceremony) => ({
      id: ceremony.id,
      title: ceremonyText(ceremony, language),
      demo: ceremony.demo,
      heldAt: formatInstant(language, ceremony.heldAt),
      present: presentText(ceremony, language),
      reports: authorities.filter(({ key }) => ceremony.keys.some(({ spkiSha256 }) => spkiSha256 === key.spkiSha256)).map(({ id, certificateDer }) => ({ href: `/repository/key-generation/${id}`, title: factsOf(certificateDer).commonName ?? id })),
      keys: ceremony.keys,
      statements: statements.filter(({ ceremonyId }) => ceremonyId === ceremony.id).map((statement) => statementModel(statement, language)),
    })),
  })
}

async function findReport({ services, params, language }: PageRequest) {
  const authority = (await listAuthorities(services.database)).find(({ id }) => id === params['authority'])
  const made = authority && ceremonyOf(await ceremoniesOf(services), authority.key.spkiSha256)
  if (!authority || !made) return null
  const statements = (await listStatements(services.database)).filter(({ ceremonyId }) => ceremonyId === made.ceremony.id)
  return { authority, ...made, statements, lines: reportLines(authority, made, language) }
}

const showReport = async (request: PageRequest): Promise<Reply> => {
  const report = await findReport(request)
  if (!report) return { kind: 'not-found' }
  const { authority, ceremony, statements, lines } = report
  const { language } = request
  return page('repository/key-generation', { key: 'key-generation.of', values: { ca: factsOf(authority.certificateDer).commonName ?? authority.id } }, {
    demo: ceremony.demo,
    lines,
    script: ceremony.plan?.lines.join('\n') ?? null,
    together: ceremony.keys,
    statements: statements.map((statement) => statementModel(statement, language)),
    download: `/repository/key-generation/${authority.id}/report`,
  })
}

const sendReport = async (request: PageRequest): Promise<Reply> => {
  const report = await findReport(request)
  if (!report) return { kind: 'not-found' }
  return { kind: 'file', bytes: Buffer.from(reportText(report.lines, report.ceremony, report.statements, request.language), 'utf8'), type: 'text/plain; charset=utf-8', name: `key-generation-${report.authority.id}.${request.language}.txt` }
}

const sendStatement = (which: 'document' | 'signature') => async ({ services, params }: PageRequest): Promise<Reply> => {
  const found = await findStatement(services.database, params['sha256']!)
  if (!found) return { kind: 'not-found' }
  if (which === 'document') return { kind: 'file', bytes: found.octets, type: found.mediaType, name: found.fileName }
  return found.signatureOctets ? { kind: 'file', bytes: found.signatureOctets, type: 'application/pkcs7-signature', name: found.signatureName! } : { kind: 'not-found' }
}

export function keyGenerationRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'GET', path: '/repository/key-generation', who: 'anyone', events: [], handle: showReports },
    { method: 'GET', path: '/repository/key-generation/statements/:sha256', who: 'anyone', events: [], handle: sendStatement('document') },
    { method: 'GET', path: '/repository/key-generation/statements/:sha256/signature', who: 'anyone', events: [], handle: sendStatement('signature') },
    { method: 'GET', path: '/repository/key-generation/:authority', who: 'anyone', events: [], handle: showReport },
    { method: 'GET', path: '/repository/key-generation/:authority/report', who: 'anyone', events: [], handle: sendReport },
  ]
}
