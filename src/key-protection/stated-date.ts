/** Days as documents state them, and how long what they prove may be relied on (CSBR 4.2.1). */
import { addMonths } from '../certificate/validity.ts'
import { isDay } from './read-details.ts'

const DAY = 86_400_000

/** The first moment of a day written year-month-day, in UTC; null for anything else. */
export const dayOf = (text: string | undefined): Date | null => (text !== undefined && isDay(text) ? new Date(`${text}T00:00:00Z`) : null)

/** Whether the day has not begun anywhere yet: calendars in the east are up to a day ahead of UTC. */
export const isAhead = (day: Date, at: Date): boolean => day.getTime() > at.getTime() + DAY

/** The last day on which a document of that day may be relied on. */
export const lapseOf = (day: Date, months: number): string => addMonths(day, months).toISOString().slice(0, 10)

/** Whether the day on which it lapses is over everywhere. */
export const hasLapsed = (day: Date, months: number, at: Date): boolean => at.getTime() >= addMonths(day, months).getTime() + DAY
