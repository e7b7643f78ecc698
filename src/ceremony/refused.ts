import { StartRefused } from '../start-refused.ts'

/** Nothing was made: somebody did not confirm, a hierarchy stands, or the policy's own facts don't pass the lints. */
export class CeremonyRefused extends StartRefused {}

/** Two or more by name. A role may follow a name after a comma: one person with two roles is one. Case, width and spaces tell nobody apart. */
export const areTwoPersons = (persons: readonly string[]): boolean => new Set(persons.map((person) => person.normalize('NFKC').split(/[,、]/)[0]!.replace(/\s+/g, ' ').trim().toLowerCase()).filter(Boolean)).size >= 2

/** CAK-1; CP 6.2.2; CSBR 6.3.2. @throws CeremonyRefused */
export function twoPersons(persons: readonly string[]): void {
  if (!areTwoPersons(persons)) throw new CeremonyRefused('A ceremony needs at least two different persons (CAK-1; CP 6.2.2)')
}
