/** Reads RFC 4180 strictly: every line ended by CRLF, every field quoted, nothing beside the quotes. */
export function readCsv(text: string): readonly (readonly string[])[] {
  const rows: string[][] = []
  let row: string[] = []
  let at = 0
  while (at < text.length) {
    if (text[at] !== '"') throw new Error(`octet ${at}: a field that is not quoted`)
    let value = ''
    for (at++; ; at++) {
      if (at >= text.length) throw new Error('a field that does not end')
      if (text[at] !== '"') value += text[at]
      else if (text[at + 1] === '"') value += text[at++]
      else break
    }
    row.push(value)
    at++
    if (text[at] === ',') at++
    else if (text.startsWith('\r\n', at)) {
      rows.push(row)
      row = []
      at += 2
    } else throw new Error(`octet ${at}: neither a comma nor the end of a line`)
  }
  if (row.length > 0) throw new Error('the last line does not end')
  return rows
}
