/** An upload with everything that its verdict depends on, as a file: so that what failed once can be asked again anywhere. */
import type { Anchor, Anchors } from '../../src/attestation/anchors.ts'
import type { Specimen, Upload } from '../support/specimens.ts'

type Written = Omit<Specimen, 'files' | 'certificateRequestDer' | 'publicKeySpki' | 'at' | 'anchors'> & {
  files: { name: string; bytes: string }[]
  certificateRequestDer: string
  publicKeySpki: string
  at: string
  anchors: { [maker: string]: WrittenAnchors }
}

type WrittenAnchors = Omit<Anchors, 'rows'> & { rows: (Omit<Anchor, 'subjectDer' | 'spki'> & { subjectDer: string; spki: string })[] }

const base64 = (bytes: Buffer): string => bytes.toString('base64')
const octets = (text: string): Buffer => Buffer.from(text, 'base64')

const writtenAnchors = ({ rows, ...rest }: Anchors): WrittenAnchors => ({ ...rest, rows: rows.map((row) => ({ ...row, subjectDer: base64(row.subjectDer), spki: base64(row.spki) })) })

export const writeCase = ({ files, certificateRequestDer, publicKeySpki, at, anchors, id, maker, real }: Specimen): string =>
  JSON.stringify({
    id,
    maker,
    real,
    files: files.map(({ name, bytes }) => ({ name, bytes: base64(bytes) })),
    certificateRequestDer: base64(certificateRequestDer),
    publicKeySpki: base64(publicKeySpki),
    at: at.toISOString(),
    anchors: Object.fromEntries(Object.entries(anchors).map(([name, value]) => [name, writtenAnchors(value)])),
  } satisfies Written)

export function readCase(text: string): Specimen {
  const { id, maker, real, files, certificateRequestDer, publicKeySpki, at, anchors } = JSON.parse(text) as Written
  return {
    id,
    maker,
    real,
    files: files.map(({ name, bytes }) => ({ name, bytes: octets(bytes) })),
    certificateRequestDer: octets(certificateRequestDer),
    publicKeySpki: octets(publicKeySpki),
    at: new Date(at),
    anchors: Object.fromEntries(Object.entries(anchors).map(([name, data]) => [name, { ...data, rows: data.rows.map((row) => ({ ...row, subjectDer: octets(row.subjectDer), spki: octets(row.spki) })) }])),
  }
}

/** The specimen with a damaged upload in the place of its own. */
export const caseOf = (specimen: Specimen, { files, certificateRequestDer, publicKeySpki }: Upload): Specimen => ({ ...specimen, files, certificateRequestDer, publicKeySpki })
