/** Whether the key that the cloud describes is the key applied for, octet for octet in the one form compared. */
import { createHash } from 'node:crypto'
import { keyType } from '../../attestation/public-key.ts'
import { say, type Check } from '../../attestation/verifier.ts'
import { remedy } from './line.ts'
import { AREA } from './question.ts'

const fingerprint = (spki: Buffer): string => createHash('sha256').update(spki).digest('hex')

/** `described` is null where the file holds no key that can be read. */
export function sameKeyCheck(described: Buffer | null, appliedFor: Buffer, file: string, command: string): Check {
  const type = described && keyType(described)
  const same = type !== null && described !== null && described.equals(appliedFor)
  const observed =
    type === null || described === null
      ? say(`${AREA}.same-key.form`, { file })
      : say(`${AREA}.same-key.${same ? 'same' : 'differs'}`, { file, type, sha256: fingerprint(described) })
  return {
    outcome: same ? 'pass' : 'fail',
    observed,
    expected: say(`${AREA}.same-key.expected`, { sha256: fingerprint(appliedFor) }),
    source: 'CSBR 6.2.7.4.2 (5)',
    clause: 'CSBR 6.2.7.4.2 (5)',
    ...(same ? {} : { remedy: remedy('same-key', command) }),
  }
}
