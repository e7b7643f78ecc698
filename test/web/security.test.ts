import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { cleanText, readForm } from '../../src/web/form.ts'
import type { SessionData } from '../../src/web/reply.ts'
import { csrfMatches, csrfToken } from '../../src/web/security.ts'
import { wellFormed } from '../../src/web/well-formed.ts'

describe('the token of a form', () => {
  test('ACC-1: is the session’s own: made once, at random, never shared', () => {
    const token = csrfToken({})
    expect(token).toMatch(/^[\w-]{43}$/)
    expect(csrfToken({ csrfToken: token })).toBe(token)
    expect(csrfToken({})).not.toBe(token)
  })

  test('ACC-1: nothing else matches: none, empty, another, shorter, longer, in another case', () => {
    const token = csrfToken({})
    const session: SessionData = { csrfToken: token }
    expect(csrfMatches(session, token)).toBe(true)
    for (const given of [undefined, '', token.slice(1), `${token}x`, token.toUpperCase() === token ? token.toLowerCase() : token.toUpperCase(), csrfToken({}), '\u00e9'.repeat(43)]) expect(csrfMatches(session, given), given).toBe(false)
    // A session that never showed a form has no token to match.
    for (const given of [undefined, '', 'undefined', 'null']) expect(csrfMatches({}, given), given).toBe(false)
  })
})

describe('what people type', () => {
  test('line ends are one kind; control characters and marks that turn the direction of writing are taken out; the rest stays as typed', () => {
    expect(cleanText(' a\r\nb\rc\n ')).toBe('a\nb\nc')
    expect(cleanText('a\u0000b\u0007c\u001b[31md\u007f')).toBe('abc[31md')
    expect(cleanText('invoice\u202egpj.exe\u2066')).toBe('invoicegpj.exe')
    expect(cleanText('株式会社ＡＢＣ\u3000東京\tdéjà')).toBe('株式会社ＡＢＣ\u3000東京\tdéjà')
  })

  const schema = z.object({ name: z.string('forms.required').min(3, 'forms.required').max(5, 'forms.too-long|max=5'), password: z.string('forms.required') })

  test('one sentence for each field, with its values; a message that is no key still gets one', () => {
    expect(readForm(schema, { name: 'toolong', password: 'x' })).toEqual({ ok: false, errors: [{ field: 'name', message: { key: 'forms.too-long', values: { max: '5' } } }] })
    expect(readForm(schema, {})).toEqual({ ok: false, errors: [{ field: 'name', message: { key: 'forms.required' } }, { field: 'password', message: { key: 'forms.required' } }] })
    expect(readForm(z.object({ x: z.string().min(3) }), { x: 'a' })).toEqual({ ok: false, errors: [{ field: 'x', message: { key: 'forms.required' } }] })
  })

  test('a password is left as it was typed', () => {
    expect(readForm(schema, { name: ' abc ', password: ' pass\u0007word ' })).toEqual({ ok: true, values: { name: 'abc', password: ' pass\u0007word ' } })
  })

  test('halves of characters become a mark that every encoding holds', () => {
    expect(wellFormed('a\ud83d.pem')).toBe('a\ufffd.pem')
    expect(wellFormed('証明書💩')).toBe('証明書💩')
    expect(() => encodeURIComponent(wellFormed('\udfff\ud800'))).not.toThrow()
  })
})
