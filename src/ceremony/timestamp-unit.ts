/** TSA-2: the CA of the time-stamping units and a unit's key with its certificate, as ceremonies make them (CSBR 6.2.7.2, 6.3.2). */
import { randomUUID } from 'node:crypto'
import { demoName } from '../certificate/demo-name.ts'
import { timestampPolicy } from '../certificate/profile.ts'
import { addMonths } from '../certificate/validity.ts'
import { encodeName, type NameAttribute } from '../pki/name.ts'
import type { Services } from '../services.ts'
import type { Authority } from '../signer/authority.ts'
import type { GeneratedKeyPair } from '../signer/signer.ts'
import type { TimestampCertificate } from '../timestamp/unit.ts'
import { certify, type CertifyingKey } from './certify.ts'

const named = (name: readonly NameAttribute[], demo: boolean): readonly NameAttribute[] => (demo ? demoName(name) : name)

/** Its key is on the root's token: offline but in ceremonies, since its certificate lasts longer than 72 months. */
export async function certifyTimestampAuthority(services: Services, id: string, key: GeneratedKeyPair, root: Authority, by: CertifyingKey, heldAt: Date): Promise<Authority> {
  const subject = named(timestampPolicy(services.policy).names.authority, root.demo)
  const { der, notBefore, notAfter } = await certify(services, 'timestamp-ca', subject, key, by, heldAt)
  return { id, kind: 'timestamp-ca', parentId: root.id, demo: root.demo, key: key.reference, subjectDer: encodeName(subject), certificateDer: der, notBefore, notAfter }
}

export async function certifyTimestampUnit(services: Services, key: GeneratedKeyPair, authority: Authority, by: CertifyingKey, heldAt: Date): Promise<TimestampCertificate> {
  const { names, periods } = timestampPolicy(services.policy)
  const { der, serial, notBefore, notAfter } = await certify(services, 'timestamp', named(names.unit, authority.demo), key, by, heldAt)
  const used = addMonths(notBefore, periods.keyUseMonths)
  return {
    id: randomUUID(),
    authorityId: authority.id,
    key: key.reference,
    serial,
    der,
    notBefore,
    notAfter,
    useUntil: used < notAfter ? used : notAfter,
    removeBy: addMonths(notBefore, periods.keyRemovalMonths),
    revokedAt: null,
    removedAt: null,
  }
}
