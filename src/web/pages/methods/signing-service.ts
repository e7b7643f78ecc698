/** Method 7 on the page of key protection: the services to choose from, and an agreement that may be used again (ATT-7). */
import { versionsOf } from '../../../key-protection/register.ts'
import { dayOf, lapseOf } from '../../../key-protection/stated-date.ts'
import type { MethodSection } from '../../method-section.ts'
import { reuseModel } from './reuse.ts'

export const signingServiceSection: MethodSection = {
  id: 'signing-service',
  async model({ services, dossier: { application }, facts, now }) {
    const { keyProtectionReuseMonths } = services.policy.periods
    return {
      reusable: await reuseModel(services, application, now),
      services: facts.signingServices
        .filter(({ withdrawnAt }) => withdrawnAt === null)
        .map((service) => ({ name: service.name, operator: service.operator, versions: versionsOf(service).join(', '), until: lapseOf(dayOf(service.reportDate)!, keyProtectionReuseMonths) })),
    }
  },
}
