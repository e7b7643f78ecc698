/** The two persons of an act at the terminal: each gives a name, reads what will be done, and types the code that stands under it, a digest of exactly that text (CAK-1). */
import { planCode, planText } from '../ceremony/plan.ts'
import { StartRefused } from '../start-refused.ts'
import type { Terminal } from './ask.ts'

export const askPersons = async ({ ask }: Pick<Terminal, 'ask'>): Promise<readonly [string, string]> => [await ask('Name of the first person: '), await ask('Name of the second person: ')]

/** @param undone what nothing was, when one does not confirm. @throws StartRefused */
export async function confirmPlan({ say, ask }: Terminal, lines: readonly string[], persons: readonly string[], undone: 'made' | 'done' | 'published'): Promise<void> {
  const code = planCode(lines, persons)
  say(`\n${planText(lines, persons)}\n\nCode of this plan  ${code}\n`)
  for (const person of persons) if ((await ask(`${person}, type the code to confirm: `)) !== code) throw new StartRefused(`${person} did not confirm: nothing was ${undone}`)
}
