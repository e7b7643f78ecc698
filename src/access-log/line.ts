/** Lines of the OCSP access log (OCS-8; CP 5.5.1): what was answered, how often within one second; of who asked nothing, or as much as the policy says. */
import type { AnswerAbout, Taken } from '../revocation/answer-tally.ts'

/** The first line of each file. */
export const HEADING = '# OCSP access log v1: second(UTC) method http octets times signed authority result serial=status[,…] client\n'

/** `2026-11-22T04:05:41Z`: the answers were given within the second before. */
const second = (at: Date): string => `${at.toISOString().slice(0, 19)}Z`

const certificates = ({ certificates: asked }: AnswerAbout): string => (asked.length === 0 ? '-' : asked.map(({ serial, state }) => `${serial}=${state}`).join(','))

/** @returns the lines, each with its end, and how many answers they stand for */
export function accessLines({ sent, refused, lost }: Taken, at: Date): { readonly text: string; readonly answers: number } {
  const time = second(at)
  let text = ''
  let answers = 0
  for (const { how, about, octets, times, signed, client } of sent) {
    const [method, http] = how === '304' ? ['GET', 304] : [how, 200]
    text += `${time} ${method} ${http} ${octets} ${times} ${signed} ${about.authority ?? '-'} ${about.result} ${certificates(about)} ${client ?? '-'}\n`
    answers += times
  }
  for (const { method, status, times } of refused) {
    text += `${time} ${method} ${status} 0 ${times} 0 - refused - -\n`
    answers += times
  }
  if (lost > 0) text += lostLine(lost, 'more were given within a second than can be counted apart', at)
  return { text, answers }
}

export const lostLine = (answers: number, why: string, at: Date): string => `# ${second(at)} ${answers} answers before this line are not on record: ${why}\n`
