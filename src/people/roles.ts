/** Roles and what excludes what (ACC-2; CSBR 5.2.4). */
export const ROLES = ['subscriber', 'vetting-officer', 'approving-officer', 'revocation-officer', 'auditor', 'administrator'] as const
export type Role = (typeof ROLES)[number]
export const STAFF_ROLES: readonly [Role, ...Role[]] = ['vetting-officer', 'approving-officer', 'revocation-officer', 'auditor', 'administrator']
export const OFFICER_ROLES: readonly Role[] = ['vetting-officer', 'approving-officer', 'revocation-officer']

export const isRole = (value: string): value is Role => (ROLES as readonly string[]).includes(value)

/**
 * True when one person may hold all of these at once. Subscribers and auditors hold nothing else (auditors read and change
 * nothing); administrators, who make accounts, are no officers; the three officer roles go together, since each
 * application keeps its own duties apart by person.
 */
export function compatible(roles: readonly Role[]): boolean {
  const held = new Set(roles)
  if (held.size === 0) return false
  if (held.has('subscriber') || held.has('auditor') || held.has('administrator')) return held.size === 1
  return true
}
