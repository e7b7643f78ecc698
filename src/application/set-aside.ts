/** Files of a draft, each under the method of key protection that it was uploaded for: looking at another method neither judges nor loses them. */
import { KEY_ATTESTATION } from '../key-protection/methods.ts'
import type { MethodNumber } from '../key-protection/protection.ts'
import type { Application, EvidenceFile, KeyStatement } from './application.ts'

type SetAside = NonNullable<KeyStatement['setAside']>

/** The files that the draft's method is judged by. */
export const ownEvidence = <File extends Pick<EvidenceFile, 'sha256'>>({ key }: Pick<Application, 'key'>, files: readonly File[]): readonly File[] => files.filter(({ sha256 }) => key?.setAside?.[sha256] === undefined)

/** Without a member where no file is set aside: an approval covers no trace of it. */
const member = (setAside: SetAside): Pick<KeyStatement, 'setAside'> => (Object.keys(setAside).length > 0 ? { setAside } : {})

/** For the statement of another method: the former one's files are set aside, its own come back. Before any choice, files are key attestation's. */
export function setAsideFor(method: MethodNumber, { key }: Pick<Application, 'key'>, files: readonly Pick<EvidenceFile, 'sha256'>[]): Pick<KeyStatement, 'setAside'> {
  const of = (sha256: string): MethodNumber => key?.setAside?.[sha256] ?? key?.method ?? KEY_ATTESTATION
  return member(Object.fromEntries(files.filter(({ sha256 }) => of(sha256) !== method).map(({ sha256 }) => [sha256, of(sha256)])))
}

/** The statement without these files set aside: uploaded anew for its method, removed, or replaced. */
export function takenBack(key: KeyStatement, taken: readonly Pick<EvidenceFile, 'sha256'>[]): KeyStatement {
  const { setAside = {}, ...statement } = key
  return { ...statement, ...member(Object.fromEntries(Object.entries(setAside).filter(([sha256]) => !taken.some((file) => file.sha256 === sha256)))) }
}
