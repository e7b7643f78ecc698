import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { anchorCurrent, anchorStanding } from '../../src/attestation/anchor-checks.ts'
import { withChanges, type AnchorChange } from '../../src/attestation/anchor-changes.ts'
import { endingAnchors } from '../../src/attestation/anchor-report.ts'
import { makersFor } from '../../src/attestation/makers.ts'
import { verifyAttestation } from '../../src/attestation/verify-attestation.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { unworded } from '../support/attestation-words.ts'
import * as fake from '../support/fake-yubikey.ts'
import { fakeFactory, fakeYubikey, requestFor, rsa, spkiOf, type FakeFactory } from '../support/fake-yubikey.ts'
import { outcome, untrusted } from '../support/judge-maker.ts'

const NOW = new Date('2026-11-21T00:00:00Z')
let factory: FakeFactory
let spki: Buffer
let files: { name: string; bytes: Buffer }[]
beforeAll(() => {
  factory = fakeFactory()
  spki = spkiOf(rsa(3072))
  const { leaf, device } = fakeYubikey(factory, spki, { issuedBy: fake.NEWER })
  files = [{ name: 'leaf.der', bytes: leaf }, { name: 'f9.der', bytes: device }]
})

const rowOf = (name: string) => factory.anchors.rows.find(({ subject }) => subject === `CN=${name}`)!
const change = (kind: AnchorChange['kind'], spkiSha256: string, more: Partial<AnchorChange> = {}): AnchorChange => ({
  id: 'c', kind, maker: 'yubikey-piv', spkiSha256, anchors: null, reason: 'as the test says', proposedBy: 'Aoki', proposedAt: '2026-11-19T00:00:00.000Z', confirmedBy: 'Beppu', confirmedAt: '2026-11-20T00:00:00.000Z', ...more,
})
function judge(anchorChanges: readonly AnchorChange[], anchors = factory.anchors) {
  const report = verifyAttestation({ files, certificateRequestDer: requestFor(spki), publicKeySpki: spki, at: NOW, policy: shippedPolicy, demoHierarchy: false, anchorChanges }, { 'yubikey-piv': anchors })
  expect(unworded(report)).toEqual([])
  return outcome(report)
}
const without = (name: string) => ({ ...factory.anchors, rows: factory.anchors.rows.filter(({ subject }) => subject !== `CN=${name}`) })
const withRow = (name: string, more: object) => ({ ...factory.anchors, rows: factory.anchors.rows.map((row) => (row.subject === `CN=${name}` ? { ...row, ...more } : row)) })
const added = (name: string, more: object = {}): AnchorChange => {
  const { subjectDer, spki: key, ...row } = rowOf(name)
  return change('add', row.spkiSha256, { anchors: JSON.stringify({ maker: 'yubikey-piv', asOf: '2026-11-19', sources: ['test'], rows: [{ ...row, subjectDer: subjectDer.toString('base64'), spki: key.toString('base64'), ...more }] }) })
}

