/**
 * Makes a demo maker when a demo hierarchy is set up, and its statements for `demo:key`. The key is born here and kept in
 * the data directory: no key of a maker stands in the source, so nobody else's demo statements are worth anything here.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyPairKeyObjectResult, randomBytes, X509Certificate } from 'node:crypto'
import { integer } from '../../src/pki/der.ts'
import { certificationAuthority, commonName, extension, toPem, writeCertificate } from './certificate.ts'
import type { DemoAnchor } from './index.ts'

export interface DemoMaker {
  /** PKCS#8. */
  readonly privateKeyPem: string
  readonly certificatePem: string
  readonly anchor: DemoAnchor
}

const YEAR = 365 * 86_400_000
const whole = (date: Date): Date => new Date(Math.floor(date.getTime() / 1000) * 1000)
const later = (date: Date, milliseconds: number): Date => new Date(date.getTime() + milliseconds)
const positive = (octets: number): Buffer => {
  const serial = randomBytes(octets)
  serial[0] = (serial[0]! & 0x7f) | 0x01
  return serial
}

type Keys = Pick<KeyPairKeyObjectResult, 'privateKey' | 'publicKey'>
const newKeys = (): Keys => generateKeyPairSync('rsa', { modulusLength: 2048 })

/** A new demo maker's root: RSA-2048, thirty years, a name of its own. */
export function makeDemoMaker(now: Date, { privateKey, publicKey }: Keys = newKeys()): DemoMaker {
  const name = `DEMO Maker ${randomBytes(4).toString('hex')} - proves nothing`
  const subject = commonName(name)
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const notBefore = whole(later(now, -86_400_000))
  const notAfter = later(notBefore, 30 * YEAR)
  const der = writeCertificate({ serial: positive(16), issuer: subject, subject, notBefore, notAfter, spki, extensions: [certificationAuthority(1)] }, privateKey)
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificatePem: toPem('CERTIFICATE', der),
    anchor: { subject: `CN=${name}`, subjectDer: subject.toString('base64'), spki: spki.toString('base64'), notBefore: notBefore.toISOString().slice(0, 10), notAfter: notAfter.toISOString().slice(0, 10) },
  }
}

/**
 * A statement of YubiKey shape for a key (SubjectPublicKeyInfo, DER): slot 9c of a "FIPS 5.7.4" whose f9 key is thrown away.
 * Upload both PEMs, in any order.
 * @param device its f9 key
 */
export function attestDemoKey(maker: Pick<DemoMaker, 'privateKeyPem' | 'certificatePem'>, spkiDer: Buffer, now: Date, device: Keys = newKeys()): { attestationPem: string; intermediatePem: string } {
  const root = createPrivateKey(maker.privateKeyPem)
  const rootCertificate = new X509Certificate(maker.certificatePem)
  if (!createPublicKey(root).equals(rootCertificate.publicKey)) throw new RangeError('the demo maker\'s key and certificate do not belong together')
  const rootName = /^CN=(.*)$/.exec(rootCertificate.subject)
  if (!rootName) throw new RangeError('not a demo maker\'s certificate')
  const deviceName = commonName('DEMO PIV Attestation')
  const notBefore = whole(later(now, -3_600_000))
  const notAfter = new Date(rootCertificate.validTo)
  const firmware = extension('1.3.6.1.4.1.41482.3.3', Buffer.from([5, 7, 4]))
  const intermediate = writeCertificate(
    {
      serial: positive(8),
      issuer: commonName(rootName[1]!),
      subject: deviceName,
      notBefore,
      notAfter,
      spki: device.publicKey.export({ type: 'spki', format: 'der' }),
      extensions: [firmware, extension('1.3.6.1.4.1.41482.3.10', integer(8)), certificationAuthority(0)],
    },
    root,
  )
  const attestation = writeCertificate(
    {
      serial: positive(16),
      issuer: deviceName,
      subject: commonName('YubiKey PIV Attestation 9c'),
      notBefore,
      notAfter,
      spki: spkiDer,
      extensions: [
        firmware,
        extension('1.3.6.1.4.1.41482.3.7', integer(randomBytes(4).readUInt32BE() % 90_000_000)),
        extension('1.3.6.1.4.1.41482.3.8', Buffer.from([3, 1])),
        extension('1.3.6.1.4.1.41482.3.9', Buffer.from([0x83])),
      ],
    },
    device.privateKey,
  )
  return { attestationPem: toPem('CERTIFICATE', attestation), intermediatePem: toPem('CERTIFICATE', intermediate) }
}
