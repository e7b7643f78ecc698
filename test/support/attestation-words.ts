import type { Message } from '../../src/attestation/verifier.ts'
import { reportToJson, type AttestationReport } from '../../src/attestation/verify-attestation.ts'
import { WORDS } from '../../src/web/locales.ts'

const text = (key: string): string | undefined => WORDS.en.get(key)

const isMessage = (value: object): value is Message => 'key' in value && typeof value.key === 'string'

/** What is wrong with a report's messages: keys without words, placeholders without values. */
export function unworded(report: AttestationReport): string[] {
  const wrong: string[] = []
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    if (isMessage(value)) {
      const words = text(value.key)
      if (words === undefined) wrong.push(value.key)
      else for (const [, name] of words.matchAll(/\{([A-Za-z0-9]+)\}/g)) if (value.values?.[name!] === undefined) wrong.push(`${value.key} {${name}}`)
    } else for (const member of Object.values(value)) walk(member)
  }
  walk(reportToJson(report))
  return wrong
}
