/**
 * The report of a witnessed key generation as text: what the portal gives out to be filled in, and what is read back. Lines of the form `Name: value`
 * between two marks; a line without a known name goes on from the one before, since documents wrap lines.
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

export type ReportFault = { readonly fault: 'no-block' | 'several-blocks' } | { readonly fault: 'missing' | 'twice' | 'unknown' | 'too-long'; readonly line: string }

/** The report out of a document's text, or the first thing wrong with it. An empty line is missing: nothing is presumed. */
export function readWitnessReport(text: string): { readonly report: WitnessReport } | ReportFault {
  const lines = text.split(/\r\n|\n|\r/).map((line) => line.replace(/[\u00a0\u3000\t ]+/g, ' ').trim())
  const begins = lines.flatMap((line, index) => (line === BEGIN ? [index] : []))
  const ends = lines.flatMap((line, index) => (line === END ? [index] : []))
  if (begins.length > 1 || ends.length > 1) return { fault: 'several-blocks' }
  if (begins.length === 0 || ends.length === 0 || ends[0]! < begins[0]!) return { fault: 'no-block' }
  const found = new Map<ReportLine, string>()
  let last: ReportLine | null = null
  for (const line of lines.slice(begins[0]! + 1, ends[0])) {
    if (line === '') continue
    const named = /^([A-Z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*) ?: ?(.*)$/.exec(line)
    const name: ReportLine | undefined = named ? NAMES.find(([, words]) => words === named[1])?.[0] : undefined
    if (name !== undefined) {
      if (found.has(name)) return { fault: 'twice', line: REPORT_LINES[name] }
      found.set(name, named![2]!.trim())
      last = name
    } else if (last === null) return { fault: 'unknown', line: line.slice(0, 60) }
    else found.set(last, `${found.get(last)} ${line}`.trim())
  }
  for (const [name, words] of NAMES) {
    const value = found.get(name) ?? ''
    if (value === '') return { fault: 'missing', line: words }
    if (value.length > MAX_VALUE) return { fault: 'too-long', line: words }
  }
  const report = Object.fromEntries(found) as WitnessReport
  // Long hex may have been wrapped.
  return { report: { ...report, key: octets(report.key), challenge: octets(report.challenge) } }
}

const octets = (text: string): string => text.replace(/[ :]/g, '').toLowerCase()

/** The block with what is known filled in; the rest is for the auditor to fill. */
export const writeWitnessReport = (known: Partial<WitnessReport>): string => [BEGIN, ...NAMES.map(([name, words]) => `${words}: ${known[name] ?? ''}`.trimEnd()), END].join('\n')
