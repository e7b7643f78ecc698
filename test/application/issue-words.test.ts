import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CHECKLIST } from '../../src/application/checklist.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import { LANGUAGES, WORDS } from '../../src/web/locales.ts'

const read = (name: string) => readFileSync(new URL(`../../src/application/${name}.ts`, import.meta.url), 'utf8')

/** Codes of findings that come in several kinds, each with words of its own. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  'check-open': CHECKLIST.map(({ id }) => id),
  'log-check': CHECKLIST.map(({ id }) => id),
  'agreement-missing': loadPolicy().documents.map(({ document }) => document),
}

test('ISS-1: everything that can stand against issuing has words for the officer in both languages, and no words stand idle', () => {
  const codes = [...new Set([...['issue', 'issue-anchors', 'issue-checks', 'issue-log'].map(read).join('').matchAll(/(?:finding|against)\(['`]([^'`]+)['`]/g)].map(([, code]) => code!))]
  expect(codes.length).toBeGreaterThan(15)
  const keys = codes.flatMap((code) => (code.includes('${duty}') ? ['vetted-not-entitled', 'decided-not-entitled'] : KINDS[code] ? KINDS[code].map((kind) => `${code}.${kind}`) : [code])).map((code) => `issuing.finding.${code}`)
  for (const language of LANGUAGES) expect([...WORDS[language].keys()].filter((key) => key.startsWith('issuing.')).sort()).toEqual([...keys].sort())
})
