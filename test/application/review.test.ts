import { describe, expect, test } from 'vitest'
import type { Application, Dossier } from '../../src/application/application.ts'
import { missingForApproval, refuseDuty, type Reviewer } from '../../src/application/review.ts'
import type { Role } from '../../src/people/roles.ts'
import { application, dossier, DOCUMENTS } from './dossiers.ts'

const officer = (id: string, role: Role, organisationId: string | null = null): Reviewer => ({ id, roles: new Set([role]), organisationId })

describe('who may take which duty', () => {
  test('ACC-2: an officer of the role, who has nothing to do with the application', () => {
    expect(refuseDuty(officer('other', 'vetting-officer'), dossier(), 'vetted')).toBeNull()
    expect(refuseDuty(officer('other', 'approving-officer'), dossier(), 'decided')).toBeNull()
    // Who vetted it goes on vetting it.
    expect(refuseDuty(officer('vetter', 'vetting-officer'), dossier(), 'vetted')).toBeNull()
  })

  test.each<[string, Reviewer, 'vetted' | 'decided', string]>([
    ['a vetting officer decides nothing', officer('other', 'vetting-officer'), 'decided', 'role'],
    ['an approving officer checks nothing', officer('other', 'approving-officer'), 'vetted', 'role'],
    ['an auditor does neither', officer('other', 'auditor'), 'vetted', 'role'],
    ['an administrator does neither', officer('other', 'administrator'), 'decided', 'role'],
    ['nobody checks their own application', officer('applicant', 'vetting-officer'), 'vetted', 'own-application'],
    ['nobody decides on their own application', officer('applicant', 'approving-officer'), 'decided', 'own-application'],
    ['nobody checks an application of their own organisation', officer('other', 'vetting-officer', 'organisation'), 'vetted', 'own-organisation'],
    ['nobody decides on an application of their own organisation', officer('other', 'approving-officer', 'organisation'), 'decided', 'own-organisation'],
    ['who checked does not decide', officer('vetter', 'approving-officer'), 'decided', 'vetted-it'],
  ])('ACC-2, VET-6: %s', (_, reviewer, duty, why) => {
    expect(refuseDuty(reviewer, dossier(), duty)).toBe(`review.refused.${why}`)
  })

  test('ACC-2: who decided does not check what comes back', () => {
    const decided = dossier({ duties: [{ accountId: 'approver', duty: 'decided', takenAt: '2026-06-01T09:00:00.000Z' }] })
    expect(refuseDuty(officer('approver', 'vetting-officer'), decided, 'vetted')).toBe('review.refused.decided-it')
    expect(refuseDuty(officer('approver', 'approving-officer'), decided, 'decided')).toBeNull()
  })

  test('ACC-2: who handed it in for somebody else neither checks nor decides', () => {
    const applied = dossier({ duties: [{ accountId: 'helper', duty: 'applied', takenAt: '2026-06-01T09:00:00.000Z' }] })
    expect(refuseDuty(officer('helper', 'vetting-officer'), applied, 'vetted')).toBe('review.refused.own-application')
  })

  test('ACC-2: two people without an organisation are not of one organisation', () => {
    expect(refuseDuty(officer('other', 'vetting-officer'), dossier({ application: application({ organisationId: null }) }), 'vetted')).toBeNull()
  })
})

describe('what an approval can’t do without', () => {
  test('VET-6: nothing is missing from a whole dossier', () => {
    expect(missingForApproval(dossier(), DOCUMENTS)).toEqual([])
  })

  const without = (field: keyof Application): Dossier => dossier({ application: application({ [field]: null }) })
  test.each<[string, Dossier, string]>([
    ['an organisation', without('organisation'), 'statements'],
    ['a subject', without('subject'), 'statements'],
    ['a request', without('request'), 'statements'],
    ['a key statement (APP-2)', without('key'), 'statements'],
    ['the certified accuracy (APP-1)', without('accuracyCertifiedAt'), 'accuracy'],
    ['one agreement (APP-1)', dossier({ agreements: dossier().agreements.slice(1) }), 'agreements'],
    ['the verdict on the request', dossier({ assessments: dossier().assessments.slice(1) }), 'request'],
    ['the verdict on the attestation', dossier({ assessments: dossier().assessments.slice(0, 1) }), 'key-protection'],
    ['somebody who checked', dossier({ duties: dossier().duties.slice(0, 1) }), 'vetted'],
  ])('VET-6: %s', (_, standing, why) => {
    expect(missingForApproval(standing, DOCUMENTS)).toEqual([`review.missing.${why}`])
  })

  test.each(['fail', 'malformed'] as const)('ATT-2: an attestation that came out as %s', (outcome) => {
    expect(missingForApproval(dossier({ assessments: dossier().assessments.map((each) => (each.kind === 'key-protection' ? { ...each, outcome } : each)) }), DOCUMENTS)).toEqual(['review.missing.key-protection'])
  })
})
