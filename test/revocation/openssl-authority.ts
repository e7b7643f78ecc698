/** A small hierarchy made by the openssl command line, so that nothing of ours judges ours: root, issuing CA, responder, three signers. */
import { type KeyObject, createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readDer } from '../../src/pki/der.ts'
import { opensslFolder } from '../support/openssl-folder.ts'

export const SERIALS = { good: '7a0000000000000001', revoked: 'f10000000000000002', stolen: '0b0000000000000003' } as const

export interface Authority {
  folder: string
  path: (file: string) => string
  /** Runs openssl in the folder; output and errors together, exit code beside. */
  openssl: (...words: string[]) => { readonly code: number; readonly text: string }
  key: (name: 'root' | 'issuing' | 'responder') => KeyObject
  certificate: (name: string) => { der: Buffer; subjectDer: Buffer; keyBits: Buffer; keyIdentifier: Buffer; notBefore: Date; notAfter: Date }
  sign: (name: 'root' | 'issuing' | 'responder', hash: 'sha256' | 'sha384', bytes: Buffer) => Buffer
  remove: () => void
}

const SECTIONS = `
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[issuing]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
extendedKeyUsage=codeSigning
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[responder]
keyUsage=critical,digitalSignature
extendedKeyUsage=OCSPSigning
noCheck=ignored
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[signer]
keyUsage=critical,digitalSignature
extendedKeyUsage=codeSigning
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
`

export function makeAuthority(): Authority {
  const { folder, path, run, openssl, remove } = opensslFolder('revocation', SECTIONS)
  for (const name of ['root', 'issuing', 'responder', 'signer']) openssl('genrsa', '-out', `${name}.key`, '2048')
  openssl('req', '-x509', '-new', '-key', 'root.key', '-subj', '/C=JP/O=Test/CN=Test Root', '-days', '400', '-extensions', 'ca', '-out', 'root.pem')
  const certify = (name: string, issuer: string, section: string, serial: string, key = name) => {
    openssl('req', '-new', '-key', `${key}.key`, '-subj', `/C=JP/O=Test/CN=${name}`, '-out', `${name}.csr`)
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-set_serial', `0x${serial}`, '-days', '300', '-extfile', 'openssl.cnf', '-extensions', section, '-out', `${name}.pem`)
  }
  certify('issuing', 'root', 'issuing', '11')
  certify('responder', 'issuing', 'responder', '12')
  for (const [name, serial] of Object.entries(SERIALS)) certify(name, 'issuing', 'signer', serial, 'signer')

  const key = (name: string) => createPrivateKey(readFileSync(path(`${name}.key`)))
  return {
    folder,
    path,
    openssl: (...words) => run('openssl', ...words),
    key,
    certificate: (name) => {
      const der = openssl('x509', '-in', `${name}.pem`, '-outform', 'DER')
      const [, , , , validity, subject, keyInfo, extensions] = readDer(der).children()[0]!.children()
      const identifier = extensions!.children()[0]!.children().map((item) => item.children()).find(([type]) => type!.oid() === '2.5.29.14')!
      const [notBefore, notAfter] = validity!.children().map((value) => value.time()) as [Date, Date]
      return { der, subjectDer: subject!.raw, keyBits: keyInfo!.children()[1]!.bitStringOctets(), keyIdentifier: readDer(identifier.at(-1)!.value).value, notBefore, notAfter }
    },
    sign: (name, hash, bytes) => sign(hash, bytes, key(name)),
    remove,
  }
}
