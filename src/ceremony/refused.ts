import { StartRefused } from '../start-refused.ts'

/** Nothing was made: somebody did not confirm, a hierarchy stands, or the policy's own facts don't pass the lints. */
export class CeremonyRefused extends StartRefused {}

/** A word of Latin letters with Cyrillic or Greek ones that look alike is nobody's name. */
const isMixed = (word: string): boolean => /\p{Script=Latin}/u.test(word) && /\p{Script=Cyrillic}|\p{Script=Greek}/u.test(word)

/** The words of a name in an order of their own; null when it is none. A role may follow it after a comma or stand in brackets. */
function wordsOf(person: string): string | null {
  const [name] = person.normalize('NFKC').replace(/\p{Cf}/gu, '').replace(/\([^)]*\)?|\[[^\]]*\]?|（[^）]*）?/g, ' ').split(/[,、]/)
  const words = name!.toLowerCase().replace(/['’]/g, '').replace(/[\p{P}\p{S}]/gu, ' ').split(/\s+/).filter(Boolean)
  return words.length === 0 || words.some(isMixed) ? null : words.sort().join(' ')
}

/** Two or more by name. One person with two roles is one; case, width, spaces, marks and the order of given and family name tell nobody apart. */
export const areTwoPersons = (persons: readonly string[]): boolean => new Set(persons.map(wordsOf).filter((words) => words !== null)).size >= 2

/** CAK-1; CP 6.2.2; CSBR 6.3.2. @throws CeremonyRefused */
export function twoPersons(persons: readonly string[]): void {
  if (!areTwoPersons(persons)) throw new CeremonyRefused('A ceremony needs at least two different persons (CAK-1; CP 6.2.2)')
}
