/** `ca`: issues what was approved, signs revocation lists, keeps the OCSP responder certified. Holds the issuing CA's key; has no HTTP port. */
import { Gauge, Registry } from 'prom-client'
import { forgetStatusChanges } from './database/status-feed.ts'
import { crlJobs } from './jobs/crl-job.ts'
import { AuthorityRefused, authoritiesOn, currentAuthority } from './jobs/issuing-authority.ts'
import { issueWaiting, issuingParts } from './jobs/issuing.ts'
import { renewResponderCertificates, responderAlarmsOf } from './jobs/responder-certificate.ts'
import { removeOldTokens } from './jobs/timestamp-retention.ts'
import { upkeep } from './jobs/upkeep.ts'
import { watchProcessClock } from './clock-watching.ts'
import { endedLists, reachDatabase } from './database/seen-store.ts'
import { lastingFaults, tellFault } from './fault.ts'
import { clockFigure, counted, type SigningCounts, signingFigures } from './metrics/ocsp-figures.ts'
import { diskFigures } from './metrics/disk-figures.ts'
import { gauge, processFigures } from './metrics/process-figures.ts'
import { seen } from './metrics/seen.ts'
import { issuanceFigures, signerFigures } from './metrics/state-figures.ts'
import { every, log, runProcess, StartRefused, writtenFolders } from './process.ts'
import { RESPONDER_REMEDY, type ResponderAlarm } from './revocation/responder-alarms.ts'
import { openConfiguredToken } from './signer/open-token.ts'
import { spkiSha256 } from './signer/signer.ts'

/** A row that somebody altered is said in one line. */
function refuse(error: unknown): never {
  throw AuthorityRefused.is(error) ? new StartRefused(`${error.message}. Restore the row from the ceremony's record`) : error
}

/** An alarm that stands is said again after this. */
const ALARM_MS = 6 * 3_600_000
const alarmed = new Map<string, { readonly at: number; readonly what: string }>()
function tellOfResponders(authority: string, alarms: readonly ResponderAlarm[]): void {
  const what = alarms.map(({ alarm }) => alarm).join(' ')
  const last = alarmed.get(authority)
  const now = performance.now()
  if (last && last.what === what && (what === '' || now - last.at < ALARM_MS)) return
  alarmed.set(authority, { at: now, what })
  for (const alarm of alarms) log({ level: 'alert', job: 'responder-certificate', authority, ...alarm, needs: RESPONDER_REMEDY[alarm.alarm] })
}

