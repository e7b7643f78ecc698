/** Public keys as evidence and requests carry them: what kind they are, and whether two are the same key. */
import type { Policy } from '../policy/policy.ts'
import { readDer, sequence, oid, nullValue, bitString, integer, TAG, MalformedDer } from '../pki/der.ts'
import { say, type Check } from './verifier.ts'

const RSA = '1.2.840.113549.1.1.1'
const EC = '1.2.840.10045.2.1'
const CURVES: Record<string, { type: string; octets: number }> = {
  '1.2.840.10045.3.1.7': { type: 'P-256', octets: 32 },
  '1.3.132.0.34': { type: 'P-384', octets: 48 },
  '1.3.132.0.35': { type: 'P-521', octets: 66 },
}
const ED25519 = '1.3.101.112'

/**
 * The kind of a key (`RSA-3072`, `P-256`, `Ed25519`) when its SubjectPublicKeyInfo is in the one form that we compare:
 * rsaEncryption with NULL and positive integers (RFC 3279 2.3.1), named curve and uncompressed point (RFC 5480 2), RFC 8410.
 * Null for any other form or kind. In this form two keys are the same exactly when the octets are.
 */
export function keyType(spki: Buffer): string | null {
  try {
    const [algorithm, key, ...rest] = readDer(spki, { maxBytes: 4096, maxDepth: 4, maxNodes: 20 }).expect(TAG.sequence).children()
    if (!algorithm || !key || rest.length > 0) return null
    const [identifier, parameters, ...more] = algorithm.expect(TAG.sequence).children()
    if (!identifier || more.length > 0) return null
    const octets = key.bitStringOctets()
    const id = identifier.oid()
    if (id === RSA) {
      const [modulus, exponent, ...others] = readDer(octets, { maxDepth: 2, maxNodes: 5 }).expect(TAG.sequence).children()
      if (!modulus || !exponent || others.length > 0) return null
      const [n, e] = [modulus.integer(), exponent.integer()]
      if (n <= 0n || e <= 0n) return null
      const normal = sequence(sequence(oid(RSA), nullValue()), bitString(sequence(integer(n), integer(e))))
      return normal.equals(spki) ? `RSA-${n.toString(2).length}` : null
    }
    if (id === EC) {
      const curve = parameters?.tag === TAG.oid ? CURVES[parameters.oid()] : undefined
      return curve && octets[0] === 4 && octets.length === 1 + 2 * curve.octets ? curve.type : null
    }
    if (id === ED25519) return parameters === undefined && octets.length === 32 ? 'Ed25519' : null
    return null
  } catch (error) {
    if (MalformedDer.is(error) || error instanceof RangeError) return null
    throw error
  }
}

/** Whether the policy takes keys of this kind at all (KEY-1 judges the key itself, elsewhere and again). */
export function keyTypePermitted(type: string | null, keys: Policy['keys']): boolean {
  if (type === null) return false
  const rsa = /^RSA-(\d+)$/.exec(type)
  return rsa ? keys.subscriber.rsaBits.includes(Number(rsa[1])) : (keys.subscriber.curves ?? []).some((curve) => curve === type)
}

/** The check that the policy takes keys of this kind: modules are certified for more kinds than the CP takes (CP 6.1.5). `area` has the words `remedy.key-type`. */
export function policyKeyCheck(type: string | null, keys: Policy['keys'], area: string): Check {
  const permitted = keyTypePermitted(type, keys)
  return {
    outcome: permitted ? 'pass' : 'fail',
    observed: say(permitted ? 'attestation.key-type.in-policy' : 'attestation.key-type.not-in-policy', { type: type ?? '?' }),
    expected: say('attestation.key-type.expected', { types: [...keys.subscriber.rsaBits.map((bits) => `RSA-${bits}`), ...(keys.subscriber.curves ?? [])].join(', ') }),
    source: 'CP 6.1.5',
    clause: 'CP 6.1.5',
    ...(permitted ? {} : { remedy: say(`${area}.remedy.key-type`) }),
  }
}

/** The checks behind `same-key`: the attested key is the key applied for, octet for octet in the one form compared. */
export function sameKeyChecks(attested: Buffer, appliedFor: Buffer, fingerprint: (spki: Buffer) => string): Check[] {
  const base = { expected: say('attestation.same-key.expected', { sha256: fingerprint(appliedFor) }), source: 'CSBR 6.2.7.4.2 (2)', clause: 'CSBR 6.2.7.4.2 (2)' }
  const type = keyType(attested)
  if (type === null) return [{ ...base, outcome: 'fail', observed: say('attestation.same-key.form'), remedy: say('attestation.same-key.remedy') }]
  const same = attested.equals(appliedFor)
  const values = { type, sha256: fingerprint(attested) }
  return [
    same
      ? { ...base, outcome: 'pass', observed: say('attestation.same-key.same', values) }
      : { ...base, outcome: 'fail', observed: say('attestation.same-key.differs', values), remedy: say('attestation.same-key.remedy') },
  ]
}
