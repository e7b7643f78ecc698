import { describe, expect, test } from 'vitest'
import { loadPolicy } from '../../src/policy/policy.ts'
import { parseInlines, parseMarkdown } from '../../src/web/markdown.ts'
import { renderPage } from '../../src/web/render.ts'

const frame = { language: 'en', account: null, path: '/', csrf: 'token', notice: null, demo: false, production: true, operator: 'Example CA', idleMinutes: 30 } as const
const draw = async (text: string): Promise<string> => {
  const html = await renderPage('../test/web/prose', { key: 'home.title' }, { blocks: parseMarkdown(text) }, frame)
  return html.split('<div class="prose">')[1]!.split('</main>')[0]!
}

describe('Markdown', () => {
  test('becomes headings below the page title, paragraphs, lists, quotes, code and tables', async () => {
    const html = await draw('# Title\n\n## Part\nOne line\nand another.\n\n- a\n  more\n- b\n\n3. c\n4) d\n\n> said\n> twice\n\n---\n\n```sh\n# no heading\n```\n\n| A | B |\n|---|:-:|\n| 1 |\n')
    expect(html).toContain('<h2>Title</h2>')
    expect(html).toContain('<h3>Part</h3>')
    expect(html).toContain('<p>One line and another.</p>')
    expect(html).toMatch(/<ul>\s*<li>a more<\/li>\s*<li>b<\/li>\s*<\/ul>/)
    expect(html).toMatch(/<ol start="3">\s*<li>c<\/li>\s*<li>d<\/li>\s*<\/ol>/)
    expect(html).toContain('<blockquote><p>said twice</p></blockquote>')
    expect(html).toContain('<hr>')
    expect(html).toContain('<code># no heading</code>')
    expect(html).toMatch(/<tr><td>1<\/td><td><\/td><\/tr>/)
  })

  test('marks strong, emphasis, code and addresses within a line', () => {
    expect(parseInlines('a **b** *c* `d*e*` [f](https://g.example/?h=1&i)')).toEqual([
      { kind: 'text', text: 'a ' },
      { kind: 'strong', text: 'b' },
      { kind: 'text', text: ' ' },
      { kind: 'emphasis', text: 'c' },
      { kind: 'text', text: ' ' },
      { kind: 'code', text: 'd*e*' },
      { kind: 'text', text: ' ' },
      { kind: 'link', text: 'f', href: 'https://g.example/?h=1&i' },
    ])
  })

  test("leaves a sentence's punctuation and Japanese text out of an address", () => {
    expect(parseInlines('(see https://a.example/b).')).toEqual([{ kind: 'text', text: '(see ' }, { kind: 'link', text: 'https://a.example/b', href: 'https://a.example/b' }, { kind: 'text', text: ').' }])
    expect(parseInlines('公開場所はhttps://a.example/b/です')[1]).toEqual({ kind: 'link', text: 'https://a.example/b/', href: 'https://a.example/b/' })
  })

  test('joins Japanese lines without a space', () => {
    expect(parseMarkdown('本契約は、\n申請に適用されます。\nRFC\n3647')).toEqual([{ kind: 'paragraph', inlines: [{ kind: 'text', text: '本契約は、申請に適用されます。 RFC 3647' }] }])
  })

  test('keeps numbered paragraphs of a policy (1.1 Overview) as paragraphs', () => {
    expect(parseMarkdown('1.1 Overview. Text.')[0]!.kind).toBe('paragraph')
  })

  const HOSTILE = '<script>alert(1)</script> " \' & <img src=x onerror=alert(1)>'
  test.each([
    ['a heading', `# ${HOSTILE}`],
    ['a paragraph', HOSTILE],
    ['a list', `- ${HOSTILE}`],
    ['a quote', `> ${HOSTILE}`],
    ['a fence', `\`\`\`\n${HOSTILE}\n\`\`\``],
    ['code', `\`${HOSTILE}\``],
    ['strong text', `**${HOSTILE}**`],
    ['a table', `| ${HOSTILE} |\n|---|\n| ${HOSTILE} |`],
    ['a link text', `[${HOSTILE}](https://a.example)`],
    ['a link address', `[x](https://a.example/"onmouseover="alert(1))`],
  ])('escapes everything in %s', async (_, text) => {
    const html = await draw(text)
    expect(html).not.toMatch(/<script|<img|"onmouseover/)
    expect(html).toMatch(/&lt;script&gt;|&#34;onmouseover/)
  })

  test.each(['javascript:alert(1)', 'JAVASCRIPT:alert(1)', 'data:text/html,x', '//evil.example', 'vbscript:x'])('makes no link of %s', (address) => {
    expect(parseInlines(`[x](${address}) ${address}`).some((inline) => inline.kind === 'link')).toBe(false)
  })

  test('reads every shipped text, and has an end for any text', () => {
    for (const { text } of loadPolicy().texts) expect(parseMarkdown(text).length).toBeGreaterThan(10)
    const alphabet = ['#', ' ', '\n', '-', '1.', '>', '```', '|', '*', '**', '`', '[', '](', ')', 'https://', 'あ', '<', '|-|', '\r']
    let seed = 20260401
    const next = (below: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: 1 + next(40) }, () => alphabet[next(alphabet.length)]).join('')
      expect(Array.isArray(parseMarkdown(text))).toBe(true)
    }
    for (const piece of ['*', '[', '`', '**a', '[a](', '> ', '- ', '|', '# #']) {
      const before = performance.now()
      parseMarkdown(piece.repeat(20_000))
      expect(performance.now() - before, piece).toBeLessThan(2000)
    }
  })
})
