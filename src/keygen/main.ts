/**
 * `npm run keygen`, and the program that subscribers download (ATT-3). What needs the native PKCS #11 package is loaded last, so that a computer
 * where it wasn't built gets a sentence.
 */
import { readArguments, namedLanguage, type Task } from './arguments.ts'
import { Refusal } from './refusal.ts'
import { terminalLanguage, wordsOf } from './words.ts'

const args = process.argv.slice(2)
const words = wordsOf(namedLanguage(args) ?? terminalLanguage(process.env))
const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
const load = () => import('./command.ts').catch((error: unknown) => Promise.reject(new Refusal('native', { detail: textOf(error).split('\n')[0]! })))

async function work(task: Task): Promise<void> {
  const { run, moduleFault } = await load()
  try {
    await run(task, words)
  } catch (error) {
    const fault = moduleFault(error, task, words)
    throw fault === null ? error : new Refusal('signer.plain', { detail: fault })
  }
}

try {
  await work(readArguments(args))
} catch (error) {
  process.stderr.write(`${Refusal.is(error) ? words(error.key, error.values) : words('error.fault', { detail: textOf(error) })}\n`)
  process.exitCode = Refusal.is(error) ? error.exitCode : 1
}
