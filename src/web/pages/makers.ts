/** Two public pages on makers of hardware: whose keys are relied on (REP-1, ATT-2), and which devices work now (ATT-8). Read-only, without sign-in. */
import { acceptedDevices, type Acceptance } from '../../attestation/acceptance.ts'
import { anchorCurrent, day } from '../../attestation/anchor-checks.ts'
import type { Anchor } from '../../attestation/anchors.ts'
import type { Maker } from '../../attestation/makers.ts'
import { presentMakers } from '../../database/protection-store.ts'
import { modulesOf } from '../../key-protection/cloud/module.ts'
import { CLOUDS } from '../../key-protection/cloud/question.ts'
import { openMethod } from '../../key-protection/methods.ts'
import type { Services } from '../../services.ts'
import { inWords } from '../findings.ts'
import { translate, type Language } from '../locales.ts'
import { page, type PageRequest, type Reply, type Route } from '../reply.ts'

/** How a key stands: the words `anchors.standing.<standing>`, and the tag's colour. */
const STANDING = { on: 'good', off: 'wait', withdrawn: 'bad', ended: 'bad', future: 'wait', reference: 'neutral', refused: 'neutral' } as const

function standingOf(anchor: Anchor, at: Date): keyof typeof STANDING {
  if (anchor.role === 'refuse') return 'refused'
  if (anchor.off) return anchor.off.why === 'withdrawn' ? 'withdrawn' : 'off'
  if (!anchorCurrent(anchor, at)) return day(at) < anchor.notBefore ? 'future' : 'ended'
  return anchor.signsDevices ? 'on' : 'reference'
}

/** Dates that stand for no beginning and no end: a bare key has none, and RFC 5280 4.1.2.5 writes the second for certificates. */
const UNBOUNDED = ['1970-01-01', '9999-12-31']

function anchorModel(anchor: Anchor, at: Date) {
  const standing = standingOf(anchor, at)
  return {
    subject: anchor.subject.replace(/\\(.)/g, '$1'),
    standing,
    kind: STANDING[standing],
    part: anchor.role === 'refuse' ? 'refuse' : anchor.vouchesFor === 'owner' ? 'owner' : anchor.signsDevices ? 'devices' : 'reference',
    use: anchor.use,
    spkiSha256: anchor.spkiSha256,
    certificateSha256: anchor.certificateSha256,
    from: UNBOUNDED.includes(anchor.notBefore) ? null : anchor.notBefore,
    until: UNBOUNDED.includes(anchor.notAfter) ? null : anchor.notAfter,
    sources: anchor.independentSources,
    confirmed: anchor.confirmed ?? null,
    confirmAt: anchor.off?.why === 'single-source' ? anchor.off.confirmAt : null,
    withdrawn: anchor.off?.why === 'withdrawn' ? { since: anchor.off.since, reason: anchor.off.reason } : null,
  }
}

/** A source is an address with what lies there behind it, or an address alone. */
function sourceModel(source: string) {
  const [, href, note] = /^(https:\/\/\S+)(?: \((.*)\))?$/.exec(source) ?? []
  return href === undefined ? { href: null, text: source, note: null } : { href, text: href, note: note ?? null }
}

function makerModel({ id, title, demo, anchors }: Maker, at: Date, language: Language) {
  const rows = anchors.rows.map((anchor) => anchorModel(anchor, at))
  return {
    id,
    title: inWords(language, title),
    demo,
    asOf: anchors.asOf,
    sources: demo ? [] : anchors.sources.map(sourceModel),
    relied: [...rows.filter(({ part }) => part === 'devices' || part === 'owner'), ...rows.filter(({ part }) => part === 'reference')],
    refused: rows.filter(({ part }) => part === 'refuse'),
  }
}

/** A demo maker that was not made yet has no key and no date to show. */
const shownMakers = async ({ database, policy }: Services): Promise<readonly Maker[]> => (await presentMakers(database, policy)).filter(({ demo, anchors }) => !demo || anchors.rows.length > 0)

const showAnchors = async ({ services, language, now }: PageRequest): Promise<Reply> => {
  const makers = await shownMakers(services)
  return page('repository/anchors', 'anchors.title', { makers: makers.map((maker) => makerModel(maker, now, language)), problemReports: services.policy.operator.problemReports })
}

function deviceModel({ device, keyTypes, reasons, certificate, since, until }: Acceptance, language: Language) {
  return {
    model: device.model,
    firmware: device.firmware,
    synthetic: device.syntheticOnly === true,
    keyTypes: keyTypes.map((type) => type.replace('-', ' ')),
    accepted: reasons.length === 0,
    reasons: reasons.map((reason) => inWords(language, reason)),
    certificate: inWords(language, certificate),
    // The switch for historical certificates names the last second of a day.
    since: since && day(new Date(since.getTime() + 999)),
    until: until && day(until),
  }
}

const showDevices = async ({ services, language, now }: PageRequest): Promise<Reply> => {
  const { policy } = services
  const makers = await shownMakers(services)
  const all = acceptedDevices(makers, policy, now)
  return page('repository/devices', 'devices.title', {
    at: day(now),
    makers: makers.map((maker) => ({
      id: maker.id,
      title: inWords(language, maker.title),
      asOf: maker.catalogue.asOf,
      devices: all.filter((row) => row.maker === maker).map((row) => deviceModel(row, language)).sort((one, other) => Number(other.accepted) - Number(one.accepted)),
    })),
    clouds: (openMethod(5, 'cloud-key-protection', policy) ? CLOUDS : []).flatMap((cloud) => modulesOf(cloud, now, policy).map(({ model, accepted, observed }) => ({ cloud: translate(language, `key-protection-cloud-report.field.cloud.choice.${cloud}`), model, accepted, certificate: inWords(language, observed) }))),
    schemes: policy.attestation.schemes.map(({ scheme, minimumLevel }) => ({ scheme, level: String(minimumLevel) })),
    historical: policy.attestation.historicalCertificates.map(({ scheme, acceptedUntil }) => ({ scheme, until: acceptedUntil.slice(0, 10), over: Date.parse(acceptedUntil) < now.getTime() })),
  })
}

export function makersRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'GET', path: '/anchors', who: 'anyone', events: [], handle: showAnchors },
    { method: 'GET', path: '/devices', who: 'anyone', events: [], handle: showDevices },
  ]
}
