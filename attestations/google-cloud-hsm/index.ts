/** Google Cloud HSM (Cloud KMS, protection level HSM): a LiquidSecurity statement under Marvell's key and, for the same partition, under Google's. */
import { loadAnchors } from '../../src/attestation/anchors.ts'
import { loadCatalogue } from '../../src/attestation/catalogue.ts'
import { LIMITS, type Evidence } from '../../src/attestation/evidence.ts'
import { MalformedStatement, say, type AttestationVerifier } from '../../src/attestation/verifier.ts'
import { looksLikeBlob, looksLikeOlderBlob } from '../marvell/blob.ts'
import { describeStatement, examineStatement } from '../marvell/examine.ts'
import { readStatement, type MarvellStatement } from '../marvell/statement.ts'
import { looksLikeKeyVersion, readKeyVersion } from './key-version.ts'

export const anchors = loadAnchors(new URL('./anchors.json', import.meta.url))
export const catalogue = loadCatalogue(new URL('./devices.json', import.meta.url))

const PARTITION = Buffer.from(':PARTN:')

export const googleCloudHsm: AttestationVerifier<MarvellStatement> = {
  id: 'google-cloud-hsm',
  title: say('attestation-marvell.title.google'),
  accepts: [
    { what: say('attestation-marvell.accepts.statement'), endings: ['.dat', '.gz', '.zip', '.json'], required: true, embeddable: false },
    { what: say('attestation-marvell.accepts.certificates'), endings: ['.pem', '.crt', '.zip'], required: true, embeddable: false },
  ],

  // By octets, so that a spoilt or incomplete upload is still answered by this maker with what is wrong about it.
  recognises: ({ others, certificates }) => others.some((file) => looksLikeKeyVersion(file) || (file.kind === 'binary' && (looksLikeBlob(file.bytes) || looksLikeOlderBlob(file.bytes)))) || certificates.some(({ der }) => der.includes(PARTITION)),

  parse: parseBundle,
  attestedKey: ({ key }) => key.spki,
  examine: (statement, context) => examineStatement(statement, context, { owner: true }),
  describe: (statement) => describeStatement(statement, 'google'),
}

function parseBundle({ others, certificates: uploaded }: Evidence): MarvellStatement {
  const versions = others.filter(looksLikeKeyVersion).map(readKeyVersion)
  const parts = [...versions.map(({ statement }) => statement), ...others.filter((file) => !looksLikeKeyVersion(file))]
  const certificates = [...uploaded, ...versions.flatMap((version) => version.certificates)]
  if (certificates.length > LIMITS.certificates) throw new MalformedStatement(certificates.at(-1)!.file, say('attestation.malformed.too-many-certificates', { limit: String(LIMITS.certificates) }))
  const [first, ...rest] = parts.filter(({ bytes }, index) => parts.findIndex((other) => other.bytes.equals(bytes)) === index)
  if (!first) throw new MalformedStatement(certificates[0]?.file ?? null, say('attestation-marvell.malformed.statement-missing'))
  const stray = rest[0]
  if (stray) throw new MalformedStatement(stray.name, say(looksLikeBlob(stray.bytes) ? 'attestation-marvell.malformed.several-statements' : 'attestation.malformed.not-a-certificate'))
  return readStatement([first], certificates)
}
