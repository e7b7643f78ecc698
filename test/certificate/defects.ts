/** One defective certificate after another, each with the one lint that refuses it. */
import type { LintContext } from '../../src/certificate/lints/lint.ts'
import type { CertificateKind } from '../../src/certificate/profile.ts'
import { boolean, context, contextPrimitive, generalizedTime, ia5, ia5String, integer, namedBits, nullValue, octetString, oid, printableString, readDer, sequence, setOf, TAG, time, tlv, utf8String } from '../../src/pki/der.ts'
import { decodeName, encodeName, type NameAttribute } from '../../src/pki/name.ts'
import { OID } from '../../src/pki/oids.ts'
import { readPublicKey } from '../../src/pki/public-key.ts'
import { ecKeyPair, rsaSpki, soundModulus } from '../pki/keys.ts'
import { RSA_2048, SUBSCRIBER, URLS } from './orders.ts'
import type { TbsParts } from './tbs-parts.ts'

/** The context, open to change: where a defect means that the order too is wrong, so that one lint alone can tell. */
export type OpenContext = { -readonly [Field in keyof LintContext]: LintContext[Field] }
export interface Defect {
  /** What is wrong, as the title of its test. */
  readonly defect: string
  readonly apply: (parts: TbsParts, context: OpenContext) => void
  /** Kinds to try it on, when not all kinds of the lint. */
  readonly kinds?: readonly CertificateKind[]
}
const defect = (title: string, apply: Defect['apply'], ...kinds: CertificateKind[]): Defect => ({ defect: title, apply, ...(kinds.length > 0 ? { kinds } : {}) })

// ---- ways to change a certificate ----

const second = (date: Date, seconds: number): Date => new Date(date.getTime() + seconds * 1000)
const dateOf = (encoded: Buffer): Date => readDer(encoded).time()
const algorithm = (dotted: string, ...parameters: Buffer[]): Buffer => sequence(oid(dotted), ...parameters)

const attribute = (dotted: string, value: Buffer): Buffer => sequence(oid(dotted), value)
const rdn = (dotted: string, value: Buffer): Buffer => setOf(attribute(dotted, value))
const TYPES = ['countryName', 'stateOrProvinceName', 'localityName', 'organizationName', 'organizationalUnitName', 'commonName', 'serialNumber'] as const
/** Puts in a subject, and makes it the approved one, as far as an approval can hold it. */
function subject(parts: TbsParts, order: OpenContext, der: Buffer): void {
  parts.subject = der
  if (order.issuer === 'self') parts.issuer = der
  order.subject = decodeName(der)
    .flat()
    .flatMap(({ oid: dotted, text }): NameAttribute[] => {
      const type = TYPES.find((each) => OID[each] === dotted)
      return type && text !== null ? [{ type, value: text }] : []
    })
}
const reword = (change: (attributes: readonly NameAttribute[]) => readonly NameAttribute[]): Defect['apply'] => (parts, order) => subject(parts, order, encodeName(change(order.subject)))
const replace = (type: NameAttribute['type'], value: string): Defect['apply'] => reword((all) => all.map((each) => (each.type === type ? { type, value } : each)))
const append = (...rdns: Buffer[]): Defect['apply'] => (parts, order) => subject(parts, order, sequence(readDer(parts.subject).value, ...rdns))

/** Puts in a key with its identifier, and makes it the approved one. */
const key = (spki: Buffer): Defect['apply'] => (parts, order) => {
  parts.spki = spki
  order.spki = spki
  value(OID.subjectKeyIdentifier, octetString(readPublicKey(spki).keyIdentifier))(parts, order)
}

const find = (parts: TbsParts, dotted: string) => parts.extensions.find((extension) => extension.oid === dotted)!
const value = (dotted: string, content: Buffer): Defect['apply'] => (parts) => {
  find(parts, dotted).value = content
}
const drop = (dotted: string): Defect['apply'] => (parts) => {
  parts.extensions = parts.extensions.filter((extension) => extension.oid !== dotted)
}
const add = (dotted: string, content: Buffer, critical = false): Defect['apply'] => (parts) => {
  parts.extensions.push({ oid: dotted, critical, value: content })
}
const flipCritical = (dotted: string): Defect['apply'] => (parts) => {
  find(parts, dotted).critical = !find(parts, dotted).critical
}
const both = (...steps: Defect['apply'][]): Defect['apply'] => (parts, order) => steps.forEach((step) => step(parts, order))
const urls = (change: Partial<LintContext['urls']>): Defect['apply'] => (_, order) => {
  order.urls = { ...order.urls, ...change }
}

