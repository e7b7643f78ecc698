/** Generated inside, and not exportable: what the device says of the key. */
import { checkWriter } from '../../src/attestation/check.ts'
import { keyType } from '../../src/attestation/public-key.ts'
import type { Check } from '../../src/attestation/verifier.ts'
import { SOURCE } from './chain.ts'
import type { PrimusStatement } from './parse.ts'

const check = checkWriter('attestation-securosys', { source: SOURCE, clause: 'CSBR 6.2.7.4.2 (2)' })

export function generationChecks({ claims, spki }: PrimusStatement, at: Date): Check[] {
  const { creation, algorithm, keySize, createTime, attestTime } = claims
  const generated = creation === 'generated'
  const type = keyType(spki)
  // The statement describes curves by names of its own; size and kind of RSA keys can be compared.
  const described = type !== null && (type.startsWith('RSA-') ? algorithm === 'RSA' && `RSA-${keySize}` === type : algorithm === 'EC')
  const ordered = createTime !== null && attestTime !== null && createTime <= attestTime && attestTime <= at
  const text = (date: Date | null) => date?.toISOString().slice(0, 19).concat('Z') ?? '–'
  return [
    check(generated, generated ? 'creation.generated' : 'creation.other', 'creation.expected', { creation: creation ?? '–' }, { remedy: 'remedy.generate' }),
    check(described, described ? 'key.described' : 'key.misdescribed', 'key.described-expected', { type: type ?? '?', algorithm: algorithm ?? '–', size: keySize ?? '–' }, { alert: true }),
    check(ordered, ordered ? 'times.ordered' : 'times.disordered', 'times.expected', { created: text(createTime), attested: text(attestTime), at: text(at) }, { remedy: 'remedy.fresh' }),
  ]
}

const REQUIRED: readonly [name: string, value: boolean][] = [
  ['sensitive', true],
  ['always_sensitive', true],
  ['extractable', false],
  ['never_extractable', true],
  ['copyable', false],
]

export function exportChecks({ claims }: PrimusStatement): Check[] {
  const known = claims.unknown.length === 0
  return [
    check(known, known ? 'statement.known' : 'statement.unknown', 'statement.expected', { names: claims.unknown.join(', ') }, { remedy: 'remedy.tell-us' }),
    ...REQUIRED.map(([name, value]) => {
      const seen = claims.attributes.get(name)
      return check(seen === value, seen === undefined ? 'attribute.missing' : 'attribute.is', 'attribute.expected', { name, seen: String(seen), value: String(value) }, { remedy: 'remedy.attributes' })
    }),
  ]
}
