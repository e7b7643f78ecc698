/** An application as the rules see it, with nothing against it. */
import type { Application, Dossier } from '../../src/application/application.ts'

const AT = '2026-06-01T09:00:00.000Z'

export const application = (change: Partial<Application> = {}): Application => ({
  id: 'application',
  reference: 'A-0001',
  applicantId: 'applicant',
  organisationId: 'organisation',
  state: 'vetting',
  version: 3,
  policyId: 'policy',
  organisation: { legalName: 'Aoki Kogyo K.K.', country: 'JP', state: 'Tokyo', locality: 'Chiyoda-ku', street: '1-1', postalCode: '100-0001', registrationNumber: '0100-01-000001', foundedOn: '1999-04-01', phone: '03-0000-0000' },
  subject: { country: 'JP', state: 'Tokyo', locality: 'Chiyoda-ku', organization: 'Aoki Kogyo K.K.', organizationalUnit: '', commonName: 'Aoki Kogyo K.K.', serialNumber: '' },
  request: { requestDer: Buffer.from([1]), spkiDer: Buffer.from([2]), spkiSha256: '0'.repeat(64) },
  key: { option: 'own-module', method: 2, representedAt: AT, details: {} },
  accuracyCertifiedAt: AT,
  createdAt: AT,
  updatedAt: AT,
  submittedAt: AT,
  decision: null,
  holdFindings: null,
  ...change,
})

export const DOCUMENTS = ['cp', 'cps']

export const dossier = (change: Partial<Dossier> = {}): Dossier => ({
  application: application(),
  agreements: DOCUMENTS.map((document) => ({ document, version: '1', language: 'en', sha256: '0'.repeat(64), acceptedBy: 'applicant', acceptedAt: AT })),
  evidence: [],
  assessments: (['request', 'key-protection'] as const).map((kind) => ({ kind, outcome: 'pass', report: '{}', assessedAt: AT })),
  checks: [],
  duties: [
    { accountId: 'applicant', duty: 'applied', takenAt: AT },
    { accountId: 'vetter', duty: 'vetted', takenAt: AT },
  ],
  approval: null,
  ...change,
})
