import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addressesElsewhere, type NamingCertificate } from '../../src/certificate/named-addresses.ts'
import { listAuthorities } from '../../src/database/authority-store.ts'
import { addressNotice, StartRefused } from '../../src/process.ts'
import type { Services } from '../../src/services.ts'
import { openFresh } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'

const PLACE = { statusUrl: 'http://status.test', portalUrl: 'https://portal.test' }

describe('CAK-2, CRL-4: the addresses that CA certificates name', () => {
  let hierarchy: DemoHierarchy
  let services: Services
  let certificates: readonly NamingCertificate[]
  beforeAll(async () => {
    hierarchy = await demoHierarchy()
    services = await hierarchy.services(await openFresh())
    certificates = (await listAuthorities(services.database)).flatMap(({ certificateDer, parentId }) => (parentId === null ? [] : [{ der: certificateDer, issuerId: parentId }]))
  }, 120_000)
  afterAll(() => hierarchy.remove())

  test('those of the configuration are none to speak of, however the host’s name is spelled, with its port or a slash', () => {
    expect(certificates).toHaveLength(2)
    expect(addressesElsewhere(certificates, PLACE, [])).toEqual([])
    expect(addressesElsewhere(certificates, { statusUrl: 'http://STATUS.test:80/', portalUrl: 'https://portal.test:443' }, [])).toEqual([])
  })

  test.each([
    ['another host', { ...PLACE, statusUrl: 'http://new.test' }, [{ of: 'status', base: PLACE.statusUrl }]],
    ['another port', { ...PLACE, statusUrl: 'http://status.test:8081' }, [{ of: 'status', base: PLACE.statusUrl }]],
    ['a path before it', { ...PLACE, statusUrl: 'http://status.test/pki' }, [{ of: 'status', base: PLACE.statusUrl }]],
    ['another repository', { ...PLACE, portalUrl: 'https://new.test' }, [{ of: 'portal', base: PLACE.portalUrl }]],
    ['each other’s', { statusUrl: PLACE.portalUrl, portalUrl: PLACE.statusUrl }, [{ of: 'status', base: PLACE.statusUrl }, { of: 'portal', base: PLACE.portalUrl }]],
  ] as const)('%s: the old address is named, once for all certificates', (_, place, elsewhere) => {
    expect(addressesElsewhere(certificates, place, [])).toEqual(elsewhere)
    expect(addressesElsewhere(certificates, place, [PLACE.statusUrl, PLACE.portalUrl])).toEqual([])
    expect(addressesElsewhere(certificates, place, ['http://third.test'])).toEqual(elsewhere)
  })

  test('an address that is none of ours is named whole; what is no certificate names none', () => {
    expect(addressesElsewhere(certificates.map(({ der }) => ({ der, issuerId: 'other' })), PLACE, []).map(({ base }) => base)).toEqual([`${PLACE.statusUrl}/crl/root-g1.crl`, `${PLACE.statusUrl}/ca/root-g1.cer`])
    expect(addressesElsewhere([{ der: Buffer.from([0x30, 0]), issuerId: 'root-g1' }], PLACE, [])).toEqual([])
  })

  test('a line names both addresses and what to do; production does not start, unless the old address is named as answered still', async () => {
    const moved = { ...services.config, status: { ...services.config.status, url: 'http://new.test' } }
    const line = 'STATUS_URL is http://new.test, but CA certificates name http://status.test: set STATUS_URL to that, or have that answered too (by DNS or a proxy) and name it in EARLIER_URLS. Certificates issued from now on name http://new.test'
    const { database } = services
    expect(await addressNotice(services)).toEqual([])
    expect(await addressNotice({ config: moved, database })).toEqual([line])
    const refused: unknown = await addressNotice({ config: { ...moved, production: true }, database }).catch((error: unknown) => error)
    expect([StartRefused.is(refused), String(refused)]).toEqual([true, `Error: ${line}`])
    expect(await addressNotice({ config: { ...moved, production: true, earlierUrls: ['http://status.test'] }, database })).toEqual([])
  })
})
