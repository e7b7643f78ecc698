/** Method 5 on the page of key protection: each cloud's commands, and the way by attestation where there is one. */
import { attestationRecommended, cloudCommands } from '../../../key-protection/cloud-report.ts'
import { modulesOf } from '../../../key-protection/cloud/module.ts'
import { CLOUDS } from '../../../key-protection/cloud/question.ts'
import { inWords } from '../../findings.ts'
import type { MethodSection } from '../../method-section.ts'

/** What Google Cloud has to record, for its policy file. */
const AUDIT_CONFIGS = JSON.stringify([{ service: 'cloudkms.googleapis.com', auditLogConfigs: ['ADMIN_READ', 'DATA_READ', 'DATA_WRITE'].map((logType) => ({ logType })) }], null, 2)

export const cloudReportSection: MethodSection = {
  id: 'cloud-report',
  model: async ({ services, language, now, dossier: { application, evidence } }) => ({
    attestation: attestationRecommended(evidence),
    clouds: CLOUDS.map((id) => ({
      id,
      open: application.key?.details?.['cloud'] === id,
      modules: modulesOf(id, now, services.policy).map(({ model, accepted, observed }) => ({ model, accepted, standing: inWords(language, observed) })),
      commands: cloudCommands(id).map(({ command }) => command).join('\n'),
      config: id === 'google' ? `"auditConfigs": ${AUDIT_CONFIGS}` : null,
    })),
  }),
}
