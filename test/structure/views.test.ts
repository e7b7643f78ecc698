import { describe, expect, test } from 'vitest'
import { filesBelow, read, SOURCES, withoutComments, partOf } from './source-files.ts'

/** Letters that are the same in every language: units, standards, names of languages in their own. */
const SAME_EVERYWHERE = /\b(SHA-256|RSA|TOTP|PEM|DER|PKCS#7|OCSP|CRL|FIPS 140|Common Criteria|kB|KiB|MiB|B|English)\b|日本語/g

/** What a reader would see of a view that its own markup says. */
function ownWords(view: string): readonly string[] {
  const markup = view.replace(/<%#[\s\S]*?%>/g, '').replace(/<%[\s\S]*?%>/g, '\u0001')
  const attributes = [...markup.matchAll(/\b(?:alt|title|aria-label|placeholder|content)="([^"]*)"/g)].map((match) => match[1]!).filter((value) => !/^(width=device-width|utf-8)/.test(value))
  const text = markup.replace(/<!--[\s\S]*?-->/g, '').replace(/<[^>]*>/g, '\u0001').replace(/&[a-z]+;|&#\d+;/g, ' ')
  return [...text.split('\u0001'), ...attributes].map((piece) => piece.replace(SAME_EVERYWHERE, '').trim()).filter((piece) => /\p{L}/u.test(piece))
}

/** What is typed into a terminal as it stands. */
const COMMAND = /^(ykman|openssl|osslsigncode|jarsigner|signtool|pkcs11-tool) /

/** Strings with a sentence's look within the tags of a view. */
function wordsInCode(view: string): readonly string[] {
  const code = [...view.matchAll(/<%[-=_]?([\s\S]*?)-?%>/g)].map((match) => withoutComments(match[1]!)).join('\n')
  const strings = [...code.matchAll(/'([^'\n]*)'|"([^"\n]*)"/g)].map((match) => (match[1] ?? match[2] ?? '').replace(SAME_EVERYWHERE, ''))
  const sentence = (string: string) => /\p{L}\s+\p{L}/u.test(string) && !/^[\s.a-z-]+$/.test(string)
  return strings.filter((string) => !COMMAND.test(string) && (sentence(string) || /[\u3040-\u30ff\u4e00-\u9fff]/.test(string)))
}

describe('words stand in the locale files alone', () => {
  const views = filesBelow('views', /\.ejs$/)

  test('no view says anything of its own', () => {
    expect(views.length).toBeGreaterThan(20)
    expect(views.flatMap((file) => [...ownWords(read(file)), ...wordsInCode(read(file))].map((words) => `${file}: ${words}`))).toEqual([])
  })

  test('a word in a view is noticed', () => {
    expect(ownWords('<p>Hello <%= x %></p>')).toEqual(['Hello'])
    expect(ownWords('<img alt="A picture"><input placeholder="名前">')).toHaveLength(2)
    expect(ownWords("<p class=\"lead\"><%= t('x.y') %> SHA-256 – · &amp;</p>")).toEqual([])
    expect(wordsInCode("<%= x ? 'Not yet done' : '未完了' %><%= t('a.b') %><%- include('/parts/tag', { kind: 'good' }) %>")).toEqual(['Not yet done', '未完了'])
  })

  test('no page, rule or reply holds a sentence: Japanese words are in no code', () => {
    // What an operator reads in the terminal is English in this product; people's words are in the locale files.
    const found = SOURCES().filter((file) => ['web', 'application', 'people', 'attestation', 'key-protection'].includes(partOf(file)) && /[\u3040-\u30ff\u4e00-\u9fff]{2}/.test(withoutComments(read(file))))
    expect(found).toEqual([])
  })
})
