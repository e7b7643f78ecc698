/** Names of access-log files: the day first, so that a listing is in order. */

export interface FileName {
  /** `2026-11-22` */
  readonly day: string
  readonly node: string
  /** The process and a number of this run of it: a process id comes again. */
  readonly run: string
  readonly number: number
}

export const finishedName = ({ day, node, run, number }: FileName): string => `ocsp-${day}-${node}.${run}.${number}.log`

/** While it is written. */
export const openName = (name: FileName): string => `${finishedName(name)}.open`

/** @returns null for a file that is none of the access log */
export function readName(file: string): (FileName & { readonly pid: number; readonly state: 'open' | 'finished' | 'kept' }) | null {
  const found = /^ocsp-(\d{4}-\d{2}-\d{2})-([A-Za-z0-9.-]+)\.((\d+)-[0-9a-f]{6})\.(\d+)\.log(\.open|\.gz)?$/.exec(file)
  if (!found) return null
  const [, day, node, run, pid, number, end] = found as unknown as [string, string, string, string, string, string, string | undefined]
  return { day, node, run, pid: Number(pid), number: Number(number), state: end === '.open' ? 'open' : end === '.gz' ? 'kept' : 'finished' }
}
