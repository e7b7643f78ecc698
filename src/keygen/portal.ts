/** Asks the portal for the challenge that a ticket stands for. The one thing that this program sends anywhere. */
import { Refusal } from './refusal.ts'

/** What the portal answers. Nothing of it is secret, and nothing of it is believed beyond what it is used for. */
export interface PortalAnswer {
  readonly challenge: string
  readonly expiresAt: string
  /** Of the application. */
  readonly reference: string
  /** The applicant's name, for the request's subject; null before it is stated. */
  readonly subject: string | null
  readonly libraryVersions: readonly string[]
  readonly modules: readonly { readonly manufacturer: string; readonly model: string; readonly firmware: { readonly from: string; readonly to: string } }[]
}

const MAX_BYTES = 64 * 1024
const TIMEOUT_MS = 20_000

/** @throws Refusal */
export async function fetchChallenge(portal: URL, ticket: string): Promise<PortalAnswer> {
  const address = new URL(`/keygen/challenge/${encodeURIComponent(ticket)}`, portal)
  let status: number
  let text: string
  try {
    // A redirect would lead a ticket elsewhere.
    const response = await fetch(address, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS), headers: { accept: 'application/json' } })
    status = response.status
    text = await limited(response)
  } catch (error) {
    if (Refusal.is(error)) throw error
    const cause = (error as Error).cause
    throw new Refusal('error.portal-unreachable', { detail: cause instanceof Error && cause.message !== '' ? cause.message : (error as Error).message })
  }
  if (status === 404) throw new Refusal('error.portal-refused')
  if (status === 429) throw new Refusal('error.portal-busy')
  const answer = status === 200 ? readAnswer(text) : null
  if (!answer) throw new Refusal('error.portal-answer')
  return answer
}

async function limited(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += (chunk as Uint8Array).length
    if (size > MAX_BYTES) throw new Refusal('error.portal-answer')
    chunks.push(chunk as Uint8Array)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 200 && !/\p{C}/u.test(value)
const isVersion = (value: unknown): value is string => isText(value) && /^\d{1,3}\.\d{1,3}$/.test(value)

function readAnswer(text: string): PortalAnswer | null {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  if (!isRecord(json)) return null
  const { challenge, expiresAt, reference, subject, libraryVersions, modules } = json
  if (!isText(challenge) || !/^[0-9a-f]{64}$/.test(challenge) || !isText(expiresAt) || !isText(reference)) return null
  if (!(subject === null || isText(subject)) || !Array.isArray(libraryVersions) || !libraryVersions.every(isText) || !Array.isArray(modules)) return null
  const read = modules.map((row: unknown) => {
    if (!isRecord(row) || !isText(row['manufacturer']) || !isText(row['model']) || !isRecord(row['firmware'])) return null
    const { from, to } = row['firmware']
    return isVersion(from) && isVersion(to) ? { manufacturer: row['manufacturer'], model: row['model'], firmware: { from, to } } : null
  })
  return read.every((row) => row !== null) ? { challenge, expiresAt, reference, subject, libraryVersions, modules: read } : null
}
