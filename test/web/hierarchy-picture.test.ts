import { describe, expect, test } from 'vitest'
import { drawNarrow, drawWide, type Picture, type PictureNode } from '../../src/web/hierarchy-picture.ts'

const leaf = (title: string, lines: readonly string[] = []): PictureNode => ({ kind: 'leaf', title, lines, ended: false, children: [] })
const branch = (title: string, children: readonly PictureNode[]): PictureNode => ({ kind: 'authority', title, lines: ['発行認証局 · RSA 4096', '有効期限:2041-11-22 12:57 JST'], ended: title.includes('old'), children })
const TREE: PictureNode = {
  kind: 'root',
  title: 'DEMO Security Communication RootCA3',
  lines: ['Root CA · RSA 4096'],
  ended: false,
  children: [
    branch('A name without any space which is far longer than its box: PassportForCodeSigningCertificationAuthorityG1', [leaf('Subscribers'), leaf('OCSP responder 1', ['Valid until 2027-03-22 03:57 UTC'])]),
    branch('タイムスタンプ用認証局とても長い名前のために折り返しが必要です第二世代', [leaf('利用者のコードサイニング証明書'), leaf('x')]),
    branch('old', []),
  ],
}

const overlaps = ({ boxes }: Picture): string[] =>
  boxes.flatMap((one, index) => boxes.slice(index + 1).flatMap((other) => (one.x < other.x + other.width && other.x < one.x + one.width && one.y < other.y + other.height && other.y < one.y + one.height ? [`${one.texts[0]!.text} over ${other.texts[0]!.text}`] : [])))

describe.each([['wide', drawWide], ['narrow', drawNarrow]] as const)('REP-1: the %s picture', (_, draw) => {
  const picture = draw(TREE)

  test('REP-1: has a box for each CA and leaf, none over another, all within the picture', () => {
    expect(picture.boxes).toHaveLength(8)
    expect(overlaps(picture)).toEqual([])
    for (const { x, y, width, height } of picture.boxes) expect([x >= 0, y >= 0, x + width <= picture.width, y + height <= picture.height]).toEqual([true, true, true, true])
    expect(picture.paths).toHaveLength(7)
  })

  test('REP-1: keeps every word, within the height of its box and in lines that fit', () => {
    const said = picture.boxes.map(({ texts }) => texts.map(({ text }) => text).join('').replace(/\s/g, '')).join('')
    const words = (node: PictureNode): string => [node.title, ...node.lines].join('').replace(/\s/g, '') + node.children.map(words).join('')
    expect([...said].sort().join('')).toBe([...words(TREE)].sort().join(''))
    for (const box of picture.boxes) for (const { y, text } of box.texts) expect([y > box.y && y < box.y + box.height, [...text].length < 60]).toEqual([true, true])
  })

  test('REP-1: marks what no longer serves', () => {
    expect(picture.boxes.filter(({ ended }) => ended).map(({ texts }) => texts[0]!.text)).toEqual(['old'])
  })
})

test('REP-1: the wide picture is no wider than the page while its columns can be read, then wider; the narrow one fits a telephone', () => {
  const many = (count: number): PictureNode => ({ ...TREE, children: Array.from({ length: count }, (_, index) => branch(`G${index}`, [])) })
  for (const count of [1, 2, 3]) expect(drawWide(many(count)).width).toBeLessThanOrEqual(1116)
  expect(drawWide(many(8)).width).toBeGreaterThan(1116)
  expect(drawNarrow(many(8)).width).toBe(340)
})
