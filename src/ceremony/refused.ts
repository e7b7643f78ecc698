import { StartRefused } from '../start-refused.ts'

/** Nothing was made: somebody did not confirm, a hierarchy stands, or the policy's own facts don't pass the lints. */
export class CeremonyRefused extends StartRefused {}

/** CAK-1; CP 6.2.2; CSBR 6.3.2. A role may follow a name after a comma; one person with two roles is one. */
export function twoPersons(persons: readonly string[]): void {
  if (new Set(persons.map((person) => person.split(/[,、,]/)[0]!.trim().toLowerCase()).filter(Boolean)).size < 2) throw new CeremonyRefused('A ceremony needs at least two different persons (CAK-1; CP 6.2.2)')
}
