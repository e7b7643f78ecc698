/** Ready-made people of a demo installation, kept in its data folder so that their codes can be shown again. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generate } from 'otplib'
import { createAccount, findAccountByEmail } from '../people/accounts.ts'
import { organisationNamed } from '../people/organisations.ts'
import { hashPassword } from '../people/passwords.ts'
import type { Role } from '../people/roles.ts'
import { enrolTotp, newTotpSecret } from '../people/second-factor.ts'
import { StartRefused } from '../start-refused.ts'
import type { Services } from '../services.ts'

export interface DemoPerson {
  readonly name: string
  readonly email: string
  readonly password: string
  readonly totpSecret: string
  readonly roles: readonly Role[]
  readonly organisation: string | null
}

const APPLICANT_ORGANISATION = 'Demo Software K.K.'

const WANTED: readonly { name: string; mailbox: string; roles: readonly Role[]; organisation: string | null }[] = [
  { name: 'Demo Applicant', mailbox: 'applicant', roles: ['subscriber'], organisation: APPLICANT_ORGANISATION },
  { name: 'Demo Vetting Officer', mailbox: 'vetting', roles: ['vetting-officer'], organisation: null },
  { name: 'Demo Approving Officer', mailbox: 'approving', roles: ['approving-officer'], organisation: null },
  { name: 'Demo Revocation Officer', mailbox: 'revocation', roles: ['revocation-officer'], organisation: null },
  { name: 'Demo Auditor', mailbox: 'auditor', roles: ['auditor'], organisation: null },
  { name: 'Demo Administrator', mailbox: 'administrator', roles: ['administrator'], organisation: null },
]

/** Makes those who are not there yet, each with a random password and an enrolled second factor; audited as demo people. */
export async function demoPeople(services: Services): Promise<readonly DemoPerson[]> {
  const file = join(services.config.dataDir, 'demo-people.json')
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as DemoPerson[]) : []
  const people: DemoPerson[] = []
  for (const { name, mailbox, roles, organisation } of WANTED) {
    const email = `${mailbox}@demo.example`
    const before = known.find((person) => person.email === email)
    if (before && (await findAccountByEmail(services.database, email))) {
      people.push(before)
      continue
    }
    const person: DemoPerson = { name, email, password: services.random(12).toString('base64url'), totpSecret: newTotpSecret(), roles, organisation }
    // Written before the account is: a crash leaves a password for nobody, not an account that nobody can use.
    people.push(person)
    writeFileSync(file, JSON.stringify([...people, ...known.filter((each) => !people.some((made) => made.email === each.email))], null, 2), { mode: 0o600 })
    const passwordHash = await hashPassword(person.password)
    await services.work('process:demo', async (work, trx) => {
      const organisationId = organisation === null ? null : await organisationNamed(trx, organisation, work.now)
      const id = await createAccount(trx, { email, name, language: 'en', passwordHash, state: 'active', roles, grantedBy: 'demo', organisationId }, work.now)
      if (id === null) throw new StartRefused(`${email} exists and is no demo account of this data folder`)
      await enrolTotp(trx, services.secrets, id, person.totpSecret, null, work.now)
      await work.audit({ event: 'demo.people-created', subject: `account:${id}`, details: { roles } })
    })
  }
  return people
}

/** The code that the person's authenticator would show, and for how many seconds still. */
export async function presentCode(secret: string, now: Date): Promise<{ readonly code: string; readonly secondsLeft: number }> {
  const seconds = Math.floor(now.getTime() / 1000)
  return { code: await generate({ secret, epoch: seconds }), secondsLeft: 30 - (seconds % 30) }
}
