/** Method 5 of CP 6.2.7: a report of the cloud subscription that keeps the key (CSBR 6.2.7.4.2 (5)), as the cloud's own tools print it. */
import type { EvidenceFile } from '../attestation/evidence.ts'
import { finding, MalformedStatement, say, type Check } from '../attestation/verifier.ts'
import { aws } from './cloud/aws.ts'
import { azure } from './cloud/azure.ts'
import { CLOUD_LIMITS, isDocument, readCloudFiles, type CloudFile } from './cloud/files.ts'
import { google } from './cloud/google.ts'
import { AREA, CLOUD_QUESTIONS, CLOUDS, type CloudAnswer, type CloudId, type CloudQuestion, type CloudReader } from './cloud/question.ts'
import { about, type Details, type Examination, type MethodRules, type ProtectionInput } from './protection.ts'
import { dayOf, hasLapsed, isAhead, lapseOf } from './stated-date.ts'

const READERS: { readonly [Id in CloudId]: CloudReader } = { aws, google, azure }
const CLAUSE = 'CSBR 6.2.7.4.2 (5)'

export const cloudReport: MethodRules<CloudQuestion> = {
  number: 5,
  id: 'cloud-report',
  row: 'ATT-5',
  options: ['cloud-key-protection'],
  questions: CLOUD_QUESTIONS,
  limits: CLOUD_LIMITS,
  endings: ['.json', '.pem', '.txt', '.pdf', '.zip'],
  fields: [
    { name: 'cloud', kind: 'choice', required: true, choices: () => CLOUDS.map((value) => ({ value })) },
    { name: 'region', kind: 'text', required: true, maximum: 60 },
    { name: 'taken-on', kind: 'date', required: true },
    { name: 'taken-by', kind: 'text', required: true, maximum: 120 },
  ],
  // Nothing in the files is signed: that they come out of the subscription is for a person to see.
  reviewerItem: { id: 'cloud-report', clause: CLAUSE, sources: ['screen-sharing', 'read-only-access', 'provider-report'] },
  begun: ({ files }) => files.length > 0,
  examine(input): Examination<CloudQuestion> {
    const files = readCloudFiles(input.files)
    const reader = READERS[statedCloud(input.details) ?? cloudOf(files)]
    const { found, strays } = sort(files, reader)
    const region = input.details['region'] ?? null
    const answer = reader.examine(found, { files, publicKeySpki: input.publicKeySpki, region, at: input.at, policy: input.policy })
    const { 'one-report': oneReport, ...others } = answer.checks
    const asked: { readonly [Q in CloudQuestion]: readonly Check[] } = { 'one-report': [...strays, ...oneReport], ...others, recent: recentChecks(input, answer) }
    const cautions = { ...answer.cautions, 'one-report': [...(answer.cautions['one-report'] ?? []), say(`${AREA}.caution.unsigned`)] }
    const findings = Object.fromEntries(Object.entries(asked).map(([question, checks]) => [question, finding(checks, { cautions: cautions[question as CloudQuestion] ?? [], headline: headlineOf(checks) })])) as Examination<CloudQuestion>['findings']
    return { findings, about: [{ label: say(`${AREA}.about.cloud`), value: say(`${AREA}.field.cloud.choice.${reader.id}`) }, ...answer.about, ...statedLines(input)], trusted: true, demo: false }
  },
}

/** Of what passed, the line that answers the question comes first; the module's certificate says more than its kinds of key. */
const headlineOf = (checks: readonly Check[]): Check | undefined => checks.find(({ observed }) => observed.key.startsWith('attestation.certificate.')) ?? checks[0]

const statedCloud = ({ cloud }: Details): CloudId | null => CLOUDS.find((id) => id === cloud) ?? null

/** Before a cloud is stated, the first file that one of them knows decides whose report this is. */
const cloudOf = (files: readonly CloudFile[]): CloudId => CLOUDS.find((id) => files.some((file) => READERS[id].outputs.some(({ is }) => is(file)))) ?? 'aws'

/** Outputs that may come more than once: the audit configuration of project, folder and organisation; records of the log. */
const REPEATED: readonly string[] = ['google-audit', 'azure-log']

/**
 * The files by the output that they are. A file of another cloud is a finding: then the wrong cloud was stated, or the wrong file given.
 * @throws MalformedStatement for a file that no cloud's tool prints, and for two outputs of one command
 */
