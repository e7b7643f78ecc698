// How a program's TypeScript becomes what Node runs: each program as one file, made by esbuild once and kept until a source changes.
// File by file Node asks the loader's thread three times for each of some three hundred modules, which was most of every program's start.
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const KEPT = join(ROOT, 'node_modules', '.cache', 'programs')
// What else the outcome hangs on: the packages, this file, Node.
const MADE_BY = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json'))).update(readFileSync(fileURLToPath(import.meta.url))).update(process.version).digest('hex')

/** @type {import('node:module').LoadHook} */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context)
  const file = fileURLToPath(url)
  const kept = join(KEPT, `${createHash('sha256').update(`${MADE_BY} ${file}`).digest('hex').slice(0, 32)}.mjs`)
  return { format: 'module', shortCircuit: true, source: read(kept) ?? (await build(file, kept)) }
}

/** Who writes a file anew, or puts another in its place, gives it another stamp. */
const stampOf = (file) => {
  const { mtimeMs, ctimeMs, size } = statSync(file)
  return `${mtimeMs} ${ctimeMs} ${size}`
}

/** What was built, when each of its sources is as it was then; null otherwise. */
function read(kept) {
  try {
    const source = readFileSync(kept, 'utf8')
    const sources = JSON.parse(source.slice(source.lastIndexOf('\n//') + 3))
    return sources.every(([file, stamp]) => stampOf(file) === stamp) ? source : null
  } catch {
    return null
  }
}

async function build(file, kept) {
  const esbuild = await import('esbuild')
  const stamps = new Map()
  const { outputFiles } = await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: [file],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: `node${process.versions.node}`,
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    sourcemap: 'inline',
    sourcesContent: false,
    outdir: dirname(file),
    write: false,
    logLevel: 'silent',
    plugins: [
      {
        name: 'sources',
        setup: (plugin) =>
          plugin.onLoad({ filter: /\.(ts|mjs)$/ }, ({ path }) => {
            stamps.set(path, stampOf(path))
            // A source looks for what lies beside it (views, words, migrations) from where it itself lies.
            const contents = readFileSync(path, 'utf8').replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
            if (contents.includes('import.meta')) return { errors: [{ text: `${path}: of import.meta a program knows its url alone` }] }
            return { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' }
          }),
      },
    ],
  })
  const source = `${outputFiles[0].text}\n//${JSON.stringify([...stamps])}`
  try {
    mkdirSync(KEPT, { recursive: true })
    const draft = `${kept}.${process.pid}`
    writeFileSync(draft, source)
    renameSync(draft, kept)
  } catch {
    // Where the packages belong to another user, each start builds for itself.
  }
  return source
}
