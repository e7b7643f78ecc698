/** Where the PIN comes from: a file, the environment, or the terminal, where it isn't shown. */
import { readFileSync, statSync } from 'node:fs'
import { Refusal } from './refusal.ts'

export interface Terminal {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
}

/** @throws Refusal */
export async function readPin({ file, env, terminal, prompt }: { readonly file: string | null; readonly env: NodeJS.ProcessEnv; readonly terminal: Terminal; readonly prompt: string }): Promise<string> {
  const pin = file !== null ? fromFile(file) : (fromEnvironment(env) ?? (await ask(terminal, prompt)))
  if (pin === '') throw new Refusal('error.pin-empty')
  return pin
}

function fromFile(file: string): string {
  let mode: number
  let text: string
  try {
    mode = statSync(file).mode
    text = readFileSync(file, 'utf8')
  } catch {
    throw new Refusal('error.pin-file', { file })
  }
  // Windows has no such mode: its files are read by whom their folder lets.
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw new Refusal('error.pin-file-open', { file })
  return text.replace(/\r?\n$/, '')
}

/** Taken out of the environment, so that nothing started from here inherits it. */
function fromEnvironment(env: NodeJS.ProcessEnv): string | null {
  const pin = env['KEYGEN_PIN']
  delete env['KEYGEN_PIN']
  return pin ?? null
}

const [CTRL_C, CTRL_D, BACKSPACE, DELETE] = ['\u0003', '\u0004', '\b', '\u007f']

function ask({ input, output }: Terminal, prompt: string): Promise<string> {
  if (!input.isTTY) throw new Refusal('error.no-terminal')
  output.write(prompt)
  input.setRawMode(true)
  input.setEncoding('utf8')
  input.resume()
  return new Promise((done, failed) => {
    let typed = ''
    const end = (outcome: () => void) => {
      input.off('data', take)
      input.setRawMode(false)
      input.pause()
      output.write('\n')
      outcome()
    }
    const take = (text: string) => {
      for (const character of text) {
        if (character === '\r' || character === '\n' || character === CTRL_D) return end(() => done(typed))
        if (character === CTRL_C) return end(() => failed(new Refusal('error.pin-empty')))
        if (character === BACKSPACE || character === DELETE) typed = [...typed].slice(0, -1).join('')
        else if (character >= ' ') typed += character
      }
    }
    input.on('data', take)
  })
}