const uri = (text: string): Buffer => contextPrimitive(6, ia5(text))
const point = (...names: Buffer[]): Buffer => sequence(context(0, context(0, ...names)))
const points = (...all: Buffer[]): Defect['apply'] => value(OID.crlDistributionPoints, sequence(...all))
const access = (...all: [string, Buffer][]): Defect['apply'] => value(OID.authorityInfoAccess, sequence(...all.map(([method, location]) => sequence(oid(method), location))))
const ocsp: [string, Buffer] = [OID.accessOcsp, uri(URLS.ocsp)]
const caIssuers: [string, Buffer] = [OID.accessCaIssuers, uri(URLS.caIssuers)]
const purposes = (...all: string[]): Defect['apply'] => value(OID.extendedKeyUsage, sequence(...all.map(oid)))
const cps = (url: string): Buffer => sequence(sequence(oid(OID.cpsQualifier), ia5String(url)))
const policies = (...all: Buffer[][]): Defect['apply'] => value(OID.certificatePolicies, sequence(...all.map((each) => sequence(...each))))
const CODE_SIGNING = oid('1.2.392.200091.100.381.8')
const SUBORDINATE = oid('1.2.392.200091.100.901.6')
const RESPONDER = oid('1.2.392.200091.100.381.9')
const RESERVED = oid('2.23.140.1.4.1')
const RESERVED_TIMESTAMPS = oid('2.23.140.1.4.2')
const CPS = cps(URLS.cps)

const common = {
  keyUsage: (right: number[], wrong: number[]): Defect[] => [
    defect('no key usage', drop(OID.keyUsage)),
    defect('another bit beside the right ones', value(OID.keyUsage, namedBits([...right, 1]))),
    defect('other bits', value(OID.keyUsage, namedBits(wrong))),
  ],
  extendedKeyUsage: (right: string): Defect[] => [
    defect('no extended key usage', drop(OID.extendedKeyUsage)),
    defect('another purpose', purposes(right === OID.timeStamping ? OID.codeSigning : OID.timeStamping)),
    defect('any purpose beside the right one', purposes(right, '2.5.29.37.0')),
  ],
  subjectKeyIdentifier: [
    defect('no subject key identifier', drop(OID.subjectKeyIdentifier)),
    defect('the identifier of another key', value(OID.subjectKeyIdentifier, octetString(Buffer.alloc(20, 1)))),
    defect('a truncated identifier', value(OID.subjectKeyIdentifier, octetString(Buffer.alloc(8, 1)))),
  ],
  authorityKeyIdentifier: [
    defect('no authority key identifier', drop(OID.authorityKeyIdentifier)),
    defect('the identifier of another CA', value(OID.authorityKeyIdentifier, sequence(contextPrimitive(0, Buffer.alloc(20, 1))))),
    defect('an authority key identifier without content', value(OID.authorityKeyIdentifier, sequence())),
    defect("the issuer's name and serial number beside the identifier", (parts) => {
      const found = find(parts, OID.authorityKeyIdentifier)
      found.value = sequence(readDer(found.value).value, context(1, context(4, sequence())), contextPrimitive(2, Buffer.from([1])))
    }),
  ],
  crl: {
    address: [defect('no CRL distribution point', drop(OID.crlDistributionPoints)), defect('the address of another list', points(point(uri('http://status.example.jp/other.crl')))), defect('a second address', points(point(uri(URLS.crl), uri('http://mirror.example.jp/issuing.crl'))))],
    ldap: [defect('an LDAP address beside the HTTP one', points(point(uri(URLS.crl), uri('ldap://repo.example.jp/cn=CA?certificateRevocationList')))), defect('a second point with an LDAP address', points(point(uri(URLS.crl)), point(uri('LDAP://repo.example.jp/'))))],
    http: [defect('an HTTPS address', both(points(point(uri('https://status.example.jp/issuing.crl'))), urls({ crl: 'https://status.example.jp/issuing.crl' }))), defect('a directory name beside the address', points(point(uri(URLS.crl), context(4, sequence()))))],
    whole: [defect('a point for some reasons only', points(sequence(context(0, context(0, uri(URLS.crl))), contextPrimitive(1, Buffer.from([6, 0x40]))))), defect('a point with another issuer', points(sequence(context(0, context(0, uri(URLS.crl))), context(2, context(4, sequence())))))],
  },
  notAnAuthority: [defect('cA TRUE', add(OID.basicConstraints, sequence(boolean(true)), true)), defect('a path length without cA', add(OID.basicConstraints, sequence(integer(0))))],
  authority: [defect('no basic constraints', drop(OID.basicConstraints)), defect('basic constraints without cA', value(OID.basicConstraints, sequence()))],
  pathLength: [defect('a path length', value(OID.basicConstraints, sequence(boolean(true), integer(0))))],
  critical: (dotted: string): Defect[] => [defect('the wrong criticality', flipCritical(dotted))],
  longerPeriod: [
    defect('one second more than the period', (parts) => {
      parts.notAfter = time(second(dateOf(parts.notAfter), 1))
    }),
  ],
}

