/** Questions at the terminal, or to whatever is piped in: one line, one answer. */
import { createInterface } from 'node:readline/promises'

/** What an act tells and asks. */
export interface Terminal {
  say(line: string): void
  ask(question: string): Promise<string>
}

export interface Questions {
  /** The answer without surrounding spaces. @throws what `ended` makes, when there are no more lines */
  ask(question: string): Promise<string>
  close(): void
}

export function openQuestions(ended: () => Error): Questions {
  const reader = createInterface({ input: process.stdin, output: process.stdout, terminal: process.stdin.isTTY === true })
  const lines = reader[Symbol.asyncIterator]()
  return {
    async ask(question) {
      process.stdout.write(question)
      const { value, done } = await lines.next()
      if (done) throw ended()
      return String(value).trim()
    },
    close: () => reader.close(),
  }
}
