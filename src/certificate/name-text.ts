/** What a name's text may hold, for the forms that take it and the lints that read it out of the certificate (CRT-2; CP 3.1.1). */

/**
 * Unassigned, private-use, control and format characters, those that are drawn as nothing (hangul fillers, variation
 * selectors, joiners), blanks that are no spaces, and the signs of broken text: two names could look alike.
 */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\u{16fe4}\u{1d159}\ufffc\ufffd]/u
/** Spaces of other widths, and spaces in a row, look like one space. U+3000 is the space of Japanese names. */
const ODD_SPACES = /[^\P{Zs} \u3000]|[ \u3000]{2}/u

export const holdsUnseen = (text: string): boolean => UNSEEN.test(text)
export const holdsOddSpaces = (text: string): boolean => ODD_SPACES.test(text)

/** CSBR 7.1.4.2.2 d: another way to say that there is nothing. */
const WORDS_FOR_NOTHING = /^(?:n\/a|n\.a\.|none|null|undefined|unknown|not applicable|tbd|なし|無し|該当なし|該当無し|不明|未定)$/i
/** A long-vowel or repetition mark (Lm) says nothing without a letter before it. */
const SAYS_SOMETHING = /[\p{Lu}\p{Ll}\p{Lt}\p{Lo}\p{N}]/u

/** CSBR 7.1.4.2.2 d: signs such as '.', '-' and space alone, or a word for nothing; full-width forms mean what they show. */
export function isMetaOnly(text: string): boolean {
  const plain = text.normalize('NFKC').trim()
  return !SAYS_SOMETHING.test(plain) || WORDS_FOR_NOTHING.test(plain)
}
