/** The portal's own secret: signs session cookies, seals TOTP secrets at rest. One file, made at first start, mode 600. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Secrets {
  readonly cookieKey: string
  /** AES-256-GCM; `purpose` binds the sealed text to its place: it opens nowhere else. */
  seal(purpose: string, text: string): string
  /** @throws when the text was changed, or sealed for another purpose */
  open(purpose: string, sealed: string): string
  /** HMAC-SHA-256, 32 octets: what only this portal can have written for that purpose. */
  mark(purpose: string, text: string): Buffer
}

export function openSecrets(dataDir: string): Secrets {
  const folder = join(dataDir, 'secrets')
  const file = join(folder, 'portal.key')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (!existsSync(file)) {
    // Written whole, then given its name: another process sees all of it or nothing, and the first one stays.
    const draft = `${file}.${process.pid}`
    writeFileSync(draft, randomBytes(32), { mode: 0o600 })
    try {
      linkSync(draft, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      unlinkSync(draft)
    }
  }
  const master = readFileSync(file)
  if (master.length !== 32) throw new Error('secrets/portal.key must hold 32 octets')
  const derive = (label: string) => Buffer.from(hkdfSync('sha256', master, Buffer.alloc(0), label, 32))
  const sealing = derive('seal')
  const marking = derive('mark')
  return {
    cookieKey: derive('cookie').toString('base64url'),
    seal(purpose, text) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce).setAAD(Buffer.from(purpose))
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
    },
    open(purpose, sealed) {
      const bytes = Buffer.from(sealed, 'base64url')
      // The length is named: a shortened tag would be easier to guess.
      const decipher = createDecipheriv('aes-256-gcm', sealing, bytes.subarray(0, 12), { authTagLength: 16 }).setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(12, 28))
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
    },
    // A purpose holds no NUL, so none runs into the text of another.
    mark: (purpose, text) => createHmac('sha256', marking).update(`${purpose}\0${text}`).digest(),
  }
}
