import { describe, expect, it } from 'vitest'
import { keyFaults, toldText, versionText } from '../../src/key-protection/key-report.ts'
import { ATTRIBUTES } from '../support/key-reports.ts'

describe('what the library tells of a key', () => {
  it('ATT-3: a key as it must be has no fault', () => {
    expect(keyFaults({ attributes: ATTRIBUTES, mechanism: 0 })).toEqual([])
    expect(keyFaults({ attributes: { ...ATTRIBUTES, derive: null, signRecover: null }, mechanism: 10 })).toEqual([])
  })

  it('ATT-3: each fault is told by the name of its attribute, in one order', () => {
    const opposite = Object.fromEntries(Object.entries(ATTRIBUTES).map(([name, value]) => [name, !value])) as unknown as typeof ATTRIBUTES
    const all = ['CKA_LOCAL', 'CKA_EXTRACTABLE', 'CKA_NEVER_EXTRACTABLE', 'CKA_SENSITIVE', 'CKA_ALWAYS_SENSITIVE', 'CKA_PRIVATE', 'CKA_TOKEN', 'CKA_SIGN', 'CKA_DECRYPT', 'CKA_UNWRAP', 'CKA_DERIVE', 'CKA_SIGN_RECOVER', 'CKA_KEY_GEN_MECHANISM']
    expect(keyFaults({ attributes: opposite, mechanism: 1 })).toEqual(all)
    expect(keyFaults({ attributes: ATTRIBUTES, mechanism: null })).toEqual(['CKA_KEY_GEN_MECHANISM'])
    expect(keyFaults({ attributes: { ...ATTRIBUTES, decrypt: null }, mechanism: 0 })).toEqual(['CKA_DECRYPT'])
  })

  it('ATT-3: a module’s text loses its padding and what cannot be seen, and ends after 64 characters', () => {
    expect(toldText('  Token \u0000\u200b\u2028\u2029\ufffd7   ')).toBe('Token 7')
    expect(toldText('x'.repeat(65))).toBe('x'.repeat(64))
    // Characters, not halves of them.
    expect(toldText('𠮷'.repeat(65))).toBe('𠮷'.repeat(64))
  })

  it('ATT-3: a version is major and minor', () => expect(versionText({ major: 2, minor: 40 })).toBe('2.40'))
})
