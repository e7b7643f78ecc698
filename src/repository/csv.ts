/** Comma-separated values (RFC 4180): every field quoted, lines ended by CRLF. */

/** What a spreadsheet takes for the beginning of a formula, full-width forms included: an apostrophe before it makes it text. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/

const field = (text: string): string => `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`

export const writeCsv = (rows: readonly (readonly string[])[]): string => rows.map((row) => `${row.map(field).join(',')}\r\n`).join('')
