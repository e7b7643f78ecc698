/** The text that the persons of a ceremony read, and the code by which each confirms exactly that text (CAK-1). */
import { createHash } from 'node:crypto'

export const planText = (lines: readonly string[], persons: readonly string[]): string => [...lines, `Present           ${persons.join(' and ')}`].join('\n')

/** Eight hexadecimal digits. */
export const planCode = (lines: readonly string[], persons: readonly string[]): string => createHash('sha256').update(planText(lines, persons)).digest('hex').slice(0, 8)
