/** Facts of the policy that must stand open: certificate profiles (REP-2), and the agencies that are relied on (CSBR 3.2.10). */
import { listAuthorities, type Authority } from '../../database/authority-store.ts'
import { profileTables, type ProfileRow, type ProfileTable } from '../../repository/profile-table.ts'
import type { Services } from '../../services.ts'
import { translate, type Language } from '../locales.ts'
import { page, type PageRequest, type Reply, type Route } from '../reply.ts'

const rowModel = ({ field, values }: ProfileRow, language: Language) => ({
  extension: 'extension' in field ? field.extension : null,
  field: 'extension' in field ? '' : translate(language, `profiles.field.${field.say}`),
  critical: 'extension' in field ? field.critical : null,
  values: values.map((value) => ('text' in value ? { text: value.text, mono: true } : { text: translate(language, `profiles.value.${value.say}`, value.values), mono: false })),
})
const tableModel = ({ kind, clause, rows }: ProfileTable, language: Language) => ({ kind, clause, rows: rows.map((row) => rowModel(row, language)) })

const showProfiles = async ({ services, language }: PageRequest): Promise<Reply> => {
  const { database, policy, config } = services
  const authorities = await listAuthorities(database)
  // Before the first ceremony, as it will name them.
  const newest = (kind: Authority['kind'], first: string): string => authorities.findLast((each) => each.kind === kind)?.id ?? first
  const place = { statusUrl: config.status.url, portalUrl: config.portal.url, root: newest('root', 'root-g1'), issuing: newest('issuing', 'issuing-g1'), timestamp: newest('timestamp-ca', 'timestamp-g1') }
  return page('repository/profiles', 'profiles.title', { policy: policy.title[language], tables: profileTables(policy, place).map((table) => tableModel(table, language)) })
}

const showAgencies = async ({ services, language }: PageRequest): Promise<Reply> => {
  const { entries, revisions } = services.policy.agencies
  return page('repository/agencies', 'agencies.title', {
    version: revisions[0]!.version,
    publishedOn: revisions[0]!.publishedOn,
    entries: entries.map(({ id, name, kinds, website, jurisdiction, registrationNumber }) => ({ id, name: name[language], kinds, website, jurisdiction, registrationNumber: registrationNumber?.[language] ?? null })),
    revisions: revisions.map(({ version, publishedOn, change }) => ({ version, publishedOn, change: change[language] })),
    problemReports: services.policy.operator.problemReports,
  })
}

export function repositoryFactsRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'GET', path: '/repository/profiles', who: 'anyone', events: [], handle: showProfiles },
    { method: 'GET', path: '/repository/agencies', who: 'anyone', events: [], handle: showAgencies },
  ]
}
