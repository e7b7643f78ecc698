/**
 * The commands with which a subscriber makes a key inside a device, its certificate request and its attestation: data of each maker
 * (`attestations/<maker>/commands.json`), shown on pages and printed into the maker's README.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'

export const SYSTEMS = ['windows', 'macos', 'linux'] as const
export type System = (typeof SYSTEMS)[number]

/** One text for every system, or one for each where they differ (Windows: PowerShell); none where the step is not one of commands there. */
const perSystem = z.union([z.string().min(1), z.partialRecord(z.enum(SYSTEMS), z.string().min(1))])

const stepSchema = z.strictObject({
  /** Its words: `commands.step.<words>`. */
  words: z.string().regex(/^[a-z0-9-]+$/),
  command: perSystem.optional(),
  /** Files that it writes and that are to be handed in. */
  makes: z.array(z.string().min(1)).optional(),
})

const toolSchema = z.strictObject({
  /** Its words: `commands.tool.<id>`. */
  id: z.string().regex(/^[a-z0-9-]+$/),
  /** What is typed, as its maker writes it. */
  name: z.string().min(1),
  systems: z.array(z.enum(SYSTEMS)).min(1),
  steps: z.array(stepSchema).min(3),
  /** Where its maker documents it. */
  sources: z.array(z.url()).min(1),
})

const commandsSchema = z.strictObject({ asOf: z.iso.date(), tools: z.array(toolSchema).min(1) })

export type CommandStep = z.infer<typeof stepSchema>
export type CommandTool = z.infer<typeof toolSchema> & { readonly maker: string }

/** @throws ZodError when the data is not as the schema says */
export const readCommands = (maker: string, data: unknown): CommandTool[] => commandsSchema.parse(data).tools.map((tool) => ({ ...tool, maker }))

/** The makers whose folder has commands, in the order in which they are offered. */
const MAKERS_WITH_COMMANDS = ['yubikey-piv', 'yubihsm2', 'thales-luna', 'entrust-nshield', 'google-cloud-hsm', 'azure-managed-hsm', 'securosys-primus', 'fortanix-dsm', 'tpm2']

const commandsFile = (maker: string): URL => new URL(`../../attestations/${maker}/commands.json`, import.meta.url)

export const COMMAND_TOOLS: readonly CommandTool[] = MAKERS_WITH_COMMANDS.flatMap((maker) => readCommands(maker, JSON.parse(readFileSync(commandsFile(maker), 'utf8'))))

export const findTool = (id: string): CommandTool | null => COMMAND_TOOLS.find((tool) => tool.id === id) ?? null

/** The step's command on a system; null where it has none there. */
export const commandOn = ({ command }: CommandStep, system: System): string | null => (typeof command === 'string' ? command : (command?.[system] ?? null))
