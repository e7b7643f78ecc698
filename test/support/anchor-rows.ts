/** Rows of a maker's `anchors.json`, made from a name and a key. */
import { createHash } from 'node:crypto'
import { commonName } from './fake-yubikey.ts'

export const keyRow = (name: string, spki: Buffer, more: object = {}) => ({
  role: 'anchor',
  subject: `CN=${name}`,
  subjectDer: commonName(name).toString('base64'),
  spki: spki.toString('base64'),
  spkiSha256: createHash('sha256').update(spki).digest('hex'),
  certificateSha256: null,
  notBefore: '2026-01-01',
  notAfter: '2040-12-31',
  signsDevices: true,
  under: null,
  basicConstraintsFrom: null,
  use: 'test',
  independentSources: 1,
  ...more,
})
