/** The published attestation samples beside the project. Where they are not there the tests say so and skip; in CI they fail. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = new URL('../../../shared/attestation/', import.meta.url)
const present = existsSync(new URL('samples/yubico-piv/', folder))

export const NO_SAMPLES = 'skipped: no shared samples'

/** Whether tests over samples run. @throws Error in CI when they cannot */
export function haveSamples(): boolean {
  if (!present && process.env['CI'] === 'true') throw new Error('the shared attestation samples are missing')
  return present
}

/** The octets of `samples/<path>`. */
export const sample = (path: string): Buffer => readFileSync(new URL(`samples/${path}`, folder))
export const samplePath = (path: string): string => fileURLToPath(new URL(`samples/${path}`, folder))
/** The text of a file beside the samples, such as `anchors.json`. */
export const attestationFact = (path: string): string => readFileSync(new URL(path, folder), 'utf8')
