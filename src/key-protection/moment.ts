/** A moment as people and programs write it. */

/** A day (`2026-11-22`: its first moment, UTC) or a moment with its zone, ISO 8601; null for anything else, and for a day that no month has. */
export function readMoment(text: string): Date | null {
  const [, day] = /^(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/.exec(text) ?? []
  if (day === undefined) return null
  const [moment, midnight] = [new Date(text), new Date(`${day}T00:00:00Z`)]
  // JavaScript takes 30 February for 2 March.
  return Number.isNaN(moment.getTime()) || Number.isNaN(midnight.getTime()) || midnight.toISOString().slice(0, 10) !== day ? null : moment
}
