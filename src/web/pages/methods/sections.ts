/** The sections of the methods that have one, in the order of the CP. */
import type { MethodSection } from '../../method-section.ts'
import { keyAttestationSection } from './key-attestation.ts'

export const METHOD_SECTIONS: readonly MethodSection[] = [keyAttestationSection]
