/** The text with U+FFFD in place of each half of a surrogate pair, which UTF-8 can't hold and encodeURIComponent throws at. */
export const wellFormed = (text: string): string => Buffer.from(text, 'utf8').toString('utf8')