await runProcess('ca', async (services, config) => {
  const { database, clock } = services
  const token = await openConfiguredToken(config)
  const signing: SigningCounts = { signatures: 0, errors: 0, time: 0 }
  const elapsed = () => performance.now()
  const signer = {
    tokenLabel: token.tokenLabel,
    sign: counted(token.sign.bind(token), signing, elapsed),
    signDigest: counted(token.signDigest.bind(token), signing, elapsed),
  }
  try {
    const toBeSaid = lastingFaults(elapsed)
    const authorities = () =>
      authoritiesOn(signer, database, config, ({ message }) => {
        if (toBeSaid(message)) log({ level: 'alert', job: 'authorities', refused: message, means: "nothing is signed in its name: restore the row from the ceremony's record" })
      })
    const authority = await currentAuthority(database, signer, config).catch(refuse)
    if (!authority) throw new StartRefused('No hierarchy yet: run  npm start  for a demo one, or  npm run ceremony  with two persons present')
    const { key } = authority.row
    const { tokenLabel } = signer
    if (key.tokenLabel !== tokenLabel) throw new StartRefused(`The key of ${authority.id} is on the token ${key.tokenLabel}; CA_TOKEN names ${tokenLabel}`)
    const present = spkiSha256(await token.publicKey(key.label)) === key.spkiSha256
    if (!present) throw new StartRefused(`The token ${tokenLabel} has another key under the label ${key.label} than the one of ${authority.id}`)
    await authoritiesOn(signer, database, config).catch(refuse)

    let auditBreaks = 0
    const parts = issuingParts(services, signer, ({ at, reason }) => {
      auditBreaks++
      const means = 'nothing is issued until it is whole again: npm run audit:verify (LOG-1)'
      log({ level: 'alert', job: 'issuing', refused: `the audit log is broken at entry ${at} (${reason})`, means })
    })
    // The whole chain, before the first application is looked at.
    await parts.trail.firstBreach()
    const leisure = upkeep(services, token, elapsed, log)
    const revocationLists = crlJobs(services, signer, authorities, log)
    const watched = await watchProcessClock(services, 'ca')
    // What is signed is dated, and what is kept ends by date: not while the clock was moved or lies behind what was signed before.
    const dated = (milliseconds: number, job: string, work: () => Promise<unknown>) => every(milliseconds, job, async () => (watched.stops() === null ? work() : null))
    let looked = false
    const jobs = [
      dated(500, 'issuing', () => issueWaiting(parts)),
      dated(1000, 'crl', revocationLists.publish),
      dated(86_400_000, 'crl-retention', revocationLists.drop),
      dated(3_600_000, 'timestamp-retention', () => removeOldTokens(services)),
      every(3_600_000, 'status-changes', () => forgetStatusChanges(database, services.clock())),
      dated(60_000, 'responder-certificate', async () => {
        for (const each of await authorities()) {
          const { refused } = await renewResponderCertificates(services, each)
          const why = 'this key was never enrolled by the authority (OCS-2)'
          for (const id of refused) log({ level: 'alert', job: 'responder-certificate', authority: each.id, responderKey: id, refused: why })
        }
      }),
      // Apart from the renewal: what fails there is said here.
      every(60_000, 'responder-alarms', async () => {
        // The first turn is that of the renewal itself.
        if (!looked) return void (looked = true)
        for (const each of await authorities()) tellOfResponders(each.id, await responderAlarmsOf(services, each))
      }),
      dated(10_000, 'examples', leisure.examples),
      dated(60_000, 'reconciliation', leisure.reconciliation),
    ]
    const registry = new Registry()
    const stopFigures = processFigures(registry, clock())
    diskFigures(registry, writtenFolders('ca', config))
    signingFigures(registry, signing)
    issuanceFigures({ registry, database, clock, elapsed })
    const { lists, signers } = signerFigures({ registry, database, clock, elapsed })
    clockFigure(registry, () => watched.doubt())
    new Gauge({ name: 'audit_breaks', help: 'Breaches of the audit log found since the start: above 0 nothing is issued', registers: [registry], aggregator: 'max', collect: gauge(() => auditBreaks) })
    return {
      seen: seen(
        registry,
        [
          { name: 'database', run: () => reachDatabase(database) },
          { name: 'token', run: async () => (spkiSha256(await token.publicKey(key.label)) === key.spkiSha256 ? null : `another key than that of ${authority.id}`) },
          // Whose row was altered gets no list: that shows here.
          { name: 'lists', run: async () => endedLists(await authoritiesOn(signer, database, config), await lists(), clock()) },
          {
            name: 'responder',
            async run() {
              const ends = await signers()
              const missing = (await authorities()).filter(({ id }) => !ends.some(({ kind, authorityId }) => kind === 'responder' && authorityId === id))
              return missing.length === 0 ? null : `no responder certificate in force for ${missing.map(({ id }) => id).join(', ')}`
            },
          },
          { name: 'clock', run: () => watched.stops() },
          { name: 'audit-log', run: () => (auditBreaks === 0 ? null : 'the audit log is broken: npm run audit:verify (LOG-1)') },
        ],
        tellFault,
      ),
      ready: `CA       ${authority.id}${authority.demo ? ' (demo)' : ''}, key in token ${tokenLabel}`,
      async stop() {
        leisure.stop()
        await Promise.all([...jobs, watched].map((job) => job.stop()))
        stopFigures()
        await token.close()
      },
    }
  } catch (error) {
    await token.close()
    throw error
  }
})
