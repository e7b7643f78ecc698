/** What a certificate request carries beside its key: the extensions that it asks for (RFC 2985 5.4.2) and the attestation bundle. Judges nothing. */
import { MalformedDer, TAG, type Der } from '../pki/der.ts'
import { ID_AA_ATTESTATION, readAttestationBundle, type AttestationBundle } from './csr-attestation.ts'
import { MalformedStatement, say } from './verifier.ts'

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

export interface RequestExtension {
  readonly file: string | null
  readonly oid: string
  readonly value: Buffer
}

/** @throws MalformedStatement or MalformedDer */
export function readRequestAttributes(file: string | null, request: Der): AttestationBundle & { readonly requested: readonly RequestExtension[] } {
  const info = request.expect(TAG.sequence).children()[0]?.expect(TAG.sequence).children() ?? []
  const attributes = (info[3]?.expect(0xa0, 'attributes').children() ?? []).map((attribute) => {
    const [type, values] = attribute.expect(TAG.sequence, 'attribute').children()
    return { type: type?.oid(), values }
  })
  const of = (wanted: string): Der[] => attributes.flatMap(({ type, values }) => (type === wanted && values ? [values] : []))
  const requested = of(EXTENSION_REQUEST).flatMap((values) => requestedExtensions(file, values))
  for (const [index, { oid }] of requested.entries()) if (requested.findIndex((earlier) => earlier.oid === oid) < index) throw new MalformedStatement(file, say('attestation.malformed.duplicate-extension', { oid }))
  const bundle = readAttestationBundle(file, of(ID_AA_ATTESTATION), requested.map(({ oid }) => oid))
  return { requested, statements: bundle?.statements ?? [], certificates: bundle?.certificates ?? [] }
}

const requestedExtensions = (file: string | null, values: Der): RequestExtension[] =>
  values
    .expect(TAG.set, 'attribute values')
    .children()
    .flatMap((list) => list.expect(TAG.sequence, 'extensions').children())
    .map((extension) => {
      const members = extension.expect(TAG.sequence, 'extension').children()
      const oid = members[0]?.oid()
      const value = members.at(-1)
      if (!oid || !value || members.length < 2 || members.length > 3) throw new MalformedDer('extension is not well formed', extension.offset)
      return { file, oid, value: Buffer.from(value.expect(TAG.octetString, 'extension value').value) }
    })
