/** The product's own files, and what each imports. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export function filesBelow(folder: string, ending: RegExp): readonly string[] {
  return readdirSync(join(ROOT, folder))
    .flatMap((name): readonly string[] => {
      const path = join(folder, name)
      return statSync(join(ROOT, path)).isDirectory() ? filesBelow(path, ending) : ending.test(name) ? [path.split(sep).join('/')] : []
    })
    .sort()
}

export const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

/** The text without comments; strings stay. */
export const withoutComments = (text: string): string => text.replace(/('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (_, string: string | undefined) => string ?? ' ')

/** Paths below the root for files of ours, names for packages and Node's own modules. */
export function importsOf(file: string, text: string = read(file)): readonly string[] {
  const named = [...withoutComments(text).matchAll(/(?:\bfrom\s*|^\s*import\s+|\bimport\(\s*|\brequire\(\s*|\bimport\.meta\.resolve\(\s*)['"]([^'"]+)['"]/gm)].map((match) => match[1]!)
  return named.map((target) => (target.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(file), target)).split(sep).join('/') : target))
}

const ours = (target: string): boolean => /^(src|attestations|migrations)\//.test(target)

/** Everything that is loaded with a file. */
export function closureOf(file: string): ReadonlySet<string> {
  const seen = new Set<string>()
  const visit = (each: string) => {
    if (seen.has(each)) return
    seen.add(each)
    if (ours(each) && /\.m?ts$|\.mjs$/.test(each)) importsOf(each).forEach(visit)
  }
  visit(file)
  return seen
}

/** `src/web/pages/x.ts` is of `web`; a file of src/ itself is of its own name; `attestations/demo/x.ts` is of `attestations/demo`. */
export function partOf(file: string): string {
  const [top, second, third] = file.split('/')
  if (top === 'attestations') return `attestations/${second}`
  if (top === 'migrations') return 'migrations'
  return third === undefined ? second!.replace(/\.ts$/, '') : second!
}

export const SOURCES = (): readonly string[] => [...filesBelow('src', /\.(ts|mts|mjs)$/), ...filesBelow('attestations', /\.ts$/), ...filesBelow('migrations', /\.ts$/)].filter((file) => !file.endsWith('.d.mts'))
