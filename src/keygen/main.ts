/**
 * `npm run keygen`, and the program that subscribers download (ATT-3). What needs the native PKCS #11 package is loaded last, so that a computer
 * where it wasn't built gets a sentence.
 */
import { nativeFault } from '../signer/native.ts'
import { readArguments, namedLanguage, type Task } from './arguments.ts'
import { Refusal } from './refusal.ts'
import { terminalLanguage, wordsOf } from './words.ts'

const args = process.argv.slice(2)
const words = wordsOf(namedLanguage(args) ?? terminalLanguage(process.env))
const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

async function work(task: Task): Promise<void> {
  const fault = nativeFault()
  if (fault !== null) throw new Refusal('native', { detail: fault })
  const { run, moduleFault } = await import('./command.ts')
  try {
    await run(task, words)
  } catch (error) {
    const said = moduleFault(error, task, words)
    throw said === null ? error : new Refusal('signer.plain', { detail: said })
  }
}

try {
  await work(readArguments(args))
} catch (error) {
  process.stderr.write(`${Refusal.is(error) ? words(error.key, error.values) : words('error.fault', { detail: textOf(error) })}\n`)
  process.exitCode = Refusal.is(error) ? error.exitCode : 1
}
