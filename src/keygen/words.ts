/** The program's words, in the language asked for. They travel with it, so they are imported as data. */
import en from '../web/locales/en/keygen.json' with { type: 'json' }
import ja from '../web/locales/ja/keygen.json' with { type: 'json' }

export type Language = 'en' | 'ja'
/** The sentence of a key, such as `error.bad-bits`, with its placeholders filled. */
export type Words = (key: string, values?: Readonly<Record<string, string>>) => string

export const wordsOf =
  (language: Language): Words =>
  (key, values = {}) => {
    const found = key.split('.').reduce<unknown>((node, name) => (typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[name] : undefined), language === 'ja' ? ja : en)
    if (typeof found !== 'string') throw new Error(`no words for ${key}`)
    return found.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
  }

/** The language of the terminal (LC_ALL, LC_MESSAGES, LANG, in this order), English otherwise. */
export function terminalLanguage(env: Readonly<Record<string, string | undefined>>): Language {
  const locale = [env['LC_ALL'], env['LC_MESSAGES'], env['LANG']].find((each) => each) ?? ''
  return locale.toLowerCase().startsWith('ja') ? 'ja' : 'en'
}
