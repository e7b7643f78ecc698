/** A day as people write it on forms: with hyphens, slashes or dots, in full width, in kanji, and by the eras that Japanese register extracts carry. */
import { isDay } from './read-details.ts'

/** The era's first day; it lasts until the next one begins. */
const ERAS = [
  { names: ['令和', 'R'], from: '2019-05-01' },
  { names: ['平成', 'H'], from: '1989-01-08' },
  { names: ['昭和', 'S'], from: '1926-12-25' },
  { names: ['大正', 'T'], from: '1912-07-30' },
  { names: ['明治', 'M'], from: '1868-01-25' },
] as const

const KANJI = '〇一二三四五六七八九'

/** 十三 as 13, 二〇〇一 as 2001; what is no kanji number stays. */
const digits = (text: string): string =>
  text
    .replace(/([二三四五六七八九])?十([一二三四五六七八九])?/g, (_, tens?: string, ones?: string) => String((tens ? KANJI.indexOf(tens) : 1) * 10 + (ones ? KANJI.indexOf(ones) : 0)))
    .replace(/[〇一二三四五六七八九]/g, (sign) => String(KANJI.indexOf(sign)))

/** `2001-04-01`; null for what names no day of the calendar, or a day outside its era. */
export function readEnteredDay(text: string): string | null {
  const plain = digits(text.normalize('NFKC').replace(/[‐‑‒–—−ー]/g, '-').replace(/\s+/g, '').replace(/元年/, '1年'))
  const [, era, year, month, date] = /^(令和|平成|昭和|大正|明治|[RHSTM])?(\d{1,4})(?:年|[-/.])(\d{1,2})(?:月|[-/.])(\d{1,2})日?$/i.exec(plain) ?? []
  if (year === undefined || (era === undefined && year.length !== 4)) return null
  const index = era === undefined ? -1 : ERAS.findIndex(({ names }) => (names as readonly string[]).includes(era.toUpperCase()))
  const first = index < 0 ? 0 : Number(ERAS[index]!.from.slice(0, 4)) - 1
  const day = `${String(first + Number(year)).padStart(4, '0')}-${month!.padStart(2, '0')}-${date!.padStart(2, '0')}`
  if (!isDay(day)) return null
  if (index >= 0 && (Number(year) === 0 || day < ERAS[index]!.from || (index > 0 && day >= ERAS[index - 1]!.from))) return null
  return day
}
