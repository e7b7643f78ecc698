/** All lints, and their run over the exact octets to be signed (CP 4.3.1; ISS-1). */
import { MalformedDer } from '../../pki/der.ts'
import { BASIC_FIELD_LINTS } from './basic-fields.ts'
import { EXTENSION_LINTS } from './extensions.ts'
import { finding, type Lint, type LintContext, type LintFinding } from './lint.ts'
import { SUBJECT_LINTS } from './subject.ts'
import { readTbsView, type TbsView } from './tbs-view.ts'

/** Answers for octets that cannot be read as DER of the fields that they claim to be; then no other lint can look. */
export const ENCODING = { id: 'iss-1-encoding', row: 'ISS-1', clause: 'RFC 5280 4.1; X.690', sentence: 'encoding' } as const

export const LINTS: readonly Lint[] = [...BASIC_FIELD_LINTS, ...SUBJECT_LINTS, ...EXTENSION_LINTS]

/** Everything that is wrong with a TBSCertificate of the kind ordered. Empty is the only permission to sign. */
export function lintTbs(tbs: Uint8Array, context: LintContext, lints: readonly Lint[] = LINTS): LintFinding[] {
  let view: TbsView
  try {
    view = readTbsView(tbs)
  } catch (error) {
    if (!MalformedDer.is(error)) throw error
    return [finding(ENCODING, error.message)]
  }
  return lints.flatMap((lint) => {
    if (!lint.kinds.includes(context.kind)) return []
    const observed = lint.check(view, context)
    return observed === null ? [] : [finding(lint, observed)]
  })
}
