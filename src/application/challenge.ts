/** Random values that reports about keys must carry (methods 3 and 6 of CP 6.2.7): each for one application, good for a time, and for one key. */
import type { Challenge, MethodNumber } from '../key-protection/protection.ts'
import type { Policy } from '../policy/policy.ts'
import type { Application } from './application.ts'
import { ACT } from './issue-acts.ts'
import type { LoggedEvent } from './issue-ports.ts'
import type { RandomBytes, Work } from './ports.ts'

/** 256 bits: nobody guesses one that is still to come. */
const CHALLENGE_BYTES = 32

/** Each stays on record: nobody needs more than a few a day. */
const CHALLENGES_A_DAY = 20
export const CHALLENGES_AGAIN_SECONDS = 3600

/** Gives out a new challenge for a draft; those given out before stay good for their time. Null when too many were given out today. */
export async function giveChallenge(work: Work, random: RandomBytes, application: Application, method: MethodNumber, { keyProtection }: Pick<Policy, 'keyProtection'>): Promise<Challenge | null> {
  const { id } = application
  const since = work.now.getTime() - 86_400_000
  const { challenges } = await work.protection.facts(application)
  if (challenges.filter(({ issuedAt }) => Date.parse(issuedAt) > since).length >= CHALLENGES_A_DAY) return null
  const issuedAt = work.now.toISOString()
  const expiresAt = new Date(work.now.getTime() + keyProtection.challengeHours * 3_600_000).toISOString()
  const challenge = { method, value: random(CHALLENGE_BYTES).toString('hex'), issuedAt, expiresAt }
  await work.protection.giveChallenge(id, challenge)
  await work.audit({ event: 'application.challenge-given', subject: `application:${id}`, details: { ...challenge } })
  return { ...challenge, answered: null }
}

/** LOG-1: of the challenges on record, those that the audit log says were given out, as the rows tell them. A row alone is anybody's who can write rows. */
export const provenChallenges = (challenges: readonly Challenge[], events: readonly LoggedEvent[]): readonly Challenge[] =>
  challenges.filter(({ method, value, issuedAt, expiresAt }) =>
    events.some(({ event, details }) => event === ACT.challenged && details['method'] === method && details['value'] === value && details['issuedAt'] === issuedAt && details['expiresAt'] === expiresAt),
  )

/** The challenge given out last for a method; null before the first. */
export const lastChallenge = (challenges: readonly Challenge[], method: MethodNumber): Challenge | null => challenges.filter((each) => each.method === method).at(-1) ?? null

/** Whether a report may still answer it with any key. */
export const isOpenChallenge = ({ answered, expiresAt }: Challenge, now: Date): boolean => answered === null && now.getTime() <= Date.parse(expiresAt)
