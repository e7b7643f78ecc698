/** A hardware module's certificate, as policies and catalogues of devices list it (CSBR 6.2.7.4.1). */
import { z } from 'zod'
import { versionsInOrder } from './version-range.ts'

export const moduleCertificate = z.strictObject({
  scheme: z.string().min(1),
  number: z.string().min(1),
  level: z.int().positive(),
  /** First day; null where it is not known, which counts as long past. */
  validFrom: z.iso.date().nullable(),
  /** Last day of the active status; historical after it. */
  validUntil: z.iso.date().nullable(),
  /** First day on the scheme's historical list. */
  historicalSince: z.iso.date().nullable(),
  revokedSince: z.iso.date().nullable(),
  source: z.string().min(1),
  /** True when a person compared the row with the scheme's own register. */
  confirmed: z.boolean(),
})

export type ModuleCertificate = z.infer<typeof moduleCertificate>

const version = z.string().regex(/^\d{1,3}\.\d{1,3}$/, 'must be major.minor, as the module tells it')

/** A module in which method 3's library may generate a key: as the module names itself over PKCS #11 (CK_TOKEN_INFO), and what certifies it. */
export const permittedModule = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/),
  manufacturer: z.string().min(1),
  model: z.string().min(1),
  firmware: z.strictObject({ from: version, to: version }).refine(({ from, to }) => versionsInOrder(from, to), 'must run from the lower to the higher version'),
  /** A software token: it proves nothing, and counts under a demo hierarchy alone. */
  demo: z.boolean(),
  certificates: z.array(moduleCertificate).min(1),
})

export type PermittedModule = z.infer<typeof permittedModule>
