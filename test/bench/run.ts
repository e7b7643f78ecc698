/** `npm run bench -- NAME`: measures one thing and writes it into results.md, with the machine. Without a name it lists what can be measured. */
import { availableParallelism, cpus, totalmem } from 'node:os'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { benchAccessLog } from './access-log.ts'
import { benchAttestation } from './attestation.ts'
import { benchDatabaseSize } from './database-size.ts'
import { benchIssuance } from './issuance.ts'
import { benchCrl } from './crl.ts'
import { benchOcsp } from './ocsp.ts'
import { benchScale } from './scale.ts'
import { benchTimestamps } from './timestamps.ts'

const RESULTS = new URL('./results.md', import.meta.url)

export interface Bench {
  readonly what: string
  /** The section's text below its heading. */
  run(words: readonly string[]): string | Promise<string>
}

const BENCHES: Readonly<Record<string, Bench>> = {
  'access-log': benchAccessLog,
  attestation: benchAttestation,
  'database-size': benchDatabaseSize,
  issuance: benchIssuance,
  crl: benchCrl,
  ocsp: benchOcsp,
  scale: benchScale,
  timestamps: benchTimestamps,
}

function machine(): string {
  const [cpu] = cpus()
  return `${availableParallelism()} cores, ${cpu?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB; Node ${process.versions.node}, OpenSSL ${process.versions.openssl}; ${process.platform} ${process.arch}`
}

/** Puts a section in the place of the one of that name, or after the last. */
function written(document: string, name: string, text: string): string {
  const section = `## ${name}\n\n${text.trim()}\n\nMeasured on ${new Date().toISOString().slice(0, 10)}: ${machine()}.\n`
  const sections = document.split(/^(?=## )/m).map((each) => each.trim())
  const place = sections.findIndex((each) => each.startsWith(`## ${name}\n`))
  if (place === -1) sections.push(section.trim())
  else sections[place] = section.trim()
  return `${sections.join('\n\n')}\n`
}

const HEAD = '# Results of the benches\n\nWritten by `npm run bench -- NAME`. What one run compares ran in that run, by turns: the ratios say more than the times.'

const [name, ...words] = process.argv.slice(2)
const bench = name === undefined ? undefined : BENCHES[name]
if (!bench) {
  console.log(`usage: npm run bench -- NAME\n\n${Object.entries(BENCHES).map(([each, { what }]) => `  ${each}  ${what}`).join('\n')}`)
  process.exitCode = name === undefined ? 0 : 2
} else {
  const text = await bench.run(words)
  console.log(text)
  writeFileSync(RESULTS, written(existsSync(RESULTS) ? readFileSync(RESULTS, 'utf8') : HEAD, name!, text))
}
