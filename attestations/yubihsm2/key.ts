/** What the statement says of the key itself: where it came from, and whether a command can take it out. */
import type { Check, Message } from '../../src/attestation/verifier.ts'
import { say } from '../../src/attestation/verifier.ts'
import { CAPABILITY, has, hex, unknownCapabilities } from './capabilities.ts'
import { AREA, check } from './chain.ts'
import type { LeafClaims } from './extensions.ts'

const GENERATED = 0x01
const IMPORTED = 0x02
const CAME_WRAPPED = 0x10

/** Exactly 01: a key that was generated and then moved in wrapped has 11, and was outside in between. */
export function originCheck({ origin }: LeafClaims): Check {
  const seen = origin === null ? 'missing' : origin === GENERATED ? 'generated' : origin & CAME_WRAPPED ? 'wrapped' : origin & IMPORTED ? 'imported' : 'unknown'
  return check(seen === 'generated', `origin.${seen}`, 'origin.expected', { origin: origin === null ? '–' : `0x${origin.toString(16).padStart(2, '0')}` }, { remedy: 'remedy.generate' })
}

/** Under wrap a key leaves encrypted by a wrap key that its owner may have made outside and know: that is not "non-exportable". */
export function exportCheck({ capabilities }: LeafClaims): { check: Check; cautions: Message[] } {
  const unknown = capabilities === null ? [] : unknownCapabilities(capabilities)
  const seen = capabilities === null ? 'missing' : has(capabilities, CAPABILITY.exportableUnderWrap) ? 'exportable' : unknown.length > 0 ? 'unknown' : 'kept'
  const values = { capabilities: capabilities === null ? '–' : hex(capabilities), bits: unknown.join(', ') }
  return {
    check: check(seen === 'kept', `export.${seen}`, 'export.expected', values, { remedy: seen === 'unknown' ? 'remedy.tell-us' : 'remedy.not-exportable' }),
    // It cannot deceive us, since a statement that it signs fails; but a code-signing key has no use for it.
    cautions: capabilities !== null && has(capabilities, CAPABILITY.signAttestationCertificate) ? [say(`${AREA}.export.signs-attestations`)] : [],
  }
}
