/** Method 2 on the page of key protection: the commands that make the maker's statement, for the device and system chosen. */
import { commandsChoice, commandsModel } from '../../commands-model.ts'
import type { MethodSection } from '../../method-section.ts'

export const keyAttestationSection: MethodSection = {
  id: 'key-attestation',
  model: async ({ language, query }) => ({ commands: commandsModel(language, commandsChoice(query)) }),
}
