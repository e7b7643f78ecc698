/** What every maker's chain asks of the key of ours that it ends at, and of the certificates below it: switched on, and in their time. */
import type { Anchor } from './anchors.ts'
import type { CheckExtras, CheckWriter } from './check.ts'
import type { MakerCertificate } from './maker-certificate.ts'
import { say, type Check, type Message } from './verifier.ts'

const DAY = 86_400_000

/** YYYY-MM-DD, UTC. */
export const day = (date: Date): string => date.toISOString().slice(0, 10)

/** Whether a moment lies in an anchor's days, the first and the last included, UTC. */
export const anchorCurrent = ({ notBefore, notAfter }: Pick<Anchor, 'notBefore' | 'notAfter'>, at: Date): boolean =>
  at.getTime() >= Date.parse(`${notBefore}T00:00:00Z`) && at.getTime() < Date.parse(`${notAfter}T00:00:00Z`) + DAY

function validity(check: CheckWriter, current: boolean, subject: string, from: string, until: string, at: Date, extras?: CheckExtras): Check {
  const values = { subject, from, until, at: day(at) }
  const words = { observed: say(`attestation.validity.${current ? 'inside' : 'outside'}`, values), expected: say('attestation.validity.expected', values) }
  return { ...check(current, 'validity', 'validity', {}, extras), ...words }
}

/** The check of an anchor's days: source, clause and remedy are the writer's. */
export const anchorValidity = (check: CheckWriter, anchor: Anchor, at: Date, extras?: CheckExtras): Check =>
  validity(check, anchorCurrent(anchor, at), anchor.subject, anchor.notBefore, anchor.notAfter, at, extras)

/** The check of a certificate's notBefore and notAfter (RFC 5280 4.1.2.5). */
export const certificateValidity = (check: CheckWriter, { notBefore, notAfter, subjectText }: MakerCertificate, at: Date, extras?: CheckExtras): Check =>
  validity(check, at >= notBefore && at <= notAfter, subjectText, day(notBefore), day(notAfter), at, extras)

/** A check that fails when the anchor is switched off, and what staff should know of one that is on. `expected`: the words of the check that found it. */
export function anchorStanding({ off, confirmed, subject, independentSources }: Anchor, expected: Message): { readonly checks: readonly Check[]; readonly cautions: readonly Message[] } {
  if (!off) return { checks: [], cautions: independentSources < 2 && !confirmed ? [say('attestation.anchor.one-source', { subject })] : [] }
  const clause = 'CSBR 6.2.7.4.2 (2)'
  const why =
    off.why === 'withdrawn'
      ? { observed: say('attestation.anchor.off-withdrawn', { subject, since: off.since }), source: clause, remedy: say('attestation.anchor.remedy-withdrawn') }
      : { observed: say('attestation.anchor.off-single-source', { subject, confirmAt: off.confirmAt }), source: off.confirmAt, remedy: say('attestation.anchor.remedy-off') }
  return { checks: [{ outcome: 'fail', expected, clause, ...why }], cautions: [] }
}
