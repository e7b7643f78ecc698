/** `npm run demo:people`: an applicant and one officer of each role, with passwords and present TOTP codes. */
import { say } from '../process.ts'
import { runDemoCommand } from './demo-command.ts'
import { countAdministrators } from '../people/accounts.ts'
import { demoPeople, presentCode } from './demo-people-make.ts'

const USAGE = `npm run demo:people

Makes an applicant and one officer of each role, and prints addresses, passwords and present TOTP codes. Each code is good once.`

await runDemoCommand('demo:people', USAGE, [], async (services) => {
  const first = (await countAdministrators(services.database, 'all')) === 0
  const people = await demoPeople(services)
  say(`DEMO people, for ${services.config.portal.url}/sign-in (each code is good once; run this again for the next):\n`)
  for (const person of people) {
    const { code, secondsLeft } = await presentCode(person.totpSecret, services.clock())
    say([`${person.roles.join(', ')}${person.organisation ? ` of ${person.organisation}` : ''}`, `  address   ${person.email}`, `  password  ${person.password}`, `  code      ${code}  (${secondsLeft} s left)`, `  key       ${person.totpSecret}  (to put into an authenticator)`, ''].join('\n'))
  }
  if (first) say('The demo administrator is the first one: the link that  npm start  printed for the first administrator opens nothing any more.')
})
