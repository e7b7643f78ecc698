/**
 * The ticket that stands for an application's present challenge, so that the program of method 3 can fetch it without anything of the account (ATT-3).
 * It is written from the portal's secret and kept nowhere: it ends with its challenge, which is answered, expires, or makes way for a new one.
 */
import { timingSafeEqual } from 'node:crypto'
import { isOpenChallenge, lastChallenge } from '../application/challenge.ts'
import type { Application } from '../application/application.ts'
import type { Challenge } from '../key-protection/protection.ts'
import type { Services } from '../services.ts'

const METHOD = 3
/** 128 bits of the mark. */
const MARK_BYTES = 16

/** `CS-2345-ABCD.` and 22 characters of base64url. */
export function ticketFor({ secrets }: Services, { reference }: Pick<Application, 'reference'>, { value }: Challenge): string {
  return `${reference}.${secrets.mark('keygen-ticket', value).subarray(0, MARK_BYTES).toString('base64url')}`
}

/** The draft and the challenge that a ticket stands for; null for any other text. Changes nothing: the program may ask again. */
export async function readTicket(services: Services, ticket: string, now: Date): Promise<{ readonly application: Application; readonly challenge: Challenge } | null> {
  const [reference, mark, ...rest] = ticket.split('.')
  if (!reference || !mark || rest.length > 0 || ticket.length > 100) return null
  const application = await services.applications.findByReference(reference)
  if (!application || application.state !== 'draft') return null
  const { challenges } = await services.protection.facts(application)
  const challenge = lastChallenge(challenges, METHOD)
  if (!challenge || !isOpenChallenge(challenge, now)) return null
  const expected = Buffer.from(ticketFor(services, application, challenge))
  const given = Buffer.from(ticket)
  return expected.length === given.length && timingSafeEqual(expected, given) ? { application, challenge } : null
}
