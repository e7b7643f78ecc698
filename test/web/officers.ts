/** Officers at work on the real portal. */
import { requiredItems } from '../../src/application/checklist.ts'
import type { Role } from '../../src/people/roles.ts'
import type { Client, Fields, Page } from '../support/client.ts'
import { createPerson, signIn, type Person } from '../support/portal.ts'
import type { Scene } from './applicant.ts'

export interface Officer {
  readonly person: Person
  readonly client: Client
}

export async function officerOf({ portal }: Scene, roles: Role | readonly Role[], options: { readonly organisation?: string } = {}): Promise<Officer> {
  const person = await createPerson(portal.services, { roles: typeof roles === 'string' ? [roles] : roles, ...options })
  const client = portal.client()
  await signIn(portal, client, person)
  return { person, client }
}

export const today = (): string => new Date().toISOString().slice(0, 10)
export const checkOf = (source: string): Fields => ({ outcome: 'confirmed', source, document: 'Certificate of registered matters 12-345', documentDate: today(), obtainedOn: today(), inspected: 'yes', note: '' })

export const referenceOf = (path: string): string => path.split('/').at(-1)!

/** Sends one of the officers' forms as the page draws it now: with the application's present version, or with the one that was seen. */
export async function act({ portal }: Scene, client: Client, reference: string, action: string, fields: Fields = {}, seen?: number): Promise<Page> {
  const version = seen ?? (await portal.services.applications.findByReference(reference))?.version ?? 1
  if (client.csrf === null) await client.get(`/review/${reference}`)
  return client.post(`/review/${reference}/${action}`, { version: String(version), ...fields })
}

/** Takes the application up and confirms every item; `finish` hands it to the second officer. */
export async function vet(scene: Scene, { client }: Officer, reference: string, { finish = true } = {}): Promise<void> {
  const application = (await scene.portal.services.applications.findByReference(reference))!
  if (application.state === 'submitted') await act(scene, client, reference, 'start-vetting')
  for (const item of requiredItems(application, scene.portal.services.policy)) await act(scene, client, reference, `checks/${item.id}`, checkOf(item.sources[0]!))
  if (finish) await act(scene, client, reference, 'finish-vetting')
}
