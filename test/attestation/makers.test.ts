import { describe, expect, it } from 'vitest'
import { makersFor } from '../../src/attestation/makers.ts'
import { shippedPolicy, withMakers } from '../support/attestation-policy.ts'

const ids = (policy = shippedPolicy, demoHierarchy = false) => makersFor(policy, { demoHierarchy }).map(({ id }) => id)

describe('the makers that are asked', () => {
  it('ATT-2: are those that the shipped policy lists', () => {
    expect(ids().sort()).toEqual(['azure-managed-hsm', 'entrust-nshield', 'fortanix-dsm', 'google-cloud-hsm', 'securosys-primus', 'thales-luna', 'yubihsm2', 'yubikey-piv'])
  })

  it('ATT-2: none that a policy does not list, and the demo maker under a demo hierarchy alone', () => {
    expect(ids(withMakers(shippedPolicy, 'yubihsm2'))).toEqual(['yubihsm2'])
    expect(ids(withMakers(shippedPolicy, 'demo'))).toEqual([])
    expect(ids(withMakers(shippedPolicy), true)).toEqual(['demo'])
  })
})
