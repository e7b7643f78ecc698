/** A key of the inventory as it stands when everything is as it must be. */
import { createHash } from 'node:crypto'
import type { NewModule } from '../../src/application/modules.ts'
import type { ShippedKey } from '../../src/key-protection/shipped-module.ts'
import { ATTRIBUTES } from './key-reports.ts'

export const SHIPPED_KEY: ShippedKey = {
  moduleId: 'module-1',
  manufacturer: 'SoftHSM project',
  model: 'SoftHSM v2',
  firmware: '2.6',
  serialNumber: '0123456789abcdef',
  state: 'activated',
  organisationId: 'organisation-1',
  orderedBy: 'applicant-1',
  preparedBy: 'Aoki Hanako',
  witnessedBy: 'Beppu Taro',
  preparedAt: '2026-10-01T09:00:00.000Z',
  letter: 'ABCD2345',
  activationBits: 132,
  shipped: { by: 'officer-1', at: '2026-10-02T09:00:00.000Z', carrier: 'Carrier' },
  received: { by: 'applicant-1', at: '2026-10-03T09:00:00.000Z' },
  letterSent: { by: 'officer-2', at: '2026-10-04T09:00:00.000Z', route: 'registered mail' },
  label: 'code-signing-1',
  keyId: '0102',
  mechanism: 0,
  attributes: ATTRIBUTES,
  onRecord: true,
}

/** A module with one key, as the command enters it. */
export const newModule = (id: string, spki: Buffer, change: Partial<NewModule> = {}): NewModule => ({
  id,
  manufacturer: 'SoftHSM project',
  model: 'SoftHSM v2',
  firmware: '2.6',
  serialNumber: id.slice(0, 16),
  tokenLabel: 'module',
  preparedBy: 'Aoki Hanako',
  witnessedBy: 'Beppu Taro',
  letter: id.slice(0, 8).toUpperCase(),
  activationBits: 132,
  keys: [{ spkiSha256: createHash('sha256').update(spki).digest('hex'), spki, label: 'code-signing-1', keyId: '0102', mechanism: 0, attributes: ATTRIBUTES }],
  ...change,
})
