/** The module state certificate: what a module signs of itself with KLF2. Read, not judged. */
import { NCoreReader, type NCoreKey } from './ncore.ts'

export interface ModuleState {
  /** 4 is a state certificate; for any other kind, or with flags, nothing below is read. */
  readonly kind: number
  readonly flags: number
  readonly electronicSerialNumber: string | null
  /** The module signing key, and the hash that the module gives for it. */
  readonly kml: { readonly hash: Buffer; readonly key: NCoreKey } | null
  readonly klf2: NCoreKey | null
  /** Hash of the key of the security officer (KNSO). */
  readonly hknso: Buffer | null
  /** Hashes of the module keys. */
  readonly moduleKeys: readonly Buffer[]
}

/** @throws MalformedStatement */
export function readModuleState(bytes: Buffer, file: string): ModuleState {
  const reader = new NCoreReader(bytes, file, 'modstatemsg')
  const [kind, flags] = [reader.word(), reader.word()]
  const state: { -readonly [K in keyof ModuleState]: ModuleState[K] } = { kind, flags, electronicSerialNumber: null, kml: null, klf2: null, hknso: null, moduleKeys: [] }
  if (kind !== 4 || flags !== 0) return state
  const seen = new Set<number>()
  for (let left = reader.count(8); left > 0; left--) {
    const attribute = reader.word()
    if (seen.has(attribute)) throw reader.malformed()
    seen.add(attribute)
    switch (attribute) {
      case 2:
        state.electronicSerialNumber = reader.text()
        break
      case 3:
      case 13: {
        const hash = reader.hash()
        const key = reader.key()
        reader.word()
        if (attribute === 3) state.kml = { hash, key }
        else state.klf2 = key
        break
      }
      case 5:
        state.hknso = reader.hash()
        reader.word()
        break
      case 6:
        state.moduleKeys = Array.from({ length: reader.count(28) }, () => {
          const hash = reader.hash()
          reader.octets(8)
          return hash
        })
        break
      default:
        throw reader.malformed()
    }
  }
  reader.end()
  return state
}
