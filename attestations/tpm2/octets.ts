/** Big-endian numbers and sized buffers of a TPM structure (TPM 2.0 Library, Part 2), from foreign bytes: every octet accounted for, every buffer bounded. */
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'

export class TpmOctets {
  readonly #bytes: Buffer
  readonly #file: string | null
  /** The structure's name in the specification, for people. */
  readonly #structure: string
  #at = 0

  constructor(bytes: Buffer, structure: string, file: string | null) {
    this.#bytes = bytes
    this.#structure = structure
    this.#file = file
  }

  fail(): never {
    throw new MalformedStatement(this.#file, say('attestation-tpm2.malformed.structure', { structure: this.#structure, octet: String(this.#at) }))
  }

  take(octets: number): Buffer {
    if (this.#at + octets > this.#bytes.length) this.fail()
    this.#at += octets
    return this.#bytes.subarray(this.#at - octets, this.#at)
  }
  u8 = (): number => this.take(1)[0]!
  u16 = (): number => this.take(2).readUInt16BE()
  u32 = (): number => this.take(4).readUInt32BE()
  u64 = (): bigint => this.take(8).readBigUInt64BE()

  /** A TPM2B: a 16-bit size and that many octets. */
  sized(most: number): Buffer {
    const size = this.u16()
    if (size > most) this.fail()
    return this.take(size)
  }

  /** That nothing is left. */
  end(): void {
    if (this.#at !== this.#bytes.length) this.fail()
  }
}
