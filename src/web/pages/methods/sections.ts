/** The sections of the methods that have one, in the order of the CP. */
import type { MethodSection } from '../../method-section.ts'
import { cloudReportSection } from './cloud-report.ts'
import { itAuditSection } from './it-audit.ts'
import { keyAttestationSection } from './key-attestation.ts'
import { prescribedLibrarySection } from './prescribed-library.ts'
import { shippedModuleSection } from './shipped-module.ts'
import { signingServiceSection } from './signing-service.ts'
import { witnessedGenerationSection } from './witnessed-generation.ts'

export const METHOD_SECTIONS: readonly MethodSection[] = [shippedModuleSection, keyAttestationSection, prescribedLibrarySection, itAuditSection, cloudReportSection, witnessedGenerationSection, signingServiceSection]
