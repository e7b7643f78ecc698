/**
 * The hierarchy drawn by the server, as the numbers of an SVG: twice, since a picture that is read on a desk is too small on a telephone. The style sheet
 * shows the one that fits; `.tree` there has the same type sizes as here.
 */
export interface PictureNode {
  /** `root`, `authority` or `leaf`: how the box is drawn. */
  readonly kind: 'root' | 'authority' | 'leaf'
  readonly title: string
  readonly lines: readonly string[]
  /** True for what no longer serves: drawn with a broken edge. */
  readonly ended: boolean
  readonly children: readonly PictureNode[]
}

export interface PictureBox {
  readonly kind: PictureNode['kind']
  readonly ended: boolean
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly texts: readonly { readonly x: number; readonly y: number; readonly bold: boolean; readonly text: string }[]
}
export interface Picture {
  readonly width: number
  readonly height: number
  readonly boxes: readonly PictureBox[]
  /** Path data of the lines between boxes. */
  readonly paths: readonly string[]
}

const SIZE = { bold: 15, plain: 13 } as const
const LEADING = { bold: 21, plain: 19 } as const
const PADDING = 12

/** The wide picture: each branch a column below the root, its leaves below one another. As wide as the page as long as no column is too narrow to read. */
const WIDE = 1116
const COLUMN = { least: 270, most: 420 } as const
const BETWEEN_COLUMNS = 28
const BETWEEN_ROWS = 44
const BETWEEN_LEAVES = 14
const LEAF_INDENT = 22
/** The narrow picture: one below the other, indented. */
const NARROW = 340
const STEP = 18

export function drawWide(root: PictureNode): Picture {
  const columns = Math.max(1, root.children.length)
  const column = Math.round(Math.min(COLUMN.most, Math.max(COLUMN.least, (WIDE - (columns - 1) * BETWEEN_COLUMNS) / columns)))
  const width = columns * column + (columns - 1) * BETWEEN_COLUMNS
  const boxes: PictureBox[] = []
  const paths: string[] = []
  const top = box(root, (width - column) / 2, 0, column)
  boxes.push(top)
  const middle = top.height + BETWEEN_ROWS / 2
  root.children.forEach((branch, index) => {
    const x = index * (column + BETWEEN_COLUMNS)
    const drawn = box(branch, x, top.height + BETWEEN_ROWS, column)
    boxes.push(drawn)
    paths.push(`M${width / 2} ${top.height}V${middle}H${x + column / 2}V${drawn.y}`)
    below(branch, drawn, x + LEAF_INDENT, column - LEAF_INDENT, boxes, paths)
  })
  return { width, height: bottom(boxes), boxes, paths }
}

export function drawNarrow(root: PictureNode): Picture {
  const boxes: PictureBox[] = []
  const paths: string[] = []
  const top = box(root, 0, 0, NARROW)
  boxes.push(top)
  below(root, top, STEP, NARROW - STEP, boxes, paths)
  return { width: NARROW, height: bottom(boxes), boxes, paths }
}

/** What hangs below a box, one below the other, each joined to it by its left edge. */
function below(parent: PictureNode, drawn: PictureBox, x: number, width: number, boxes: PictureBox[], paths: string[]): void {
  const trunk = x - LEAF_INDENT / 2
  for (const child of parent.children) {
    const next = box(child, x, bottom(boxes.filter((each) => each.x + each.width > trunk && each.x < x + width)) + BETWEEN_LEAVES, width)
    boxes.push(next)
    paths.push(`M${trunk} ${drawn.y + drawn.height}V${next.y + PADDING + SIZE.bold / 2}H${x}`)
    below(child, next, x + STEP, width - STEP, boxes, paths)
  }
}

const bottom = (boxes: readonly PictureBox[]): number => Math.max(...boxes.map(({ y, height }) => y + height))

function box({ kind, title, lines, ended }: PictureNode, x: number, y: number, width: number): PictureBox {
  const room = width - 2 * PADDING
  const texts: { x: number; y: number; bold: boolean; text: string }[] = []
  let at = y + PADDING
  for (const [bold, text] of [[true, title], ...lines.map((line) => [false, line] as const)] as const)
    for (const line of wrap(text, room / (bold ? SIZE.bold : SIZE.plain), bold)) {
      at += bold ? LEADING.bold : LEADING.plain
      texts.push({ x: x + PADDING, y: at - 5, bold, text: line })
    }
  return { kind, ended, x, y, width, height: at + PADDING - y, texts }
}

/** How wide a character is, in parts of its size: a little more than it is, so that no line leaves its box. */
function widthOf(character: string, bold: boolean): number {
  if (/[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60\u{20000}-\u{3ffff}]/u.test(character)) return 1.02
  return (/[A-Z@MW%&]/.test(character) ? 0.71 : /[\s.,:;'|ilIjtf()/-]/.test(character) ? 0.36 : 0.59) * (bold ? 1.06 : 1)
}

/** Lines of at most `room` parts of the size: broken at spaces, within words only where one alone is too long, and between ideographs. */
function wrap(text: string, room: number, bold: boolean): readonly string[] {
  const pieces = text.match(/[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60][、。，．）」]?|[^\s\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60]+|\s+/gu) ?? []
  const lines: string[] = []
  let line = ''
  let used = 0
  const take = (piece: string) => {
    const width = [...piece].reduce((sum, character) => sum + widthOf(character, bold), 0)
    if (used + width > room && line.trim() !== '') {
      lines.push(line.trimEnd())
      line = ''
      used = 0
      if (piece.trim() === '') return
    }
    line += piece
    used += width
  }
  for (const piece of pieces) {
    const tooLong = [...piece].reduce((sum, character) => sum + widthOf(character, bold), 0) > room
    for (const part of tooLong ? [...piece] : [piece]) take(part)
  }
  if (line.trim() !== '') lines.push(line.trimEnd())
  return lines
}