// ---- the table ----

export const DEFECTS: Readonly<Record<string, readonly Defect[]>> = {
  'iss-1-encoding': [
    defect('the same extension twice', (parts) => parts.extensions.push(parts.extensions[0]!)),
    defect('version 1 written out', (parts) => {
      parts.version = context(0, integer(0))
    }),
    defect('a serial number padded with 00', (parts) => {
      parts.serial = tlv(TAG.integer, Buffer.from([0]), readDer(parts.serial).value)
    }),
    defect('a time without seconds', (parts) => {
      parts.notBefore = tlv(TAG.utcTime, Buffer.from('2703010930Z'))
    }),
    defect('an RSA key whose parameters are left out', (parts) => {
      parts.spki = sequence(sequence(oid(OID.rsaEncryption)), readDer(parts.spki).children()[1]!.raw)
    }),
    defect('key usage with a trailing zero bit', value(OID.keyUsage, Buffer.from('03020680', 'hex'))),
    defect('an attribute set out of order', (parts) => {
      parts.subject = sequence(tlv(TAG.set, attribute(OID.organizationalUnitName, utf8String('b')), attribute(OID.commonName, utf8String('a'))))
    }),
    defect('octets after an extension value', (parts) => {
      find(parts, OID.keyUsage).value = Buffer.concat([find(parts, OID.keyUsage).value, Buffer.from([0])])
    }),
  ],
  'iss-1-version': [
    defect('version 2', (parts) => {
      parts.version = context(0, integer(1))
    }),
    defect('version 1', (parts) => {
      parts.version = Buffer.alloc(0)
    }),
  ],
  'iss-3-serial-positive': [
    defect('serial number zero', (parts) => {
      parts.serial = integer(0)
    }),
    defect('a negative serial number', (parts) => {
      parts.serial = tlv(TAG.integer, Buffer.alloc(16, 0x81))
    }),
  ],
  'iss-3-serial-length': [
    defect('a serial number of 21 octets', (parts) => {
      parts.serial = integer(Buffer.alloc(21, 0x41))
    }),
    defect('20 octets that need a 21st for their sign', (parts) => {
      parts.serial = integer(Buffer.alloc(20, 0x81))
    }),
  ],
  'iss-3-serial-entropy': [
    defect('a serial number of 63 bits', (parts) => {
      parts.serial = integer((1n << 63n) - 1n)
    }),
    defect('serial number 1', (parts) => {
      parts.serial = integer(1)
    }),
  ],
  'crt-11-signature-algorithm': signatureDefects(OID.sha384WithRsa),
  'ocs-2-signature-algorithm': signatureDefects(OID.sha384WithRsa),
  'tsa-2-signature-algorithm': signatureDefects(OID.sha384WithRsa),
  'crt-12-signature-algorithm': signatureDefects(OID.sha512WithRsa),
  'crt-14-signature-algorithm': signatureDefects(OID.ecdsaWithSha384),
  'iss-7-issuer-name': [
    defect("the issuer's name in another string type", (parts) => {
      parts.issuer = sequence(...decodeName(parts.issuer).map(([each]) => rdn(each!.oid, /^[ -~]*$/.test(each!.text!) ? printableString(each!.text!) : utf8String(each!.text!))))
    }),
    defect('the name of another issuer', (parts) => {
      parts.issuer = encodeName([{ type: 'commonName', value: 'Another CA' }])
    }),
  ],
  'iss-1-no-unique-identifiers': [
    defect('an issuer unique identifier', (parts) => parts.before.push(contextPrimitive(1, Buffer.from([0, 1])))),
    defect('a subject unique identifier', (parts) => parts.before.push(contextPrimitive(2, Buffer.from([0, 1])))),
  ],
  'crt-10-time-form': [
    defect('GeneralizedTime before 2050', (parts) => {
      parts.notBefore = generalizedTime(dateOf(parts.notBefore))
    }),
  ],
  'crt-10-validity-order': [
    defect('an end that is the beginning', (parts) => {
      parts.notAfter = parts.notBefore
    }),
    defect('an end before the beginning', (parts) => {
      parts.notAfter = time(second(dateOf(parts.notBefore), -1))
    }),
  ],
  'iss-2-not-backdated': [
    defect('a beginning one second before the present one', (parts) => {
      parts.notBefore = time(second(dateOf(parts.notBefore), -1))
      parts.notAfter = time(second(dateOf(parts.notAfter), -1))
    }),
  ],
  'crt-10-period': common.longerPeriod,
  'crt-12-period': common.longerPeriod,
  'crt-14-period': common.longerPeriod,
  'ocs-2-period': common.longerPeriod,
  'tsa-2-period': common.longerPeriod,
  'crt-10-within-issuer': [
    defect('an end one second after its issuer\'s', (parts, order) => {
      if (order.issuer !== 'self') order.issuer = { ...order.issuer, notAfter: second(dateOf(parts.notAfter), -1) }
    }),
  ],
  'key-1-key-size': [defect('an RSA key of 2048 bits', key(RSA_2048)), defect('an RSA key of 3073 bits', key(rsaSpki(soundModulus(3073)))), defect('an elliptic-curve key', key(ecKeyPair('prime256v1').spki))],
  'crt-12-key-size': [defect('an RSA key of 3072 bits', key(rsaSpki(soundModulus(3072)))), defect('an elliptic-curve key', key(ecKeyPair('prime256v1').spki))],
  'crt-14-key-size': [defect('an RSA key of 3072 bits', key(rsaSpki(soundModulus(3072)))), defect('an elliptic-curve key', key(ecKeyPair('prime256v1').spki))],
  'ocs-2-key-size': [defect('an RSA key of 2048 bits', key(RSA_2048))],
  'tsa-2-key-size': [defect('an RSA key of 2048 bits', key(RSA_2048)), defect('an elliptic-curve key', key(ecKeyPair('prime256v1').spki))],
  'key-2-exponent': [
    defect('exponent 3', (parts, order) => key(withExponent(parts.spki, 3n))(parts, order)),
    defect('an even exponent', (parts, order) => key(withExponent(parts.spki, 65538n))(parts, order)),
    defect('an exponent of 257 bits', (parts, order) => key(withExponent(parts.spki, (1n << 256n) + 1n))(parts, order)),
  ],
  'app-3-approved-key': [
    defect('a key that nobody approved', (_, order) => {
      order.spki = RSA_2048
    }),
  ],
  'crt-2-subject-required': (['countryName', 'organizationName', 'commonName'] as const).map((type) => defect(`no ${type}`, reword((all) => all.filter((each) => each.type !== type)))),
  'crt-2-subject-place': [defect('neither locality nor state', reword((all) => all.filter(({ type }) => type !== 'localityName' && type !== 'stateOrProvinceName')))],
  'crt-2-no-domain-component': [defect('a domain component', append(rdn(OID.domainComponent, ia5String('example'))))],
  'crt-2-subject-allowed': [defect('a street address', append(rdn(OID.streetAddress, utf8String('1-1-1')))), defect('an e-mail address', append(rdn(OID.emailAddress, ia5String('a@example.jp'))))],
  'crt-2-subject-repeats': [
    defect('two common names', append(rdn(OID.commonName, utf8String('Another Name')))),
    defect('four organizational units', reword((all) => [...all.filter(({ type }) => type !== 'organizationalUnitName'), ...['a', 'b', 'c', 'd'].map((unit): NameAttribute => ({ type: 'organizationalUnitName', value: `Unit ${unit}` }))])),
    defect('the same organizational unit twice', reword((all) => [...all.filter(({ type }) => type !== 'organizationalUnitName'), ...['a', 'a'].map((unit): NameAttribute => ({ type: 'organizationalUnitName', value: `Unit ${unit}` }))])),
  ],
  'crt-2-subject-single-valued': [
    defect('two attributes in one relative distinguished name', (parts, order) => {
      const rest = order.subject.filter(({ type }) => type !== 'organizationalUnitName' && type !== 'commonName')
      subject(parts, order, sequence(readDer(encodeName(rest)).value, setOf(attribute(OID.organizationalUnitName, utf8String('Unit')), attribute(OID.commonName, utf8String('Example')))))
    }),
  ],
  'crt-2-subject-country': [defect('a country that the policy does not list', replace('countryName', 'US')), defect('the country in small letters', replace('countryName', 'jp')), defect('a country of three letters', replace('countryName', 'JPN'))],
  'crt-2-subject-bounds': [
    defect('an organization of 65 characters', replace('organizationName', '例'.repeat(65))),
    defect('a common name of 65 characters', replace('commonName', 'x'.repeat(65))),
    defect('a locality of 129 characters', replace('localityName', 'x'.repeat(129)), 'subscriber'),
    defect('a serial number of 65 characters', replace('serialNumber', '1'.repeat(65)), 'subscriber'),
  ],
  'crt-2-subject-encoding': [
    defect('the country as UTF8String', restring(OID.countryName, utf8String)),
    defect('the common name as TeletexString', restring(OID.commonName, () => tlv(TAG.teletexString, Buffer.from('Example')))),
    defect('the common name as BMPString', restring(OID.commonName, () => tlv(TAG.bmpString, Buffer.from('65e5', 'hex')))),
    defect('a serial number that PrintableString cannot hold', replace('serialNumber', '番号1'), 'subscriber'),
  ],
  'crt-2-subject-meta': ['-', '.', ' ', ' .- ', '\u2014', '\u30fc', 'N/A', '\uff2e\uff0f\uff21', '\uff0e\uff0d', 'none', '該当なし', '\u2800', ''].map((text) => defect(`an organization of '${text}'`, replace('organizationName', text))),
  'crt-2-subject-edges': [
    defect('a blank before the organization', replace('organizationName', ' Example')),
    defect('a full-width blank after the organization', replace('organizationName', 'Example\u3000')),
    defect('a zero-width character in the common name', replace('commonName', 'Exam\u200bple')),
    defect('a right-to-left override in the common name', replace('commonName', 'Exam\u202eple')),
    ...[0x3164, 0xffa0, 0x115f].map((filler) => defect(`an organization of U+${filler.toString(16)} alone`, replace('organizationName', String.fromCodePoint(filler)))),
    ...[0xfe0f, 0x34f, 0x180b, 0x17b4, 0xad, 0xe0100, 0x2800, 0x1d159, 0xe000, 0xfffc].map((unseen) =>
      defect(`U+${unseen.toString(16)} in the common name`, replace('commonName', `Exam${String.fromCodePoint(unseen)}ple`)),
    ),
    ...[0xa0, 0x2009, 0x202f, 0x1680].map((space) => defect(`the space U+${space.toString(16)} in the common name`, replace('commonName', `Exam${String.fromCodePoint(space)}ple`))),
    ...['  ', ' \u3000', '\u3000\u3000'].map((spaces) => defect(`two spaces (${JSON.stringify(spaces).replace(/\u3000/g, 'U+3000')}) in a row in the common name`, replace('commonName', `Exam${spaces}ple`))),
    defect('a line feed in the common name', replace('commonName', 'Exam\nple')),
  ],
  'crt-2-subject-approved': [
    defect('another common name than the approved one', (_, order) => {
      order.subject = order.subject.map((each) => (each.type === 'commonName' ? { ...each, value: 'Approved Name' } : each))
    }),
    defect('an attribute that nobody approved', (_, order) => {
      order.subject = order.subject.slice(0, -1)
    }),
    defect('an approved attribute left out', (_, order) => {
      order.subject = [...order.subject, SUBSCRIBER[4]!]
    }),
    defect('the attributes in another order', (_, order) => {
      order.subject = [...order.subject].reverse()
    }),
  ],

  'crt-1-policies': [
    defect('no policies', drop(OID.certificatePolicies)),
    defect('no reserved policy', policies([CODE_SIGNING, CPS])),
    defect("no policy of the CA's own", policies([RESERVED])),
    defect('a third policy', policies([CODE_SIGNING, CPS], [RESERVED], [oid('2.23.140.1.3')])),
    defect('any policy', policies([oid(OID.anyPolicy)], [RESERVED])),
  ],
  'crt-1-policy-qualifiers': [
    defect('no pointer to the practice statement', policies([CODE_SIGNING], [RESERVED])),
    defect('a pointer to somewhere else', policies([CODE_SIGNING, cps('http://elsewhere.example.jp/')], [RESERVED])),
    defect('a pointer in the reserved policy', policies([CODE_SIGNING, CPS], [RESERVED, CPS])),
    defect('a user notice beside the pointer', policies([CODE_SIGNING, sequence(readDer(CPS).value, sequence(oid('1.3.6.1.5.5.7.2.2'), sequence()))], [RESERVED])),
  ],
  'crt-1-policies-not-critical': common.critical(OID.certificatePolicies),
  'crt-3-key-usage': common.keyUsage([0], [5, 6]),
  'crt-3-key-usage-critical': common.critical(OID.keyUsage),
  'crt-4-extended-key-usage': [...common.extendedKeyUsage(OID.codeSigning), defect('e-mail protection beside code signing', purposes(OID.codeSigning, '1.3.6.1.5.5.7.3.4'))],
  'crt-4-extended-key-usage-not-critical': common.critical(OID.extendedKeyUsage),
  'crt-5-not-a-ca': common.notAnAuthority,
  'crt-6-subject-key-identifier': common.subjectKeyIdentifier,
  'crt-6-subject-key-identifier-not-critical': common.critical(OID.subjectKeyIdentifier),
  'crt-6-authority-key-identifier': common.authorityKeyIdentifier,
  'crt-6-authority-key-identifier-not-critical': common.critical(OID.authorityKeyIdentifier),
  'crt-7-crl-address': common.crl.address,
  'crt-7-crl-no-ldap': common.crl.ldap,
  'crt-7-crl-http': common.crl.http,
  'crt-7-crl-whole-list': common.crl.whole,
  'crt-7-crl-not-critical': common.critical(OID.crlDistributionPoints),
  'crt-8-access-ocsp': [defect('no OCSP address', access(caIssuers)), defect('another OCSP address', access([OID.accessOcsp, uri('http://other.example.jp/')], caIssuers)), defect('two OCSP addresses', access(ocsp, [OID.accessOcsp, uri('http://other.example.jp/')], caIssuers))],
  'crt-8-access-ca-issuers': [defect("no address of the CA's certificate", access(ocsp)), defect("another address of the CA's certificate", access(ocsp, [OID.accessCaIssuers, uri('http://other.example.jp/')]))],
  'crt-8-access-methods': [defect('a time-stamping method', access(ocsp, caIssuers, ['1.3.6.1.5.5.7.48.3', uri('http://status.example.jp/tsa')]))],
  'crt-8-access-http': [defect('an HTTPS address of OCSP', both(access([OID.accessOcsp, uri('https://status.example.jp/ocsp')], caIssuers), urls({ ocsp: 'https://status.example.jp/ocsp' }))), defect("an LDAP address of the CA's certificate", both(access(ocsp, [OID.accessCaIssuers, uri('ldap://a/b')]), urls({ caIssuers: 'ldap://a/b' })))],
  'crt-8-access-not-critical': common.critical(OID.authorityInfoAccess),
  'crt-9-no-subject-alt-name': [defect('a subject alternative name', add(OID.subjectAltName, sequence(contextPrimitive(1, ia5('a@example.jp')))))],
  'crt-9-no-netscape-type': [defect('a Netscape certificate type', add(OID.netscapeCertificateType, namedBits([3])))],
  'crt-9-no-other-extension': [defect('an extension that nobody knows', add('1.2.3.4', nullValue())), defect('OCSP no-check', add(OID.ocspNoCheck, nullValue()))],

  'crt-12-policies': [
    defect('no policies', drop(OID.certificatePolicies)),
    defect('no reserved policy', policies([SUBORDINATE, CPS])),
    defect('any policy', policies([oid(OID.anyPolicy)], [RESERVED])),
    defect("the subscribers' policy beside", policies([SUBORDINATE, CPS], [RESERVED], [CODE_SIGNING])),
    defect('the reserved policy of time-stamps', policies([SUBORDINATE, CPS], [RESERVED_TIMESTAMPS]), 'issuing'),
    defect('the reserved policy of code signing', policies([SUBORDINATE, CPS], [RESERVED]), 'timestamp-ca'),
  ],
  'crt-12-policy-qualifiers': (['issuing', 'timestamp-ca'] as const).flatMap((kind) => {
    const reserved = kind === 'issuing' ? RESERVED : RESERVED_TIMESTAMPS
    return [
      defect('no pointer to the practice statement', policies([SUBORDINATE], [reserved]), kind),
      defect('a pointer in the reserved policy', policies([SUBORDINATE, CPS], [reserved, CPS]), kind),
    ]
  }),
  'crt-12-policies-not-critical': common.critical(OID.certificatePolicies),
  'crt-12-crl-address': common.crl.address,
  'crt-12-crl-no-ldap': common.crl.ldap,
  'crt-12-crl-http': common.crl.http,
  'crt-12-crl-whole-list': common.crl.whole,
  'crt-12-crl-not-critical': common.critical(OID.crlDistributionPoints),
  'crt-12-access-ocsp': [defect('an OCSP address', access(ocsp, caIssuers))],
  'crt-12-access-ca-issuers': [defect('no authority information access', drop(OID.authorityInfoAccess)), defect("another address of the root's certificate", access([OID.accessCaIssuers, uri('http://other.example.jp/')]))],
  'crt-12-access-methods': [defect('a repository method', access(caIssuers, ['1.3.6.1.5.5.7.48.5', uri('http://status.example.jp/')]))],
  'crt-12-access-http': [defect('an HTTPS address', both(access([OID.accessCaIssuers, uri('https://status.example.jp/ca')]), urls({ caIssuers: 'https://status.example.jp/ca' })))],
  'crt-12-access-not-critical': common.critical(OID.authorityInfoAccess),
  'crt-12-basic-constraints': common.authority,
  'crt-12-basic-constraints-critical': common.critical(OID.basicConstraints),
  'crt-12-no-path-length': common.pathLength,
  'crt-12-key-usage': common.keyUsage([5, 6], [0, 5, 6]),
  'crt-12-key-usage-critical': common.critical(OID.keyUsage),
  'crt-12-extended-key-usage': [
    ...common.extendedKeyUsage(OID.codeSigning).map((each) => ({ ...each, kinds: ['issuing'] as const })),
    defect('OCSP signing beside code signing', purposes(OID.codeSigning, OID.ocspSigning), 'issuing'),
    ...common.extendedKeyUsage(OID.timeStamping).map((each) => ({ ...each, kinds: ['timestamp-ca'] as const })),
    defect('code signing beside time-stamping', purposes(OID.timeStamping, OID.codeSigning), 'timestamp-ca'),
  ],
  'crt-12-extended-key-usage-not-critical': common.critical(OID.extendedKeyUsage),
  'crt-12-subject-key-identifier': common.subjectKeyIdentifier,
  'crt-12-subject-key-identifier-not-critical': common.critical(OID.subjectKeyIdentifier),
  'crt-12-authority-key-identifier': common.authorityKeyIdentifier,
  'crt-12-authority-key-identifier-not-critical': common.critical(OID.authorityKeyIdentifier),
  'crt-12-no-other-extension': [defect('a subject alternative name', add(OID.subjectAltName, sequence(contextPrimitive(1, ia5('a@example.jp')))))],

  'crt-14-basic-constraints': common.authority,
  'crt-14-basic-constraints-critical': common.critical(OID.basicConstraints),
  'crt-14-no-path-length': common.pathLength,
  'crt-14-key-usage': common.keyUsage([5, 6], [5]),
  'crt-14-key-usage-critical': common.critical(OID.keyUsage),
  'crt-14-no-policies': [defect('policies', add(OID.certificatePolicies, sequence(sequence(oid(OID.anyPolicy)))))],
  'crt-14-no-extended-key-usage': [defect('an extended key usage', add(OID.extendedKeyUsage, sequence(oid(OID.codeSigning))))],
  'crt-14-subject-key-identifier': common.subjectKeyIdentifier,
  'crt-14-subject-key-identifier-not-critical': common.critical(OID.subjectKeyIdentifier),
  'crt-14-no-other-extension': [defect('a CRL distribution point', add(OID.crlDistributionPoints, sequence(point(uri(URLS.crl)))))],

  'ocs-2-key-usage': common.keyUsage([0], [0, 6]),
  'ocs-2-key-usage-critical': common.critical(OID.keyUsage),
  'ocs-2-extended-key-usage': common.extendedKeyUsage(OID.ocspSigning),
  'ocs-2-extended-key-usage-not-critical': common.critical(OID.extendedKeyUsage),
  'ocs-2-ocsp-no-check': [defect('no OCSP no-check', drop(OID.ocspNoCheck)), defect('OCSP no-check that is not NULL', value(OID.ocspNoCheck, sequence()))],
  'ocs-2-ocsp-no-check-not-critical': common.critical(OID.ocspNoCheck),
  'ocs-2-policies': [defect('no policies', drop(OID.certificatePolicies)), defect("the subscribers' policy", policies([CODE_SIGNING])), defect('the reserved policy beside', policies([RESPONDER, CPS], [RESERVED]))],
  'ocs-2-policy-qualifiers': [defect('no pointer to the practice statement', policies([RESPONDER]))],
  'ocs-2-policies-not-critical': common.critical(OID.certificatePolicies),
  'ocs-2-not-a-ca': common.notAnAuthority,
  'ocs-2-subject-key-identifier': common.subjectKeyIdentifier,
  'ocs-2-subject-key-identifier-not-critical': common.critical(OID.subjectKeyIdentifier),
  'ocs-2-authority-key-identifier': common.authorityKeyIdentifier,
  'ocs-2-authority-key-identifier-not-critical': common.critical(OID.authorityKeyIdentifier),
  'ocs-2-no-other-extension': [defect('a CRL distribution point', add(OID.crlDistributionPoints, sequence(point(uri(URLS.crl)))))],

  'tsa-2-policies': [defect('no policies', drop(OID.certificatePolicies)), defect('the reserved policy of code signing', policies([RESERVED])), defect("the subscribers' policy beside", policies([RESERVED_TIMESTAMPS, CPS], [CODE_SIGNING])), defect('any policy', policies([oid(OID.anyPolicy)]))],
  'tsa-2-policy-qualifiers': [defect('no pointer to the practice statement', policies([RESERVED_TIMESTAMPS])), defect('a pointer to somewhere else', policies([RESERVED_TIMESTAMPS, cps('http://elsewhere.example.jp/')]))],
  'tsa-2-policies-not-critical': common.critical(OID.certificatePolicies),
  'tsa-2-key-usage': common.keyUsage([0], [0, 6]),
  'tsa-2-key-usage-critical': common.critical(OID.keyUsage),
  'tsa-2-extended-key-usage': [
    ...common.extendedKeyUsage(OID.timeStamping),
    defect('code signing beside time-stamping', purposes(OID.timeStamping, OID.codeSigning)),
  ],
  'tsa-2-extended-key-usage-critical': common.critical(OID.extendedKeyUsage),
  'tsa-2-not-a-ca': common.notAnAuthority,
  'tsa-2-subject-key-identifier': common.subjectKeyIdentifier,
  'tsa-2-subject-key-identifier-not-critical': common.critical(OID.subjectKeyIdentifier),
  'tsa-2-authority-key-identifier': common.authorityKeyIdentifier,
  'tsa-2-authority-key-identifier-not-critical': common.critical(OID.authorityKeyIdentifier),
  'tsa-2-crl-address': common.crl.address,
  'tsa-2-crl-no-ldap': common.crl.ldap,
  'tsa-2-crl-http': common.crl.http,
  'tsa-2-crl-whole-list': common.crl.whole,
  'tsa-2-crl-not-critical': common.critical(OID.crlDistributionPoints),
  'tsa-2-access-ocsp': [defect('an OCSP address', access(ocsp, caIssuers))],
  'tsa-2-access-ca-issuers': [defect('no authority information access', drop(OID.authorityInfoAccess)), defect("another address of the CA's certificate", access([OID.accessCaIssuers, uri('http://other.example.jp/')]))],
  'tsa-2-access-methods': [defect('a repository method', access(caIssuers, ['1.3.6.1.5.5.7.48.5', uri('http://status.example.jp/')]))],
  'tsa-2-access-http': [defect('an HTTPS address', both(access([OID.accessCaIssuers, uri('https://status.example.jp/ca')]), urls({ caIssuers: 'https://status.example.jp/ca' })))],
  'tsa-2-access-not-critical': common.critical(OID.authorityInfoAccess),
  'tsa-2-no-other-extension': [defect('OCSP no-check', add(OID.ocspNoCheck, nullValue())), defect('a subject alternative name', add(OID.subjectAltName, sequence(contextPrimitive(1, ia5('a@example.jp')))))],
}

