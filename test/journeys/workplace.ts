/** What the journeys of the methods begin with: the product with its staff, and a browser. */
import { expect } from 'vitest'
import { demoPeople, type DemoPerson } from '../../src/commands/demo-people-make.ts'
import { approve, signIn as walkerSignIn } from '../../src/commands/demo-walk.ts'
import type { Role } from '../../src/people/roles.ts'
import { openBrowser, type Person } from '../support/browser.ts'
import { startInstance, type Instance } from '../support/instance.ts'
import { signIn } from './steps.ts'

type Options = Parameters<Awaited<ReturnType<typeof openBrowser>>['person']>[1]

export interface Workplace {
  readonly instance: Instance
  /** Somebody with a browser window of their own, not signed in. */
  person(options?: Options): Promise<Person>
  /** The officer of that role, signed in. */
  atWork(role: Role, options?: Options): Promise<Person>
  /** The approving officer approves, over HTTP. */
  approve(reference: string): Promise<void>
  /** Ends everything, and expects that no process had a fault. */
  close(): Promise<void>
}

/** @param journey names the folder of the pictures */
export async function openWorkplace(journey: string): Promise<Workplace> {
  const [instance, browser] = await Promise.all([startInstance(), openBrowser(journey)])
  const staff: readonly DemoPerson[] = await demoPeople(instance.services)
  const officer = (role: Role) => staff.find(({ roles }) => roles.includes(role))!
  const walker = { base: instance.portalUrl, now: () => new Date(), tell: () => {} }
  return {
    instance,
    person: (options) => browser.person(instance.portalUrl, options),
    async atWork(role, options) {
      const { email, password, totpSecret } = officer(role)
      const person = await browser.person(instance.portalUrl, options)
      await signIn(person, { email, password, key: totpSecret })
      return person
    },
    async approve(reference) {
      await approve(walker, await walkerSignIn(walker, officer('approving-officer')), reference)
    },
    async close() {
      await browser.close()
      await instance.stop()
      expect(instance.faults()).toEqual([])
    },
  }
}
