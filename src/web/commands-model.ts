/** What views/parts/commands.ejs shows: the choice of device and system, and the commands for what was chosen by the address's query. */
import { COMMAND_TOOLS, commandOn, findTool, SYSTEMS, type System } from '../attestation/commands.ts'
import { translate, type Language } from './locales.ts'

export interface CommandsChoice {
  readonly device: string
  readonly system: System
}

/** What a query says; a system that is not known, or not said, is Windows, which most code is signed on. */
export const commandsChoice = (query: Readonly<Record<string, string>>): CommandsChoice => ({
  device: query['device'] ?? '',
  system: SYSTEMS.find((system) => system === query['system']) ?? 'windows',
})

/** `others`: what may be chosen beside the tools that we have commands for. */
export function commandsModel(language: Language, { device, system }: CommandsChoice, others: readonly { readonly value: string; readonly text: string }[] = []) {
  const t = (key: string, values?: Record<string, string>) => translate(language, key, values)
  const tool = findTool(device)
  const systemName = (each: System) => t(`commands.system.${each}`)
  const list = (items: readonly string[]) => new Intl.ListFormat(language, { type: 'conjunction' }).format(items)
  return {
    device: tool || others.some(({ value }) => value === device) ? device : '',
    system,
    devices: [{ value: '', text: t('commands.choose.none') }, ...COMMAND_TOOLS.map(({ id }) => ({ value: id, text: t(`commands.tool.${id}`) })), ...others],
    systems: SYSTEMS.map((value) => ({ value, text: systemName(value) })),
    shown: tool && {
      title: t('commands.title', { tool: t(`commands.tool.${tool.id}`) }),
      notFor: tool.systems.includes(system) ? null : t('commands.not-for', { tool: tool.name, system: systemName(system), systems: list(tool.systems.map(systemName)) }),
      steps: tool.systems.includes(system)
        ? tool.steps.map((step, index) => {
            const command = commandOn(step, system)
            return {
              label: `${index + 1}. ${t(`commands.step.${step.words}`)}`,
              command,
              notHere: step.command !== undefined && command === null ? t('commands.not-here', { system: systemName(system) }) : null,
              makes: step.makes ? t('commands.makes', { files: step.makes.join(', ') }) : null,
            }
          })
        : [],
      handIn: t('commands.hand-in', { files: tool.steps.flatMap(({ makes }) => makes ?? []).join(', ') }),
      sources: tool.sources,
    },
  }
}
