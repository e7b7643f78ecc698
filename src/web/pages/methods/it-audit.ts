/** Method 4 on the page of key protection: what the report must say, and a report that may be used again (ATT-4). */
import type { MethodSection } from '../../method-section.ts'
import { reuseModel, reuseRoute } from './reuse.ts'

export const itAuditSection: MethodSection = {
  id: 'it-audit',
  model: async ({ services, dossier: { application }, now }) => ({ reusable: await reuseModel(services, application, now) }),
  routes: () => [reuseRoute],
}
