/** The answer times of a day as a picture drawn by the server: two lines over the hours, on a logarithmic scale, as numbers for an SVG. */

export interface HourOfTimes {
  /** As it stands under the picture. */
  readonly label: string
  /** Milliseconds; null where nothing was answered. */
  readonly half: number | null
  readonly most: number | null
}

export interface AnswerChart {
  readonly width: number
  readonly height: number
  /** Horizontal lines with their labels' text in milliseconds. */
  readonly marks: readonly { readonly y: number; readonly milliseconds: number }[]
  readonly hours: readonly { readonly x: number; readonly text: string }[]
  readonly left: number
  readonly right: number
  readonly bottom: number
  /** SVG paths; an hour without answers is a gap. */
  readonly half: string
  readonly most: string
  /** Where an hour stands alone or the line turns: small circles. */
  readonly points: readonly { readonly x: number; readonly y: number; readonly kind: 'half' | 'most' }[]
}

export const CHART_SIZES = { wide: { width: 1080, height: 280, everyHour: 3 }, narrow: { width: 340, height: 240, everyHour: 6 } } as const

const LEFT = 62
const RIGHT = 18
const TOP = 14
const BOTTOM = 34

/** @param hours the oldest first */
export function answerChart(hours: readonly HourOfTimes[], size: keyof typeof CHART_SIZES): AnswerChart {
  const { width, height, everyHour } = CHART_SIZES[size]
  const values = hours.flatMap(({ half, most }) => [half, most]).filter((value): value is number => value !== null && value > 0)
  // Whole powers of ten around what there is.
  const least = Math.floor(Math.log10(Math.min(...values, 1)))
  const top = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...values, 1))))
  const [left, right, bottom] = [LEFT, width - RIGHT, height - BOTTOM]
  const x = (at: number): number => round(left + ((right - left) * (at + 0.5)) / hours.length)
  const y = (value: number): number => round(bottom - ((Math.log10(Math.max(value, 10 ** least)) - least) / (top - least)) * (bottom - TOP))
  const line = (of: 'half' | 'most'): string => {
    let path = ''
    let broken = true
    for (const [at, hour] of hours.entries()) {
      const value = hour[of]
      if (value === null) broken = true
      else {
        path += `${broken ? 'M' : 'L'}${x(at)} ${y(value)}`
        broken = false
      }
    }
    return path
  }
  const points = (['half', 'most'] as const).flatMap((kind) => hours.flatMap((hour, at) => (hour[kind] === null ? [] : [{ x: x(at), y: y(hour[kind]), kind }])))
  return {
    width,
    height,
    marks: Array.from({ length: top - least + 1 }, (_, at) => ({ y: y(10 ** (least + at)), milliseconds: 10 ** (least + at) })),
    hours: hours.flatMap(({ label }, at) => ((hours.length - 1 - at) % everyHour === 0 ? [{ x: x(at), text: label }] : [])),
    left,
    right,
    bottom,
    half: line('half'),
    most: line('most'),
    points,
  }
}

const round = (value: number): number => Math.round(value * 10) / 10
