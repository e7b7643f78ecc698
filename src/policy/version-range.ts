/** Versions as PKCS #11 tells them: `major.minor`, two numbers (CK_VERSION). */
export interface VersionRange {
  readonly from: string
  readonly to: string
}

/** Whether the first version is no later than the second. */
export function versionsInOrder(one: string, other: string): boolean {
  const [major, minor] = one.split('.').map(Number) as [number, number]
  const [otherMajor, otherMinor] = other.split('.').map(Number) as [number, number]
  return major < otherMajor || (major === otherMajor && minor <= otherMinor)
}

/** Whether a version lies in a range, both ends included. */
export const versionWithin = (told: string, { from, to }: VersionRange): boolean => versionsInOrder(from, told) && versionsInOrder(told, to)
