import { loadPolicy, type Policy } from '../../src/policy/policy.ts'

export const shippedPolicy: Policy = loadPolicy()

/** The shipped policy, with the kinds of key that published samples have allowed as well. For tests alone. */
export const withSampleKeys = (policy: Policy = shippedPolicy): Policy => ({
  ...policy,
  keys: { ...policy.keys, subscriber: { ...policy.keys.subscriber, rsaBits: [2048, 3072, 4096], curves: ['P-256', 'P-384', 'P-521', 'Ed25519'] } },
})

export const withAttestation = (policy: Policy, change: Partial<Policy['attestation']>): Policy => ({ ...policy, attestation: { ...policy.attestation, ...change } })

/** The policy with these makers listed and no other. */
export const withMakers = (policy: Policy, ...makers: string[]): Policy => withAttestation(policy, { makers })
