/** The commands in each maker's README, printed from its commands.json: the same that pages show. A test compares them. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { COMMAND_TOOLS, commandOn, type System } from '../attestation/commands.ts'
import { translate } from '../web/locales.ts'

const readmeOf = (maker: string): string => fileURLToPath(new URL(`../../attestations/${maker}/README.md`, import.meta.url))

/** The makers that have commands, with their READMEs. */
export const MAKER_READMES: ReadonlyMap<string, string> = new Map([...new Set(COMMAND_TOOLS.map(({ maker }) => maker))].map((maker) => [maker, readmeOf(maker)] as const).filter(([, file]) => existsSync(file)))

const nameOf = (system: System): string => translate('en', `commands.system.${system}`)

/** One block a tool, for Linux where it is to be had there; where a step has no command there, its words alone. */
export function makerCommands(maker: string): string {
  return COMMAND_TOOLS.filter((tool) => tool.maker === maker)
    .map((tool) => {
      const system = tool.systems.includes('linux') ? 'linux' : tool.systems[0]!
      const steps = tool.steps.map((step) => [`# ${translate('en', `commands.step.${step.words}`)}`, commandOn(step, system)].filter((line) => line !== null).join('\n'))
      const handIn = tool.steps.flatMap(({ makes }) => makes ?? []).map((name) => `\`${name}\``)
      const others = tool.systems.filter((each) => each !== system).map(nameOf)
      return `With \`${tool.name}\`, on ${nameOf(system)}${others.length > 0 ? ` (for ${others.join(' and ')} see the page “Check my key”)` : ''}:\n\n\`\`\`\n${steps.join('\n\n')}\n\`\`\`\n\nHand in ${handIn.join(', ')}.`
    })
    .join('\n\n')
}

const BEGIN = '<!-- printed: commands -->'
const END = '<!-- end: commands -->'

/** The README's text with its commands printed anew. @throws Error when a mark is missing */
export function printMakerReadme(maker: string, text: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`attestations/${maker}/README.md lacks the marks of its commands`)
  return `${text.slice(0, from + BEGIN.length)}\n${makerCommands(maker)}\n${text.slice(to)}`
}
