/** The words that a command was given. `--help` is answered, and words that it doesn't know are refused in one line, before anything is opened. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

/** Every command's exit code for words that it doesn't know. */
const WRONG_WORDS = 2

/** Prints how the command is used and ends with code 0, where that was asked. */
export function answerHelp(usage: string): void {
  if (!process.argv.slice(2).some((word) => word === '--help' || word === '-h')) return
  process.stdout.write(`${usage}\n`)
  process.exit(0)
}

/** Ends the process with one line about the words that it was given. */
export function refuseWords(message: string): never {
  process.stderr.write(`${message}; --help tells the words\n`)
  return process.exit(WRONG_WORDS)
}

/** The values of the options that take a text. Other words end the process with one line. */
export const readOptions = <const T extends readonly string[]>(usage: string, names: T): { readonly [name in T[number]]?: string } => read(usage, names, false).values

/** The same where other words are wanted too: which, the command itself asks. */
export const readWords = <const T extends readonly string[]>(usage: string, names: T): Words<T> => read(usage, names, true)

interface Words<T extends readonly string[]> {
  readonly values: { readonly [name in T[number]]?: string }
  readonly positionals: readonly string[]
}

function read<const T extends readonly string[]>(usage: string, names: T, allowPositionals: boolean): Words<T> {
  answerHelp(usage)
  try {
    const { values, positionals } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])), strict: true, allowPositionals })
    return { values: values as Words<T>['values'], positionals }
  } catch (error) {
    // What follows the first sentence is for who writes programs.
    return refuseWords((error as Error).message.split('. ')[0]!)
  }
}

/** A file that the caller named. npm goes to the package's folder; they named it from where they were. @param script the command's name for npm */
export const fromCaller = (script: string, path: string): string => resolve(process.env['npm_lifecycle_event'] === script ? (process.env['INIT_CWD'] ?? '.') : '.', path)

/** Why a file can't be read, in the caller's words. */
export function unread(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'this is a folder' : code === 'EACCES' ? 'you may not read it' : message
}
