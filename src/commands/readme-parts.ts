/** The parts of README.md that come from the code, between their marks. A test compares them. */
import { fileURLToPath } from 'node:url'
import { MOVES } from '../application/lifecycle.ts'
import { ENTRIES } from '../config.ts'

export const README = fileURLToPath(new URL('../../README.md', import.meta.url))

/** The life of an application, as a diagram that code hosts draw. */
export function lifecyclePicture(): string {
  const lines = ['```mermaid', 'stateDiagram-v2', '  [*] --> draft']
  for (const move of MOVES) for (const from of move.from) lines.push(`  ${from} --> ${move.to}: ${move.name} (${move.by.join(' or ')})`)
  return [...lines, '```'].join('\n')
}

export function lifecycleTable(): string {
  return ['| move | from | to | who | clause |', '|---|---|---|---|---|', ...MOVES.map((move) => `| ${move.name} | ${move.from.join(', ')} | ${move.to} | ${move.by.join(', ')} | ${move.clause} |`)].join('\n')
}

export function configurationTable(): string {
  return ['| name | read by | default | meaning |', '|---|---|---|---|', ...ENTRIES.map((entry) => `| \`${entry.name}\` | ${entry.usedBy} | ${entry.fallback} | ${entry.meaning} |`)].join('\n')
}

export const PRINTED: Readonly<Record<string, () => string>> = { 'lifecycle picture': lifecyclePicture, 'lifecycle table': lifecycleTable, configuration: configurationTable }

/** The text with each marked part printed anew. @throws Error when a mark is missing */
export function print(text: string): string {
  return Object.entries(PRINTED).reduce((whole, [name, part]) => {
    const begin = `<!-- printed: ${name} -->`
    const end = `<!-- end: ${name} -->`
    const [from, to] = [whole.indexOf(begin), whole.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`README.md lacks the marks of "${name}"`)
    return `${whole.slice(0, from + begin.length)}\n${part()}\n${whole.slice(to)}`
  }, text)
}
