/** `npm run keygen:pack [-- --out DIR]`: the program of method 3 as a package that runs alone. The portal offers the same octets for download. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readConfig } from '../config.ts'
import { LIBRARY } from '../key-protection/key-report.ts'
import { packKeygen } from '../keygen/package.ts'
import { readOptions } from './words.ts'

const USAGE = `npm run keygen:pack [-- --out DIR]

Packs the program of method 3, so that it runs alone, and prints its SHA-256.
  --out DIR  where to; DATA_DIR where it is not given`

const { out } = readOptions(USAGE, ['out'])
const folder = resolve(out ?? readConfig('command').dataDir)
const { name, bytes, sha256 } = await packKeygen()
mkdirSync(folder, { recursive: true })
const file = join(folder, name)
writeFileSync(file, bytes)
process.stdout.write(`${file}\nSHA-256 ${sha256}\n\nnpx --yes --allow-scripts=pkcs11js --package=${file} ${LIBRARY.name} --help\n`)
