/** Whether the files are about the place that the applicant states. */
import type { Check } from '../../attestation/verifier.ts'
import { say } from '../../attestation/verifier.ts'
import type { CloudFile } from './files.ts'
import { lineCheck, missingOutput } from './line.ts'
import { AREA } from './question.ts'

/** As people write places: "Japan East" is `japaneast`, "asia-northeast1" itself. */
const place = (text: string): string => text.toLowerCase().replace(/[\s_]/g, '')

/** `region` is the applicant's, `found` the file's; `path` is where the file says it. */
export function stated(region: string | null, found: string | null, file: CloudFile | null, path: string, command: string): readonly Check[] {
  if (!file) return [missingOutput(command)]
  if (region === null)
    return [{ outcome: 'fail', observed: say(`${AREA}.stated.nothing`), expected: say(`${AREA}.expected.stated`), source: 'CSBR 6.2.7.4.2 (5)', clause: 'CSBR 6.2.7.4.2 (5)', remedy: say(`${AREA}.fix.state`) }]
  return [lineCheck(found !== null && place(region) === place(found), file, path, found ?? undefined, 'stated.other-region', 'region', { fix: 'state', values: { region }, expectedValues: { region } })]
}
