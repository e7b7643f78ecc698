/** What must hold for a damaged upload, whatever the damage was. */
import { createHash } from 'node:crypto'
import { requestKey } from '../../src/attestation/evidence.ts'
import { questions } from '../../src/attestation/verifier.ts'
import { reportToJson, type AttestationReport } from '../../src/attestation/verify-attestation.ts'
import { checkKey, SHIPPED_TRUST } from '../../src/key-protection/check-key.ts'
import { unworded } from '../support/attestation-words.ts'
import { random } from '../support/mutate.ts'
import { judgeSpecimen, OPEN_POLICY, type Specimen } from '../support/specimens.ts'
import { damage, type Damaged } from './damage.ts'

export interface Tally {
  verified: number
  refused: number
  malformed: number
}

/** More than a report ever needs to say, and less than would burden whoever stores it. */
const REPORT_LIMIT = 64 * 1024

const identity = ({ maker, device }: Pick<AttestationReport, 'maker' | 'device'>): string => JSON.stringify([maker?.id, device?.maker, device?.model, device?.firmware, device?.serial])
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

export interface Fuzzer {
  readonly specimen: Specimen
  /** The damaged upload of a round: the same for the same seed. */
  upload(round: number): Damaged
  /** What is wrong with the engine's answer to it; empty when nothing is. */
  judge(upload: Damaged): Promise<{ readonly kind: keyof Tally | 'crash'; readonly faults: readonly string[] }>
}

/** Each round has a seed of its own, so that one can be run again without those before it. */
const seedOf = (...words: (string | number)[]): number => createHash('sha256').update(words.join(' ')).digest().readInt32BE()

/** `all` are the uploads that pieces and keys are borrowed from. */
export function fuzzer(specimen: Specimen, all: readonly Specimen[], seed: number): Fuzzer {
  const others = all.filter(({ publicKeySpki }) => !publicKeySpki.equals(specimen.publicKeySpki))
  const baseline = judgeSpecimen(specimen, specimen)
  // With pieces of other uploads a whole other statement may come together: then it must be a genuine one, of its own key.
  const proven = new Map(
    all.filter(({ maker }) => maker === specimen.maker).flatMap((one) => {
      const report = judgeSpecimen(specimen, one)
      return 'verified' in report.verdict ? [[sha256(one.publicKeySpki), identity(report)] as const] : []
    }),
  )

  function faultsOf(report: AttestationReport, upload: Damaged): string[] {
    const faults: string[] = []
    const { verdict, findings, key } = report
    if ('verified' in verdict) {
      const asked = sha256(upload.publicKeySpki)
      if (verdict.verified.spkiSha256 !== asked || key.attestedSpkiSha256 !== asked || sha256(requestKey(upload.certificateRequestDer)) !== asked) faults.push('verified for another key than was asked for')
      if (!proven.has(asked)) faults.push('verified for a key that no genuine statement is about')
      else if (proven.get(asked) !== identity(report)) faults.push(`verified with another device: ${identity(report)}`)
    } else if ('refused' in verdict && verdict.refused.length === 0) faults.push('refused for nothing')
    if (!upload.spliced && findings && baseline.findings)
      for (const question of questions) if (findings[question].outcome === 'pass' && baseline.findings[question].outcome !== 'pass') faults.push(`damage answered a question: ${question}`)
    const words = unworded(report)
    if (words.length > 0) faults.push(`without words: ${words.join(', ')}`)
    const size = JSON.stringify(reportToJson(report)).length
    if (size > REPORT_LIMIT) faults.push(`a report of ${size} characters`)
    return faults
  }

  /** The same by the public door, where the request is one of the files and the key is whatever they hold. */
  async function byTheDoor(upload: Damaged): Promise<string[]> {
    const files = [...upload.files, { name: 'request.csr', bytes: upload.certificateRequestDer }]
    const { verdict, key, maker, device, failed } = await checkKey({ files, at: specimen.at, policy: OPEN_POLICY, trust: SHIPPED_TRUST }, specimen.anchors)
    const faults: string[] = []
    if ((verdict === 'verified') !== (failed.length === 0)) faults.push(`${verdict}, and failed: ${failed.join(', ')}`)
    if (verdict === 'verified') {
      if (!key || !proven.has(key.sha256)) faults.push('verified by the door for a key that no genuine statement is about')
      else if (proven.get(key.sha256) !== identity({ maker, device })) faults.push('verified by the door with another device')
    }
    return faults
  }

  return {
    specimen,
    upload: (round) => damage(specimen, others, random(seedOf(seed, specimen.id, round))),
    async judge(upload) {
      try {
        const report = judgeSpecimen(specimen, upload)
        const kind = 'verified' in report.verdict ? 'verified' : 'refused' in report.verdict ? 'refused' : 'malformed'
        // Most of what the door does is the same engine: every fourth is enough.
        return { kind, faults: [...faultsOf(report, upload), ...(upload.certificateRequestDer.length % 4 === 0 ? await byTheDoor(upload) : [])] }
      } catch (error) {
        return { kind: 'crash', faults: [`threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`] }
      }
    },
  }
}
