/**
 * What the operating system says of its clock: chrony where it runs, else systemd, else the kernel's own state through `adjtimex`. Each program's answer is read strictly;
 * what none of them says is unreadable, and no guess is made.
 */
import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import type { ClockReading, ClockSource } from '../timestamp/clock-watch.ts'

/** Standard output of a program that ended well; null where it isn't there or failed. */
export type RunProgram = (program: string, words: readonly string[]) => Promise<string | null>

const TIMEOUT_MS = 5_000

const runProgram: RunProgram = (program, words) =>
  new Promise((done) => {
    execFile(program, [...words], { timeout: TIMEOUT_MS, maxBuffer: 1 << 16, env: { ...process.env, LC_ALL: 'C' } }, (error, stdout) => done(error ? null : stdout))
  })

/** systemd-timesyncd touches it at every synchronisation. */
const TIMESYNC_STAMP = '/run/systemd/timesync/synchronized'

const lastTimesync = (): Promise<Date | null> =>
  stat(TIMESYNC_STAMP).then(
    ({ mtime }) => mtime,
    () => null,
  )

/** The clock of this machine. */
export function systemClock(run: RunProgram = runProgram, timesync: () => Promise<Date | null> = lastTimesync): ClockSource {
  return {
    async read() {
      const chrony = await run('chronyc', ['-c', 'tracking'])
      if (chrony !== null) return readChronyTracking(chrony)
      const timedatectl = await run('timedatectl', ['show', '--property=NTPSynchronized'])
      if (timedatectl !== null) return readTimedatectl(timedatectl, await timesync())
      const adjtimex = await run('adjtimex', ['--print'])
      if (adjtimex !== null) return readAdjtimex(adjtimex)
      return { state: 'unreadable', why: 'neither chronyc, timedatectl nor adjtimex answers' }
    },
  }
}

/**
 * `chronyc -c tracking`: one line of comma-separated fields: reference id, name, stratum, reference time, system time, last offset, RMS offset, frequency,
 * residual frequency, skew, root delay, root dispersion, update interval, leap status.
 */
export function readChronyTracking(text: string): ClockReading {
  const fields = text.trim().split(',')
  const number = (index: number): number => (/^-?\d+(\.\d+)?(e-?\d+)?$/i.test(fields[index] ?? '') ? Number(fields[index]) : NaN)
  const [stratum, reference, system, delay, dispersion] = [2, 3, 4, 10, 11].map(number) as [number, number, number, number, number]
  const leap = fields[13]
  if (fields.length !== 14 || [stratum, reference, system, delay, dispersion].some(Number.isNaN)) return { state: 'unreadable', why: 'chronyc tracking is not as it is known' }
  // "Insert second" and "Delete second": a leap second is announced, and chrony serves it.
  if (!['Normal', 'Insert second', 'Delete second'].includes(leap!) || stratum === 0 || stratum > 15) return { state: 'unsynchronised', source: 'chrony', why: `${leap}, stratum ${stratum}` }
  // chrony's own bound of the error: half the root delay, the root dispersion, and what remains to be slewed.
  return { state: 'synchronised', source: 'chrony', errorMilliseconds: (Math.abs(system) + delay / 2 + dispersion) * 1000, lastUpdate: new Date(Math.round(reference * 1000)) }
}

/** `timedatectl show --property=NTPSynchronized`: the kernel's STA_UNSYNC, which comes by itself when nothing has disciplined the clock for hours. */
export function readTimedatectl(text: string, lastUpdate: Date | null): ClockReading {
  const answer = /^NTPSynchronized=(yes|no)$/m.exec(text)?.[1]
  if (answer === 'yes') return { state: 'synchronised', source: 'timedatectl', errorMilliseconds: null, lastUpdate }
  return answer === 'no' ? { state: 'unsynchronised', source: 'timedatectl', why: 'NTPSynchronized=no' } : { state: 'unreadable', why: 'timedatectl is not as it is known' }
}

const STA_UNSYNC = 0x40
/** `adjtimex --print`: the kernel's state (adjtimex(2)); maxerror is in microseconds. */
export function readAdjtimex(text: string): ClockReading {
  const number = (name: string): number => Number(new RegExp(`^\\s*${name}:\\s*(\\d+)\\b`, 'm').exec(text)?.[1] ?? NaN)
  const [status, maximum] = [number('status'), number('maxerror')]
  if (Number.isNaN(status) || Number.isNaN(maximum)) return { state: 'unreadable', why: 'adjtimex is not as it is known' }
  return status & STA_UNSYNC ? { state: 'unsynchronised', source: 'adjtimex', why: 'STA_UNSYNC' } : { state: 'synchronised', source: 'adjtimex', errorMilliseconds: maximum / 1000, lastUpdate: null }
}
