/** The public repository (CP 2.2; REP-1, REP-2): what the address in every certificate's CPS pointer leads to. Read-only, without sign-in. */
import { showsOrWill } from '../../application/example.ts'
import { listAuthorities } from '../../database/authority-store.ts'
import { listExamples } from '../../database/example-store.ts'
import { certificatePem } from '../../pki/pem.ts'
import type { DocumentKind } from '../../policy/policy.ts'
import { ccadbRows } from '../../repository/ccadb.ts'
import { writeCsv } from '../../repository/csv.ts'
import type { Services } from '../../services.ts'
import { page, type PageRequest, type Reply, type Route } from '../reply.ts'
import { authorityModel, authorityRecords, documentAddress, drawTree, exampleModel, hierarchyTrees, readPublished } from '../repository-model.ts'
import { weakListNotice } from '../weak-lists.ts'

const showRepository = async ({ services, language, now }: PageRequest): Promise<Reply> => {
  const { policy } = services
  const published = await readPublished(services, now)
  // An authority that has made its last ones keeps them on record (CAK-5); what they no longer show is shown as nothing.
  const examples = (await listExamples(services.database, now)).filter(showsOrWill)
  return page('repository/repository', 'repository.title', {
    policy: policy.title[language],
    problemReports: policy.operator.problemReports,
    weakLists: await weakListNotice(services, language, 'public'),
    oids: [policy.policyOids.codeSigning, policy.policyOids.reservedCodeSigning],
    years: policy.periods.statusYearsAfterExpiry,
    documents: policy.documents.map((row) => ({
      title: row.title[language],
      version: row.version,
      sample: row.sample,
      since: row.inForceFrom,
      texts: policy.texts.filter((text) => text.document === row.document).map((text) => ({ language: text.language, href: documentAddress(text), sha256: text.sha256 })),
    })),
    earlier: policy.earlierTexts.length > 0,
    trees: (await hierarchyTrees(services, published, language, now)).map(drawTree),
    // A policy without examples has no such part; one that was taken out of the policy leaves those that there are.
    examples: policy.examples || examples.length > 0 ? examples.map((each) => exampleModel(each, published, policy, language)) : null,
    authorities: published.map((each) => authorityModel(each, services, language, now)),
  })
}

const sendPem = async ({ services, params }: PageRequest): Promise<Reply> => {
  const authority = (await listAuthorities(services.database)).find(({ id }) => id === params['authority'])
  return authority ? { kind: 'file', bytes: Buffer.from(certificatePem(authority.certificateDer)), type: 'application/x-pem-file', name: `${authority.id}.pem` } : { kind: 'not-found' }
}

const sendRecords = async ({ services, now }: PageRequest): Promise<Reply> => {
  const { policy, config } = services
  const published = await readPublished(services, now)
  const text = (document: DocumentKind) => ({ url: `${config.portal.url}${documentAddress(policy.texts.find((each) => each.document === document && each.language === 'en')!)}`, inForceFrom: policy.documents.find((row) => row.document === document)!.inForceFrom })
  const owner = { name: policy.operator.name.en, country: policy.names.issuing.find(({ type }) => type === 'countryName')?.value ?? '', policies: { cp: text('cp'), cps: text('cps') } }
  return { kind: 'file', bytes: Buffer.from(writeCsv(ccadbRows(authorityRecords(published, config.status.url), owner)), 'utf8'), type: 'text/csv; charset=utf-8; header=present', name: 'ccadb.csv' }
}

export function repositoryRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'GET', path: '/repository', who: 'anyone', events: [], handle: showRepository },
    { method: 'GET', path: '/repository/authorities/:authority/pem', who: 'anyone', events: [], handle: sendPem },
    { method: 'GET', path: '/repository/ccadb.csv', who: 'anyone', events: [], handle: sendRecords },
  ]
}
