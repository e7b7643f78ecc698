/**
 * The report of a witnessed key generation as text: what the portal gives out to be filled in, and what is read back. Lines of the form `Name: value`
 * between two marks, each name once and nothing else: what a person would read there and the portal would not is a fault. Long hex alone may be wrapped.
 */

/** The names in the order of the template. ASCII, so that every editor, font and PDF keeps them. */
export const REPORT_LINES = {
  reference: 'Reference',
  organisation: 'Organisation',
  key: 'Key-SHA256',
  challenge: 'Challenge',
  model: 'Module-Model',
  serial: 'Module-Serial',
  firmware: 'Module-Firmware',
  certificate: 'Module-Certificate',
  place: 'Place',
  date: 'Date',
  participants: 'Participants',
  inside: 'Generated-Inside',
  exportable: 'Exportable',
  auditor: 'Auditor',
} as const
export type ReportLine = keyof typeof REPORT_LINES
export type WitnessReport = { readonly [Line in ReportLine]: string }

const BEGIN = '===== BEGIN KEY GENERATION REPORT ====='
const END = '===== END KEY GENERATION REPORT ====='
const NAMES = Object.entries(REPORT_LINES) as readonly (readonly [ReportLine, string])[]
const MAX_VALUE = 1000
/** Of the whole text, in which the report stands: the template has some thirty lines. */
export const REPORT_TEXT_LIMITS = { characters: 64 * 1024, lines: 200 } as const
/** Those whose value is hex alone: nothing else can be said in a line that they go on with. */
const WRAPPED: readonly ReportLine[] = ['key', 'challenge']
/** A name of the report inside a value: two columns that run together, or a second answer behind the first. */
const NAME_INSIDE = new RegExp(`(?:${NAMES.map(([, words]) => words.replaceAll('-', '[- ]?')).join('|')}) ?:`, 'i')

export type ReportFault = { readonly fault: 'no-block' | 'several-blocks' | 'too-large' } | { readonly fault: 'missing' | 'twice' | 'unknown' | 'unreadable' | 'too-long'; readonly line: string }

/** The report out of a document's text, or the first thing wrong with it. An empty line is missing: nothing is presumed. */
export function readWitnessReport(text: string): { readonly report: WitnessReport } | ReportFault {
  // Sizes first: the text is foreign.
  if (text.length > REPORT_TEXT_LIMITS.characters) return { fault: 'too-large' }
  const split = text.split(/\r\n|\n|\r/)
  if (split.length > REPORT_TEXT_LIMITS.lines) return { fault: 'too-large' }
  const lines = split.map((line) => line.replace(/[\u00a0\u3000\t ]+/g, ' ').trim())
  const begins = lines.flatMap((line, index) => (line === BEGIN ? [index] : []))
  const ends = lines.flatMap((line, index) => (line === END ? [index] : []))
  if (begins.length > 1 || ends.length > 1) return { fault: 'several-blocks' }
  if (begins.length === 0 || ends.length === 0 || ends[0]! < begins[0]!) return { fault: 'no-block' }
  const found = new Map<ReportLine, string>()
  let last: ReportLine | null = null
  for (const line of lines.slice(begins[0]! + 1, ends[0])) {
    if (line === '') continue
    // Characters that show nothing, move others about or break the line for a viewer alone.
    if (/[\p{C}\u2028\u2029\ufffd]/u.test(line)) return { fault: 'unreadable', line: shortened(line) }
    const named = /^([A-Z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*) ?: ?(.*)$/.exec(line)
    const name: ReportLine | undefined = named ? NAMES.find(([, words]) => words === named[1])?.[0] : undefined
    if (name !== undefined) {
      if (found.has(name)) return { fault: 'twice', line: REPORT_LINES[name] }
      const value = named![2]!.trim()
      if (NAME_INSIDE.test(value.normalize('NFKC'))) return { fault: 'unknown', line: shortened(line) }
      found.set(name, value)
      last = name
    } else if (last !== null && WRAPPED.includes(last) && /^[0-9A-Fa-f: ]+$/.test(line)) found.set(last, `${found.get(last)} ${line}`)
    else return { fault: 'unknown', line: shortened(line) }
  }
  for (const [name, words] of NAMES) {
    const value = (found.get(name) ?? '').trim()
    if (value === '') return { fault: 'missing', line: words }
    if (value.length > MAX_VALUE) return { fault: 'too-long', line: words }
  }
  const report = Object.fromEntries(found) as WitnessReport
  return { report: { ...report, key: octets(report.key), challenge: octets(report.challenge) } }
}

const shortened = (line: string): string => [...line.replace(/[\p{C}\u2028\u2029]/gu, '\ufffd')].slice(0, 60).join('')
const octets = (text: string): string => text.replace(/[ :]/g, '').toLowerCase()

/** The block with what is known filled in; the rest is for the auditor to fill. */
export const writeWitnessReport = (known: Partial<WitnessReport>): string => [BEGIN, ...NAMES.map(([name, words]) => `${words}: ${known[name] ?? ''}`.trimEnd()), END].join('\n')
