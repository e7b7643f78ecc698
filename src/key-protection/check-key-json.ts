/** What "Check my key" answers to programs: `npm run check-key -- --json` and `POST /api/check-key`. Every sentence with the key of its words. */
import { questions, QUESTIONS, type Check, type Message } from '../attestation/verifier.ts'
import type { RuleVerdict } from '../certificate/rule-verdict.ts'
import type { Failed, KeyCheck } from './check-key.ts'

/** A sentence in the language asked for; `key` and `values` stay the same in every language. */
export interface Sentence {
  readonly text: string
  readonly key: string
  readonly values: Readonly<Record<string, string>>
}

interface Answer {
  readonly outcome: 'pass' | 'fail'
  readonly observed: Sentence
  readonly expected: Sentence
  readonly remedy: Sentence | null
  readonly clause: string | null
}

export interface CheckKeyJson {
  /** As policies list makers; `demo` for a demo maker; null when no maker knows the files. */
  readonly maker: string | null
  readonly device: {
    readonly maker: string
    readonly model: Sentence
    readonly firmware: string | null
    readonly serial: string | null
    readonly formFactor: Sentence | null
    readonly details: readonly { readonly label: Sentence; readonly value: Sentence }[]
    /** False: claimed by a certificate that we don't trust. */
    readonly trusted: boolean
  } | null
  readonly verdict: KeyCheck['verdict']
  /** Names of the findings that fail, the leading one first. */
  readonly failed: readonly Failed[]
  readonly findings: { readonly [Q in Failed]?: Answer & { readonly question: Sentence; readonly claimed: boolean; readonly source: string; readonly file: string | null; readonly cautions: readonly Sentence[] } }
  readonly keyRules: readonly (Answer & { readonly rule: string; readonly title: Sentence })[]
}

/** The words of a finding's question. */
export const questionWords = (name: Failed): string => (name === 'files' ? 'check-key.question.files' : QUESTIONS[name])

/** The names of the findings that are there, in the order of the questions. */
export const findingNames = ({ findings }: Pick<KeyCheck, 'findings'>): readonly Failed[] => (['files', ...questions] as const).filter((name) => findings[name] !== undefined)

export function checkKeyJson(check: KeyCheck, words: (message: Message) => string): CheckKeyJson {
  const sentence = (message: Message): Sentence => ({ text: words(message), key: message.key, values: message.values ?? {} })
  const answer = ({ outcome, observed, expected, remedy, clause }: Pick<Check, 'outcome' | 'observed' | 'expected' | 'clause'> & { remedy?: Message }): Answer => ({
    outcome,
    observed: sentence(observed),
    expected: sentence(expected),
    remedy: outcome === 'fail' && remedy ? sentence(remedy) : null,
    clause: clause ?? null,
  })
  const finding = (name: Failed) => {
    const found = check.findings[name]!
    return { question: sentence({ key: questionWords(name) }), ...answer(found), claimed: found.claimed, source: found.source, file: name === 'files' ? check.file : null, cautions: found.cautions.map(sentence) }
  }
  const rule = (verdict: RuleVerdict) => ({ rule: verdict.row, title: sentence({ key: `key-rules.${verdict.row}.title` }), ...answer(verdict) })
  const { device } = check
  return {
    maker: check.maker?.id ?? null,
    device: device && {
      maker: device.maker,
      model: sentence(device.model),
      firmware: device.firmware,
      serial: device.serial,
      formFactor: device.formFactor && sentence(device.formFactor),
      details: device.details.map(({ label, value }) => ({ label: sentence(label), value: sentence(value) })),
      trusted: check.trusted,
    },
    verdict: check.verdict,
    failed: check.failed,
    findings: Object.fromEntries(findingNames(check).map((name) => [name, finding(name)])) as CheckKeyJson['findings'],
    keyRules: check.keyRules.map(rule),
  }
}
