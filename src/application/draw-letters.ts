/** Random text that people read and type. */
import type { RandomBytes } from './ports.ts'

const ALPHABET = '23456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Letters and digits, none of them alike, each as likely as the others. */
export function drawLetters(random: RandomBytes, count: number): string {
  let drawn = ''
  while (drawn.length < count) {
    // 240 = 8 × 30: higher octets would favour the first letters.
    for (const octet of random(16)) if (octet < 240 && drawn.length < count) drawn += ALPHABET[octet % ALPHABET.length]!
  }
  return drawn
}

/** How many bits so many letters hold, rounded down. */
export const bitsOf = (count: number): number => Math.floor(count * Math.log2(ALPHABET.length))
