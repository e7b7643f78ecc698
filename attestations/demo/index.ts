/**
 * The demo maker: statements of the YubiKey's shape under a key made when a demo hierarchy was set up.
 * It proves nothing, and is reachable only where the caller says that the hierarchy is a demo one.
 */
import { createHash } from 'node:crypto'
import { readAnchors, type Anchors } from '../../src/attestation/anchors.ts'
import { loadCatalogue } from '../../src/attestation/catalogue.ts'
import { say, type AttestationVerifier, type Check, type Finding, type Findings, type Message } from '../../src/attestation/verifier.ts'

/** What a set-up keeps of its demo maker: the name and public key (DER, base64) and the dates (YYYY-MM-DD). */
export interface DemoAnchor {
  readonly subject: string
  readonly subjectDer: string
  readonly spki: string
  readonly notBefore: string
  readonly notAfter: string
}

export const catalogue = loadCatalogue(new URL('./devices.json', import.meta.url))

/** Of the anchors asked about last: the same ones come with each statement that is judged. */
let last: { readonly of: string; readonly set: Anchors } | null = null

export function demoAnchorSet(anchors: readonly DemoAnchor[]): Anchors {
  const of = JSON.stringify(anchors)
  if (last?.of !== of) last = { of, set: readDemoAnchors(anchors) }
  return last.set
}

const readDemoAnchors = (anchors: readonly DemoAnchor[]): Anchors =>
  anchors.length === 0
    ? { asOf: '1970-01-01', sources: [], rows: [] }
    : readAnchors({
        maker: 'demo',
        asOf: anchors[0]!.notBefore,
        sources: ['demo'],
        rows: anchors.map((anchor) => ({
          ...anchor,
          role: 'anchor',
          spkiSha256: createHash('sha256').update(Buffer.from(anchor.spki, 'base64')).digest('hex'),
          certificateSha256: null,
          signsDevices: true,
          under: null,
          basicConstraintsFrom: '0.0.0',
          use: 'demo',
          independentSources: 2,
        })),
      })

/** Sentences that name the maker whose shape it is: demo devices have their own, under `attestation.demo.shape`. */
const OWN_WORDS: ReadonlySet<string> = new Set(['pinned.held', 'pinned.expected', 'subject.bad', 'extensions.expected', 'implied.generated', 'fips.neither', 'fips.neither-claimed', 'fips.expected', 'remedy.f9-factory', 'remedy.other-device', 'remedy.fips-device', 'remedy.key-type'])

/** Judges demo statements by the verifier of the maker whose shape they have. */
export function demoVerifier<Statement>(shape: AttestationVerifier<Statement>): AttestationVerifier<Statement> {
  const caution = say('attestation.demo.caution')
  const own = (message: Message): Message => {
    const path = message.key.replace(`attestation.${shape.id}.`, '')
    return OWN_WORDS.has(path) ? { ...message, key: `attestation.demo.shape.${path}` } : message
  }
  // No document of the shape's maker speaks of demo devices.
  const ofDemo = <C extends Check>(check: C): C => ({ ...check, observed: own(check.observed), expected: own(check.expected), ...(check.remedy ? { remedy: own(check.remedy) } : {}), source: 'DEMO' })
  const marked = (finding: Finding): Finding => ({ ...ofDemo(finding), checks: finding.checks.map(ofDemo), cautions: [caution] })
  return {
    ...shape,
    id: 'demo',
    title: say('attestation.demo.title'),
    recognises: (evidence, anchors) =>
      shape.recognises(evidence, anchors) && anchors.rows.some((row) => [...evidence.certificates.map((found) => found.der), ...evidence.requested.map((found) => found.value)].some((der) => der.includes(row.subjectDer))),
    examine(statement, context) {
      const findings = shape.examine(statement, context)
      return Object.fromEntries(Object.entries(findings).map(([question, finding]) => [question, marked(finding)])) as unknown as Findings
    },
    describe: (statement) => ({ ...shape.describe(statement), maker: 'DEMO', model: say('attestation.demo.model') }),
  }
}