function signatureDefects(other: string): Defect[] {
  const signed = (title: string, encoded: Buffer) =>
    defect(title, (parts) => {
      parts.signature = encoded
    })
  return [
    signed('SHA-1', algorithm(OID.sha1WithRsa, nullValue())),
    signed(`the algorithm ${other}`, algorithm(other, nullValue())),
    signed('SHA-256 without its NULL parameters', algorithm(OID.sha256WithRsa)),
    signed('SHA-256 with other parameters', algorithm(OID.sha256WithRsa, sequence())),
    signed('RSASSA-PSS', algorithm(OID.rsassaPss, sequence())),
  ]
}

function withExponent(spki: Buffer, exponent: bigint): Buffer {
  const { facts } = readPublicKey(spki)
  if (facts.type !== 'rsa') throw new Error('an RSA key is needed')
  return rsaSpki(facts.modulus, exponent)
}

/** Writes the attribute in another string type, its text as before where the type allows. */
function restring(dotted: string, write: (text: string) => Buffer): Defect['apply'] {
  return (parts, order) =>
    subject(
      parts,
      order,
      sequence(
        ...decodeName(parts.subject)
          .flat()
          .map((each) => (each.oid === dotted ? rdn(dotted, write(each.text!)) : rdn(each.oid, each.raw))),
      ),
    )
}
