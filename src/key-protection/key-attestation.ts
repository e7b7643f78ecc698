/** Method 2 of CP 6.2.7: the device's maker attests that it made the key (CSBR 6.2.7.4.2 (2)). */
import { guard, LIMITS, readEvidence, type EvidenceFile } from '../attestation/evidence.ts'
import { MalformedStatement, QUESTIONS, say, type Device, type Message, type Question } from '../attestation/verifier.ts'
import { verifyAttestation, type AttestationReport } from '../attestation/verify-attestation.ts'
import { about, type Examination, type MethodRules, type ProtectionInput } from './protection.ts'

export const keyAttestation: MethodRules<Question> = {
  number: 2,
  id: 'key-attestation',
  row: 'ATT-2',
  options: ['own-module', 'cloud-key-protection'],
  questions: QUESTIONS,
  limits: LIMITS,
  endings: ['.pem', '.crt', '.cer', '.der', '.csr', '.txt', '.p7b', '.zip', '.gz', '.json', '.xml', '.sig', '.dat', '.attest', '.bin'],
  fields: [],
  reviewerItem: null,
  // A request may carry the whole statement: without a file there is something to judge when some maker knows it.
  begun: (input) => input.files.length > 0 || judge(input).maker !== null,
  examine(input): Examination<Question> {
    const { verdict, findings, device, maker, chainTrusted } = judge(input)
    if ('malformed' in verdict) throw new MalformedStatement(verdict.malformed.file, verdict.malformed.reason)
    return { findings: findings!, about: device ? aboutDevice(device, maker!.title) : [], trusted: chainTrusted, demo: maker!.demo }
  },
  refuse: refuseEvidence,
}

const judge = ({ files, certificateRequestDer, publicKeySpki, at, policy, facts }: ProtectionInput): AttestationReport =>
  verifyAttestation({ files, certificateRequestDer, publicKeySpki, at, policy, ...facts })

const aboutDevice = ({ model, firmware, serial, formFactor, details }: Device, maker: Message): Examination<Question>['about'] => [
  { label: say('key-protection.device.maker'), value: maker },
  { label: say('key-protection.device.model'), value: model },
  ...(firmware ? [about('key-protection.device.firmware', firmware)] : []),
  ...(serial ? [about('key-protection.device.serial', serial)] : []),
  ...(formFactor ? [{ label: say('key-protection.device.form-factor'), value: formFactor }] : []),
  ...details,
]

/**
 * Why files can't be kept at all: too much, damaged, empty, or a private key, which is never stored. Null when they can;
 * what they prove is another question.
 */
function refuseEvidence(files: readonly EvidenceFile[], kept: readonly EvidenceFile[]): { readonly file: string; readonly reason: Message } | null {
  try {
    guard(null, () => readEvidence([...kept, ...files], NO_REQUEST))
    return null
  } catch (error) {
    if (!MalformedStatement.is(error)) throw error
    return { file: error.file ?? '', reason: error.reason }
  }
}

/** An empty SEQUENCE: a request that carries nothing, so that only the files are read. */
const NO_REQUEST = Buffer.from('3000', 'hex')
