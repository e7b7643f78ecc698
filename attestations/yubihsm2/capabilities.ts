/** What a YubiHSM 2 lets be done with a key: the flags of extension .5, by their place (docs.yubico.com, YubiHSM 2 user guide, capabilities). */
export const CAPABILITY = {
  signPkcs: 5,
  signPss: 6,
  signEcdsa: 7,
  signEddsa: 8,
  /** The key may be exported, encrypted under a wrap key that its owner chooses and may know. */
  exportableUnderWrap: 16,
  /** The key may sign statements like this one, over a certificate that its owner supplies. */
  signAttestationCertificate: 34,
} as const

/** The first place that has no meaning yet. */
const FIRST_UNKNOWN = 56

export const has = (capabilities: bigint, place: number): boolean => ((capabilities >> BigInt(place)) & 1n) === 1n

/** Flags set whose meaning is not known, and which may therefore let the key out. */
export const unknownCapabilities = (capabilities: bigint): number[] => Array.from({ length: 64 - FIRST_UNKNOWN }, (_, index) => FIRST_UNKNOWN + index).filter((place) => has(capabilities, place))

/** Whether a key of this kind (`RSA-3072`, `P-256`, `Ed25519`) may sign. */
export const maySign = (capabilities: bigint, keyType: string | null): boolean =>
  keyType?.startsWith('RSA-')
    ? has(capabilities, CAPABILITY.signPkcs) || has(capabilities, CAPABILITY.signPss)
    : keyType === 'Ed25519'
      ? has(capabilities, CAPABILITY.signEddsa)
      : keyType !== null && has(capabilities, CAPABILITY.signEcdsa)

/** As `yubihsm-shell` and the samples write them. */
export const hex = (capabilities: bigint): string => `0x${capabilities.toString(16).padStart(16, '0')}`
