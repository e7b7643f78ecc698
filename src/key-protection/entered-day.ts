/** A day as people write it on forms: with hyphens, slashes or dots, in full width, in kanji, and by the eras that Japanese register extracts carry. */
import JAPANESE from './eras.json' with { type: 'json' }
import { isDay } from './read-details.ts'

/** The newest era first: each lasts until the one before it in this list begins. */
const { digits, ten, eras } = JAPANESE

const TENS = new RegExp(`([${digits.slice(2)}])?${ten}([${digits.slice(1)}])?`, 'g')
const DIGIT = new RegExp(`[${digits}]`, 'g')
const ERA = eras.flatMap(({ name, letter }) => [name, letter]).join('|')
const DAY = new RegExp(`^(${ERA})?(\\d{1,4})(?:年|[-/.])(\\d{1,2})(?:月|[-/.])(\\d{1,2})日?$`, 'i')

/** Kanji numbers as digits, with a sign for ten or place by place; what is no kanji number stays. */
const inDigits = (text: string): string =>
  text
    .replace(TENS, (_, tens?: string, ones?: string) => String((tens ? digits.indexOf(tens) : 1) * 10 + (ones ? digits.indexOf(ones) : 0)))
    .replace(DIGIT, (sign) => String(digits.indexOf(sign)))

/** `2001-04-01`; null for what names no day of the calendar, or a day outside its era. */
export function readEnteredDay(text: string): string | null {
  const plain = inDigits(text.normalize('NFKC').replace(/[‐‑‒–—−ー]/g, '-').replace(/\s+/g, '').replace(/元(?=年)/, '1'))
  const [, named, year, month, date] = DAY.exec(plain) ?? []
  if (year === undefined || (named === undefined && year.length !== 4)) return null
  const index = eras.findIndex(({ name, letter }) => name === named || letter === named?.toUpperCase())
  const era = eras[index]
  const first = era ? Number(era.from.slice(0, 4)) - 1 : 0
  const day = `${String(first + Number(year)).padStart(4, '0')}-${month!.padStart(2, '0')}-${date!.padStart(2, '0')}`
  if (!isDay(day)) return null
  const next = eras[index - 1]
  return era && (Number(year) === 0 || day < era.from || (next !== undefined && day >= next.from)) ? null : day
}
