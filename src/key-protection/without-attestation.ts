/**
 * Devices and services that give out no statement about a key which somebody else can check, and by which other methods of CP 6.2.7 their
 * keys can be shown.
 */
import type { EvidenceFile } from '../attestation/evidence.ts'

/** The methods of CP 6.2.7 beside attestation, by their numbers. */
export type OtherMethod = 1 | 3 | 4 | 5 | 6 | 7

/** Their words: `key-protection.method.<id>`. */
export const OTHER_METHOD_IDS: Readonly<Record<OtherMethod, string>> = {
  1: 'shipped-module',
  3: 'prescribed-library',
  4: 'it-audit',
  5: 'cloud-report',
  6: 'witnessed-generation',
  7: 'signing-service',
}

export interface WithoutAttestation {
  /** Its words: `check-key.without.<id>.title` and `.why`. */
  readonly id: string
  /** Those that fit, the best first. */
  readonly methods: readonly OtherMethod[]
}

const WITHOUT = [
  { id: 'aws-kms', methods: [5, 7] },
  { id: 'aws-cloudhsm', methods: [6, 5] },
  { id: 'azure-key-vault-premium', methods: [5, 7] },
  { id: 'etoken', methods: [3, 1, 6, 4] },
  { id: 'utimaco', methods: [3, 6, 4] },
] as const satisfies readonly WithoutAttestation[]

export const WITHOUT_ATTESTATION: readonly WithoutAttestation[] = WITHOUT

export const withoutAttestation = (id: string): WithoutAttestation | null => WITHOUT_ATTESTATION.find((each) => each.id === id) ?? null

/** What the service's own tools print about a key, and nothing else does. */
const TELLTALES: readonly (readonly [id: (typeof WITHOUT)[number]['id'], telltale: RegExp])[] = [
  ['aws-kms', /"arn:aws(-[a-z-]{1,20})?:kms:[a-z0-9-]{1,30}:\d{12}:(key|alias)\//],
  ['aws-cloudhsm', /"key-reference"\s{0,20}:\s{0,20}"0x[0-9a-f]{1,16}"/],
  ['azure-key-vault-premium', /"https:\/\/[a-z0-9-]{1,30}\.vault\.(azure\.net|azure\.cn|usgovcloudapi\.net)\/keys\//i],
]

/** The service whose description of a key is among the files; null when there is none. */
export function recogniseWithoutAttestation(files: readonly EvidenceFile[]): WithoutAttestation | null {
  for (const { bytes } of files) {
    const text = bytes.toString('latin1')
    const id = /^\s*\{/.test(text) ? TELLTALES.find(([, telltale]) => telltale.test(text))?.[0] : undefined
    if (id) return withoutAttestation(id)
  }
  return null
}
