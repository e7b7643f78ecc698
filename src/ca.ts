/** `ca`: issues what was approved, signs revocation lists, keeps the OCSP responder certified. Holds the issuing CA's key; has no HTTP port. */
import { forgetStatusChanges } from './database/status-feed.ts'
import { issueCrl } from './jobs/crl.ts'
import { AuthorityRefused, authoritiesOn, currentAuthority } from './jobs/issuing-authority.ts'
import { issueWaiting, issuingParts } from './jobs/issuing.ts'
import { renewResponderCertificates } from './jobs/responder-certificate.ts'
import { every, log, runProcess, StartRefused } from './process.ts'
import { openConfiguredToken } from './signer/open-token.ts'
import { spkiSha256 } from './signer/signer.ts'

/** A row that somebody altered is said in one line. */
function refuse(error: unknown): never {
  throw AuthorityRefused.is(error) ? new StartRefused(`${error.message}. Restore the row from the ceremony's record`) : error
}

await runProcess('ca', async (services, config) => {
  const { database } = services
  const signer = await openConfiguredToken(config)
  try {
    const authorities = () => authoritiesOn(signer, database, config)
    const authority = await currentAuthority(database, signer, config).catch(refuse)
    if (!authority) throw new StartRefused('No hierarchy yet: run  npm start  for a demo one, or  npm run ceremony  with two persons present')
    const { key } = authority.row
    const { tokenLabel } = signer
    if (key.tokenLabel !== tokenLabel) throw new StartRefused(`The key of ${authority.id} is on the token ${key.tokenLabel}; CA_TOKEN names ${tokenLabel}`)
    const present = spkiSha256(await signer.publicKey(key.label)) === key.spkiSha256
    if (!present) throw new StartRefused(`The token ${tokenLabel} has another key under the label ${key.label} than the one of ${authority.id}`)
    await authorities().catch(refuse)

    const parts = issuingParts(services, signer, ({ at, reason }) => {
      const means = 'nothing is issued until it is whole again: npm run audit:verify (LOG-1)'
      log({ level: 'alert', job: 'issuing', refused: `the audit log is broken at entry ${at} (${reason})`, means })
    })
    // The whole chain, before the first application is looked at.
    await parts.trail.firstBreach()
    const jobs = [
      every(500, 'issuing', () => issueWaiting(parts)),
      every(1000, 'crl', async () => {
        for (const each of await authorities()) await issueCrl(services, each)
      }),
      every(3_600_000, 'status-changes', () => forgetStatusChanges(database, services.clock())),
      every(60_000, 'responder-certificate', async () => {
        for (const each of await authorities()) {
          const { refused } = await renewResponderCertificates(services, each)
          const why = 'this key was never enrolled by the authority (OCS-2)'
          for (const id of refused) log({ level: 'alert', job: 'responder-certificate', authority: each.id, responderKey: id, refused: why })
        }
      }),
    ]
    return {
      ready: `CA       ${authority.id}${authority.demo ? ' (demo)' : ''}, key in token ${tokenLabel}`,
      async stop() {
        await Promise.all(jobs.map((job) => job.stop()))
        await signer.close()
      },
    }
  } catch (error) {
    await signer.close()
    throw error
  }
})
