/** A report in plain lines, with the keys of its words: for comparing everything that is said with a file. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Check, Message } from '../../src/attestation/verifier.ts'

export const said = (message: Message | null | undefined): string => {
  if (!message) return '–'
  const values = Object.entries(message.values ?? {}).map(([name, value]) => `${name}=${value}`)
  return values.length > 0 ? `${message.key} (${values.join(', ')})` : message.key
}

/** What a check expects with its values too where `whole`: they are the key's own in most makers' checks. */
export const checkLine = ({ outcome, observed, expected, source, clause, remedy, alert }: Check, whole = false): string =>
  [`  ${outcome} ${said(observed)}`, whole ? said(expected) : expected.key, source, clause ?? '–', ...(remedy ? [`remedy ${whole ? said(remedy) : remedy.key}`] : []), ...(alert ? ['alert'] : [])].join(' | ')

/** What varies from run to run (keys, their fingerprints, numbers of entries), numbered as it comes up. */
export function numbered(text: string): string {
  const numbers = new Map<string, number>()
  const number = (octets: string): string => (/[a-f]/i.test(octets) && /\d/.test(octets) ? `#${numbers.get(octets) ?? (numbers.set(octets, numbers.size + 1), numbers.size)}` : octets)
  return text.replace(/(?<![0-9a-f-])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])/g, '(entry)').replace(/[0-9a-f]{16,}/gi, number)
}

/** Fails where the text is not the file's, line by line; with `WRITE_REPORTS=1` the file is written first. */
export function expectWritten(text: string, file: URL): void {
  if (process.env['WRITE_REPORTS']) writeFileSync(file, text)
  expect(existsSync(file)).toBe(true)
  expect(text.split('\n')).toEqual(readFileSync(file, 'utf8').split('\n'))
}
