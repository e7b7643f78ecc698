/** Every URL of the portal: who may ask for it and which audit events it writes. The tests walk this table. */
import type { Services } from '../services.ts'
import { homeRoutes } from './pages/home.ts'
import { keysRoutes } from './pages/keys.ts'
import { keyGenerationRoutes } from './pages/key-generation.ts'
import { mailRoutes } from './pages/mail.ts'
import { moduleRoutes } from './pages/modules.ts'
import { certificateRoutes } from './pages/certificates.ts'
import { checkKeyRoutes } from './pages/check-key.ts'
import { checkKeyApiRoutes } from './pages/check-key-api.ts'
import { checkKeyUseRoutes } from './pages/check-key-use.ts'
import { makersRoutes } from './pages/makers.ts'
import { exampleRoutes } from './pages/examples.ts'
import { repositoryRoutes } from './pages/repository.ts'
import { repositoryDocumentsRoutes } from './pages/repository-documents.ts'
import { repositoryFactsRoutes } from './pages/repository-facts.ts'
import { reviewRoutes } from './pages/review.ts'
import { accountRoutes } from './pages/account.ts'
import { auditRoutes } from './pages/audit.ts'
import { peopleRoutes } from './pages/people.ts'
import { registerRoutes } from './pages/register.ts'
import { registersRoutes } from './pages/registers.ts'
import { secondFactorRoutes } from './pages/second-factor.ts'
import { statusRoutes } from './pages/status.ts'
import { signInRoutes } from './pages/sign-in.ts'
import { applicationsRoutes } from './pages/applications.ts'
import { applyAgreementsRoutes } from './pages/apply-agreements.ts'
import { applyCertificateRoutes } from './pages/apply-certificate.ts'
import { applyKeyProtectionRoutes } from './pages/apply-key-protection.ts'
import { applyOrganisationRoutes } from './pages/apply-organisation.ts'
import { applyRequestRoutes } from './pages/apply-request.ts'
import { applySubjectRoutes } from './pages/apply-subject.ts'
import { applySubmitRoutes } from './pages/apply-submit.ts'
import type { Route } from './reply.ts'

/** A page's routes never depend on a request; `services` is given for limits that policy or configuration set. */
export function routeTable(services: Services): readonly Route[] {
  const people = [...registerRoutes(services), ...signInRoutes(services), ...secondFactorRoutes(services), ...accountRoutes(services), ...peopleRoutes(services), ...auditRoutes(services)]
  const apply = [applicationsRoutes, applyOrganisationRoutes, applyAgreementsRoutes, applySubjectRoutes, applyRequestRoutes, applyKeyProtectionRoutes, applySubmitRoutes, applyCertificateRoutes].flatMap((routes) => routes(services))
  const repository = [repositoryRoutes, repositoryDocumentsRoutes, repositoryFactsRoutes, keyGenerationRoutes, exampleRoutes, makersRoutes].flatMap((routes) => routes(services))
  return [...homeRoutes(services), ...statusRoutes(services), ...people, ...apply, ...mailRoutes(services), ...repository, ...reviewRoutes(services), ...registersRoutes(services), ...certificateRoutes(services), ...keysRoutes(services), ...moduleRoutes(services), ...checkKeyRoutes(services), ...checkKeyUseRoutes(services), ...checkKeyApiRoutes(services)]
}
