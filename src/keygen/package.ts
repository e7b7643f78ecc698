/**
 * Packs the program so that it runs without the rest of this software: an npm package of plain JavaScript that depends on the PKCS #11 packages alone.
 * The same sources give the same octets, so that its SHA-256 can be told. This file doesn't load the program: the portal has no PKCS #11.
 */
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, stop } from 'esbuild'
import { LIBRARY } from '../key-protection/key-report.ts'
import { translate } from '../web/locales.ts'
import { tar } from './tar.ts'

export interface KeygenPackage {
  /** `code-signing-keygen-1.0.0.tgz` */
  readonly name: string
  readonly bytes: Buffer
  /** Lower-case hex. */
  readonly sha256: string
}

/** Exactly the versions that this software was tested with. */
const DEPENDENCIES = ['graphene-pk11', 'pkcs11js'] as const

export async function packKeygen(): Promise<KeygenPackage> {
  const versionOf = createRequire(import.meta.url)
  const dependencies = Object.fromEntries(DEPENDENCIES.map((name) => [name, (versionOf(`${name}/package.json`) as { version: string }).version]))
  const manifest = {
    name: LIBRARY.name,
    version: LIBRARY.version,
    description: translate('en', 'keygen.readme').split('\n')[0],
    license: 'Apache-2.0',
    type: 'module',
    bin: { [LIBRARY.name]: 'main.js' },
    engines: { node: '>=20.19' },
    dependencies,
  }
  const entries = [
    ...(await scripts()),
    { path: 'package/README.md', text: `# ${LIBRARY.name} ${LIBRARY.version}\n\n${translate('en', 'keygen.readme')}\n\n${translate('ja', 'keygen.readme')}\n` },
    { path: 'package/package.json', text: `${JSON.stringify(manifest, null, 2)}\n` },
  ]
  const bytes = gzipSync(tar(entries), { level: 9 })
  return { name: `${LIBRARY.name}-${LIBRARY.version}.tgz`, bytes, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** The sources as JavaScript, not minified: whoever runs this may read it first. */
async function scripts(): Promise<readonly { readonly path: string; readonly text: string; readonly executable: boolean }[]> {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['src/keygen/main.ts'],
    outdir: 'package',
    write: false,
    bundle: true,
    splitting: true,
    chunkNames: '[name]',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    charset: 'utf8',
    external: [...DEPENDENCIES],
    banner: { js: `// ${LIBRARY.name} ${LIBRARY.version}, Apache-2.0` },
  })
  // Its service is a process of its own, which nothing needs any more.
  await stop()
  return outputFiles.map(({ path, text }) => {
    const name = path.slice(path.lastIndexOf('package') + 'package'.length + 1).replaceAll('\\', '/')
    const entry = name === 'main.js'
    return { path: `package/${name}`, text: entry ? `#!/usr/bin/env node\n${text}` : text, executable: entry }
  })
}