function sort(files: readonly CloudFile[], reader: CloudReader): { found: ReadonlyMap<string, readonly CloudFile[]>; strays: readonly Check[] } {
  const found = new Map<string, CloudFile[]>()
  const strays: Check[] = []
  for (const file of files) {
    if (file.json === undefined && file.spki === undefined) continue
    const output = reader.outputs.find(({ is }) => is(file))
    if (!output) {
      const other = CLOUDS.find((id) => READERS[id].outputs.some(({ is }) => is(file)))
      if (!other) throw new MalformedStatement(file.name, say(`${AREA}.malformed.stray`))
      strays.push({ outcome: 'fail', observed: say(`${AREA}.stated.other-cloud.${other}`, { file: file.name }), expected: say(`${AREA}.expected.one-cloud`), source: CLAUSE, clause: CLAUSE, remedy: say(`${AREA}.fix.state`) })
      continue
    }
    const earlier = found.get(output.id) ?? []
    if (earlier.length > 0 && !REPEATED.includes(output.id)) throw new MalformedStatement(file.name, say(`${AREA}.malformed.several`, { other: earlier[0]!.name }))
    found.set(output.id, [...earlier, file])
  }
  return { found, strays }
}

const HOUR = 3_600_000
/** A day ends 12 hours after it does in UTC, somewhere on earth. */
const endOf = (day: Date): number => day.getTime() + 36 * HOUR

/** CSBR 4.2.1 (VET-5): no report is used longer than the policy's months, counted from the day stated, or from what the files show when that is earlier. */
function recentChecks({ details, at, policy }: ProtectionInput, { created, latest, lastLog }: Pick<CloudAnswer, 'created' | 'latest' | 'lastLog'>): readonly Check[] {
  const { keyProtectionReuseMonths: months } = policy.periods
  const text = details['taken-on']
  const day = dayOf(text)
  const check = (passes: boolean, observed: string, fix = 'date', moment?: Date): Check => ({
    outcome: passes ? 'pass' : 'fail',
    observed: say(`${AREA}.recent.${observed}`, { day: text ?? '–', until: day ? lapseOf(day, months) : '–', moment: moment?.toISOString() ?? '–' }),
    expected: say(`${AREA}.expected.recent`, { months: String(months) }),
    source: 'CSBR 4.2.1',
    clause: 'CSBR 4.2.1',
    ...(passes ? {} : { remedy: say(`${AREA}.fix.${fix}`) }),
  })
  if (!day) return [check(false, 'not-stated')]
  const wrong = [
    ...(isAhead(day, at) ? [check(false, 'future')] : []),
    ...(hasLapsed(day, months, at) ? [check(false, 'old', 'take-again')] : []),
    ...(lastLog !== null && hasLapsed(lastLog, months, at) ? [check(false, 'log-old', 'take-again', lastLog)] : []),
    ...(created !== null && created.getTime() > endOf(day) ? [check(false, 'before-key', 'date', created)] : []),
    ...(latest !== null && latest.getTime() > endOf(day) ? [check(false, 'before-files', 'date', latest)] : []),
  ]
  return wrong.length > 0 ? wrong : [check(true, 'fresh')]
}

const statedLines = ({ details, files }: ProtectionInput): readonly { label: ReturnType<typeof say>; value: ReturnType<typeof say> }[] => [
  ...(details['taken-on'] ? [about(`${AREA}.about.taken-on`, details['taken-on'])] : []),
  ...(details['taken-by'] ? [about(`${AREA}.about.taken-by`, details['taken-by'])] : []),
  ...files.filter(({ bytes }) => isDocument(bytes)).map(({ name }) => about(`${AREA}.about.document`, name)),
]

/** The cloud whose maker's attestation could show the same at once, by method 2; null where the files speak of none. Never throws. */
export function attestationRecommended(files: readonly EvidenceFile[]): 'google' | 'azure' | null {
  const text = (bytes: Buffer): string => bytes.subarray(0, 65_536).toString('latin1').replaceAll('\0', '')
  if (files.some(({ bytes }) => /"format"\s{0,10}:\s{0,10}"CAVIUM_V\d_COMPRESSED"/.test(text(bytes)))) return 'google'
  return files.some(({ bytes }) => /"kid"\s{0,10}:\s{0,10}"https:\/\/[a-z0-9-]{1,60}\.managedhsm\./.test(text(bytes))) ? 'azure' : null
}

/** The commands of each cloud in the order in which people run them, for copying. */
export const cloudCommands = (cloud: CloudId): readonly { readonly id: string; readonly command: string }[] => READERS[cloud].outputs.map(({ id, command }) => ({ id, command }))