describe('the operator\'s changes of makers\' keys', () => {
  it('ATT-2: a key that was withdrawn is not relied on, and the answer says so', () => {
    expect(judge([])).toBe('verified')
    expect(judge([change('withdraw', rowOf(fake.NEWER).spkiSha256)])).toEqual(untrusted('anchor.off-withdrawn'))
  })

  it('ATT-2: with a root withdrawn, the keys held under it are not relied on either, whatever is said of them', () => {
    const anchors = withRow(fake.NEWER, { under: `CN=${fake.ROOT}` })
    const root = change('withdraw', rowOf(fake.ROOT).spkiSha256)
    expect(judge([], anchors)).toBe('verified')
    expect(judge([root], anchors)).toEqual(untrusted('anchor.off-withdrawn'))
    expect(judge([root, change('turn-on', rowOf(fake.NEWER).spkiSha256)], anchors)).toEqual(untrusted('anchor.off-withdrawn'))
  })

  it('ATT-2: a key that was off is relied on once it is turned on, without the caution about its sources', () => {
    const anchors = withRow(fake.NEWER, { off: { why: 'single-source', confirmAt: 'https://example.com/keys' }, independentSources: 0 })
    expect(judge([], anchors)).toEqual(untrusted('anchor.off-single-source'))
    const on = change('turn-on', rowOf(fake.NEWER).spkiSha256)
    expect(judge([on], anchors)).toBe('verified')
    const row = withChanges('yubikey-piv', anchors, [on]).rows.find(({ subject }) => subject === `CN=${fake.NEWER}`)
    expect(row).toMatchObject({ off: undefined, confirmed: { since: '2026-11-20', how: 'as the test says' } })
  })

  it('ATT-2: a key that was added is relied on, by name and key', () => {
    expect(judge([], without(fake.NEWER))).toEqual(untrusted('yubikey-piv.pinned.unknown'))
    expect(judge([added(fake.NEWER)], without(fake.NEWER))).toBe('verified')
    const other = spkiOf(rsa(2048))
    const sameName = added(fake.NEWER, { spki: other.toString('base64'), spkiSha256: createHash('sha256').update(other).digest('hex') })
    expect(judge([sameName], without(fake.NEWER))).toEqual(untrusted('yubikey-piv.device-signature.bad'))
  })

  it('ATT-2: the newest word on a key counts, and another maker\'s changes don\'t', () => {
    const { spkiSha256 } = rowOf(fake.NEWER)
    const [off, on] = [change('withdraw', spkiSha256), change('turn-on', spkiSha256)]
    expect(judge([off, on])).toBe('verified')
    expect(judge([on, off])).toEqual(untrusted('anchor.off-withdrawn'))
    expect(judge([change('withdraw', spkiSha256, { maker: 'yubihsm2' })])).toBe('verified')
  })

  it('ATT-2: the day of the newest change is the day as of which the keys are held', () => {
    const { spkiSha256 } = rowOf(fake.OLDER)
    expect(withChanges('yubikey-piv', factory.anchors, []).asOf).toBe('2026-11-21')
    expect(withChanges('yubikey-piv', factory.anchors, [change('withdraw', spkiSha256, { confirmedAt: '2026-12-03T00:00:00.000Z' }), change('turn-on', spkiSha256)]).asOf).toBe('2026-12-03')
  })

  it('ATT-2: no key that ships is on while it is known from one source that is not the maker\'s own', () => {
    for (const { anchors } of makersFor(shippedPolicy, { demoHierarchy: false })) for (const row of anchors.rows) if (row.independentSources === 0 && row.signsDevices) expect(row.off?.why, row.subject).toBe('single-source')
  })
})

describe('the days of a key', () => {
  it('ATT-2: count from the beginning of the first to the end of the last, UTC', () => {
    const at = (moment: string) => anchorCurrent({ notBefore: '2026-01-10', notAfter: '2026-11-21' }, new Date(moment))
    expect(['2026-01-09T23:59:59.999Z', '2026-01-10T00:00:00Z', '2026-11-21T23:59:59.999Z', '2026-11-22T00:00:00Z'].map(at)).toEqual([false, true, true, false])
  })

  it('ATT-2: staff are told of a key with one source, and no more once the operator confirmed it with the maker', () => {
    const told = (more: object) => anchorStanding({ ...rowOf(fake.NEWER), ...more }, { key: 'x' }).cautions.map(({ key }) => key)
    expect(told({ independentSources: 2 })).toEqual([])
    expect(told({ independentSources: 1 })).toEqual(['attestation.anchor.one-source'])
    expect(told({ independentSources: 1, confirmed: { since: '2026-11-20', how: 'test' } })).toEqual([])
  })
})

describe('keys that end', () => {
  const ending = (at: string, days = 180, anchorChanges: readonly AnchorChange[] = []) =>
    endingAnchors(makersFor(shippedPolicy, { demoHierarchy: true, anchorChanges }), new Date(at), days).map(({ maker, anchor, ended }) => [maker.id, anchor.notAfter, ended])

  it('ATT-2: are told in time, those that have ended too, and none that is off or refused', () => {
    expect(ending('2026-11-21T00:00:00Z')).toEqual([])
    expect(ending('2029-07-04T23:59:59Z')).toEqual([])
    expect(ending('2029-07-05T00:00:00Z')).toEqual([['google-cloud-hsm', '2030-01-01', false]])
    expect(ending('2030-01-01T23:59:59Z')).toEqual([['google-cloud-hsm', '2030-01-01', false]])
    expect(ending('2030-01-02T00:00:00Z')).toEqual([['google-cloud-hsm', '2030-01-01', true]])
    const { spkiSha256 } = makersFor(shippedPolicy, { demoHierarchy: false }).find(({ id }) => id === 'google-cloud-hsm')!.anchors.rows.find(({ notAfter }) => notAfter === '2030-01-01')!
    expect(ending('2030-01-02T00:00:00Z', 180, [change('withdraw', spkiSha256, { maker: 'google-cloud-hsm' })])).toEqual([])
  })
})
