/**
 * The small part of Markdown that policy texts use, read into plain blocks. No HTML is made here: views/parts/markdown.ejs
 * writes the blocks and escapes every string, so markup in a text is shown as it stands.
 */
export type Inline =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'strong'; readonly text: string }
  | { readonly kind: 'emphasis'; readonly text: string }
  | { readonly kind: 'code'; readonly text: string }
  /** `href` begins with http://, https:// or mailto:. */
  | { readonly kind: 'link'; readonly text: string; readonly href: string }

export type Block =
  /** Level 1 is the text's own title. */
  | { readonly kind: 'heading'; readonly level: number; readonly inlines: readonly Inline[] }
  | { readonly kind: 'paragraph'; readonly inlines: readonly Inline[] }
  | { readonly kind: 'quote'; readonly inlines: readonly Inline[] }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly start: number; readonly items: ReadonlyArray<readonly Inline[]> }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'table'; readonly head: ReadonlyArray<readonly Inline[]>; readonly rows: ReadonlyArray<ReadonlyArray<readonly Inline[]>> }
  | { readonly kind: 'rule' }

const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/
const BULLET = /^[-*+]\s+(.*)$/
const NUMBERED = /^(\d{1,4})[.)]\s+(.*)$/
const FENCE = /^(```+|~~~+)/
const RULE = /^(-{3,}|\*{3,}|_{3,})$/
const TABLE_RULE = /^\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?$/

const begins = (line: string): boolean => line === '' || HEADING.test(line) || BULLET.test(line) || NUMBERED.test(line) || FENCE.test(line) || RULE.test(line) || line.startsWith('>')

/** Every text has a reading: what is no markup is a paragraph. Linear in the text's length. */
export function parseMarkdown(text: string): readonly Block[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r\n?|\n/).map((line) => line.trimEnd())
  const blocks: Block[] = []
  let at = 0
  /** This line's text and that of the lines that carry it on. */
  const takeRun = (first: string): readonly Inline[] => {
    const run = [first.trim()]
    while (at < lines.length && !begins(lines[at]!.trim())) run.push(lines[at++]!.trim())
    return parseInlines(joinLines(run))
  }
  while (at < lines.length) {
    const raw = lines[at++]!
    const line = raw.trim()
    if (line === '') continue
    const fence = FENCE.exec(line)?.[1]
    if (fence !== undefined) {
      const code: string[] = []
      while (at < lines.length && !lines[at]!.trim().startsWith(fence)) code.push(lines[at++]!)
      at++
      blocks.push({ kind: 'code', text: code.join('\n') })
      continue
    }
    const heading = HEADING.exec(line)
    if (heading) {
      blocks.push({ kind: 'heading', level: heading[1]!.length, inlines: parseInlines(heading[2]!) })
      continue
    }
    if (RULE.test(line)) {
      blocks.push({ kind: 'rule' })
      continue
    }
    if (line.startsWith('>')) {
      const quoted = [line]
      while (at < lines.length && lines[at]!.trim().startsWith('>')) quoted.push(lines[at++]!)
      blocks.push({ kind: 'quote', inlines: parseInlines(joinLines(quoted.map((each) => each.trim().replace(/^>\s?/, '')))) })
      continue
    }
    if (line.includes('|') && at < lines.length && lines[at]!.includes('|') && TABLE_RULE.test(lines[at]!.trim())) {
      at++
      const rows: (readonly Inline[])[][] = []
      const head = cells(line)
      while (at < lines.length && lines[at]!.includes('|')) rows.push(cells(lines[at++]!.trim()))
      // A short row is filled up, so that every cell stands under its heading.
      blocks.push({ kind: 'table', head, rows: rows.map((row) => head.map((_, column) => row[column] ?? [])) })
      continue
    }
    const numbered = NUMBERED.exec(line)
    const bullet = BULLET.exec(line)
    if (numbered || bullet) {
      const marker = numbered ? NUMBERED : BULLET
      const items: (readonly Inline[])[] = [takeRun((numbered?.[2] ?? bullet?.[1])!)]
      for (;;) {
        const next = marker.exec(lines[at]?.trim() ?? '')
        if (!next || RULE.test(lines[at]!.trim())) break
        at++
        items.push(takeRun((numbered ? next[2] : next[1])!))
      }
      blocks.push({ kind: 'list', ordered: numbered !== null, start: Number(numbered?.[1] ?? 1), items })
      continue
    }
    blocks.push({ kind: 'paragraph', inlines: takeRun(line) })
  }
  return blocks
}

/** Japanese has no space between words, so a line end between two such characters is nothing. */
function joinLines(lines: readonly string[]): string {
  return lines.reduce((whole, line) => (whole === '' ? line : /[\u3000-\u9fff\uff00-\uffef]$/.test(whole) && /^[\u3000-\u9fff\uff00-\uffef]/.test(line) ? whole + line : `${whole} ${line}`), '')
}

const cells = (line: string): (readonly Inline[])[] => line.replace(/^\|/, '').replace(/\|$/, '').split('|').map((cell) => parseInlines(cell.trim()))

// Addresses are ASCII, so that Japanese text may follow without a space; no alternative can match in two ways.
const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\][]+)\]\(((?:https?:\/\/|mailto:)[!-'*-~]+)\)|(https?:\/\/[!#-;=?-Z\\\]_a-z~]+)/g

/** The markup within one run of text. */
export function parseInlines(text: string): readonly Inline[] {
  const inlines: Inline[] = []
  const say = (plain: string) => {
    if (plain === '') return
    const last = inlines.at(-1)
    if (last?.kind === 'text') inlines[inlines.length - 1] = { kind: 'text', text: last.text + plain }
    else inlines.push({ kind: 'text', text: plain })
  }
  let after = 0
  for (const match of text.matchAll(INLINE)) {
    say(text.slice(after, match.index))
    after = match.index + match[0].length
    const [, code, strong, emphasis, label, href, bare] = match
    if (code !== undefined) inlines.push({ kind: 'code', text: code })
    else if (strong !== undefined) inlines.push({ kind: 'strong', text: strong })
    else if (emphasis !== undefined) inlines.push({ kind: 'emphasis', text: emphasis })
    else if (label !== undefined && href !== undefined) inlines.push({ kind: 'link', text: label, href })
    else if (bare !== undefined) {
      // The sentence's own punctuation is not part of the address.
      const address = bare.replace(/[.,;:!?'\])]+$/, '')
      inlines.push({ kind: 'link', text: address, href: address })
      say(bare.slice(address.length))
    }
  }
  say(text.slice(after))
  return inlines
}
