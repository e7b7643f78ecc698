import type { NameAttribute } from '../pki/name.ts'

/** The same name for a demo hierarchy: DEMO before organisation and common name. */
export const demoName = (name: readonly NameAttribute[]): NameAttribute[] =>
  name.map((each) => (each.type === 'commonName' || each.type === 'organizationName' ? { ...each, value: `DEMO ${each.value}`.slice(0, 64) } : each))
