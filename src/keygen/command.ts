/** What the program does, once its PKCS #11 part is loaded, and how it says why it doesn't. */
import { LIBRARY } from '../key-protection/key-report.ts'
import { SignerUnavailable } from '../signer/signer.ts'
import { listTokens } from '../signer/subscriber-key.ts'
import type { Task } from './arguments.ts'
import { generate, tokenValues } from './generate.ts'
import { readPin } from './pin.ts'
import type { Words } from './words.ts'

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** @throws Refusal, SignerUnavailable */
export async function run(task: Task, words: Words): Promise<void> {
  switch (task.do) {
    case 'help':
      return say(words('usage'))
    case 'version':
      return say(`${LIBRARY.name} ${LIBRARY.version}`)
    case 'list': {
      const tokens = await listTokens(task.module)
      return say(tokens.length === 0 ? words('tokens.none') : tokens.map((token) => words('tokens.line', tokenValues(token))).join('\n'))
    }
    case 'generate': {
      const made = await generate(task, {
        now: () => new Date(),
        pin: (token) => readPin({ file: task.pinFile, env: process.env, terminal: { input: process.stdin, output: process.stderr }, prompt: words('pin-prompt', { token: tokenValues(token)['label']! }) }),
        tell: (key, values) => say(words(key, values)),
      })
      return say(`\n${words('done', { sha256: made.spkiSha256, request: made.request, report: made.report, label: made.label, id: made.id })}`)
    }
  }
}

const SAID: readonly string[] = ['module-failed', 'storage-missing', 'token-missing', 'token-ambiguous', 'pin-refused', 'key-exists', 'signature-wrong']

/** The sentence for a fault of the module; null for any other. */
export function moduleFault(error: unknown, task: Task, words: Words): string | null {
  if (!SignerUnavailable.is(error)) return null
  if (error.reason === 'module-missing') return words('signer.module-missing', { detail: 'module' in task ? task.module : '' })
  return words(`signer.${SAID.includes(error.reason) ? error.reason : 'other'}`, { detail: error.message })
}
