/**
 * Everything that is said of each upload: not only what fails, but each check that passes, in its order, with its source and its remedy,
 * and how the device is described. Compared with files, so that a change of any of it is seen in review.
 * After a change that is meant: `WRITE_REPORTS=1 npx vitest run test/attestation/whole-reports.test.ts`, then read the difference.
 */
import { describe, it } from 'vitest'
import { questions } from '../../src/attestation/verifier.ts'
import { reportToJson, type AttestationReport } from '../../src/attestation/verify-attestation.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { haveSamples, NO_SAMPLES } from '../support/attestation-samples.ts'
import { checkLine, expectWritten, said } from '../support/report-words.ts'
import { fakeSpecimens, judgeSpecimen, MAKERS, OPEN_POLICY, realSpecimens, type Specimen } from '../support/specimens.ts'

function whole(report: AttestationReport): string {
  const { verdict, maker, chainTrusted, device, findings, key } = reportToJson(report)
  const lines = [
    `verdict ${verdict.outcome}${verdict.outcome === 'refused' ? `: ${verdict.questions.join(', ')}` : verdict.outcome === 'malformed' ? `: ${verdict.file} ${said(verdict.reason)}` : ''}`,
    `maker ${maker ? `${maker.id} ${said(maker.title)}` : '–'}; chain ${chainTrusted ? 'trusted' : 'not trusted'}; key ${key.type} ${key.permittedByPolicy ? 'taken' : 'not taken'}`,
  ]
  if (device) lines.push(`device ${[device.maker, said(device.model), device.firmware ?? '–', device.serial ?? '–', said(device.formFactor)].join(' | ')}`, ...device.details.map(({ label, value }) => `  ${label.key}: ${said(value)}`))
  for (const question of findings ? questions : []) {
    const { checks, cautions, claimed, ...shown } = findings![question]
    lines.push(`${question}${claimed ? ' (claimed)' : ''}: ${shown.outcome} ${said(shown.observed)}`, ...checks.map((check) => checkLine(check)), ...cautions.map((caution) => `  caution ${said(caution)}`))
  }
  return lines.join('\n')
}

/** Stand-ins have other keys on every run. */
const withoutKeys = (text: string, { real }: Specimen): string => (real ? text : text.replace(/[0-9a-f]{16,}/gi, (octets) => (/[a-f]/i.test(octets) ? '#' : octets)))

/** As it is answered at its best moment, and how differently a century on, for another key, and under the shipped policy and keys. */
function account(specimen: Specimen, other: Buffer): string {
  const sections: [string, AttestationReport][] = [
    ['at its best', judgeSpecimen(specimen, specimen)],
    ['a century on', judgeSpecimen({ ...specimen, at: new Date('2126-01-01T00:00:00Z') }, specimen)],
    ['before all of it', judgeSpecimen({ ...specimen, at: new Date('1996-01-01T00:00:00Z') }, specimen)],
    ['for another key', judgeSpecimen(specimen, { ...specimen, publicKeySpki: other })],
    ['by the shipped keys, policy and day', judgeSpecimen({ at: new Date('2026-11-21T00:00:00Z'), anchors: {} }, specimen, { ...OPEN_POLICY, keys: shippedPolicy.keys, attestation: { ...shippedPolicy.attestation, makers: [...MAKERS] } })],
  ]
  const first = whole(sections[0]![1]).split('\n')
  return sections.map(([title, report], index) => {
    const lines = whole(report).split('\n')
    return `## ${specimen.id}: ${title}\n\n${withoutKeys((index === 0 ? lines : lines.filter((each) => !first.includes(each))).join('\n'), specimen)}\n`
  }).join('\n')
}

const fakes = fakeSpecimens()
const other = realSpecimens()[0]?.publicKeySpki ?? fakes.find(({ id }) => id.endsWith('ecc'))!.publicKeySpki

describe.skipIf(!haveSamples())(`everything that is said${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  it.each(MAKERS)('ATT-9: of each upload of %s', (maker) => {
    const given = [...realSpecimens(), ...fakes].filter((specimen) => specimen.maker === maker)
    const text = given.map((specimen) => account(specimen, other)).join('\n')
    expectWritten(text, new URL(`./whole-reports/${maker}.txt`, import.meta.url))
  })
})
