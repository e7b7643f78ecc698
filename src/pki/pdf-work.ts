/** What reading one PDF may cost. Every part of the reader pays from one purse, so that no small file makes it work for long, however its parts refer to each other. */
import { MalformedPdf } from './pdf-fault.ts'

/** In steps: an octet looked at or unpacked is one. What allocates or runs costs more, as it takes that much longer. */
export const PDF_STEPS = { limit: 16_000_000, value: 8, collection: 32, operator: 16, entry: 8, character: 16 } as const

export class PdfWork {
  #spent = 0
  readonly #limit: number
  constructor(limit: number = PDF_STEPS.limit) {
    this.#limit = limit
  }
  /** Steps so far. */
  get spent(): number {
    return this.#spent
  }
  /** Pays before or right after the work. @throws MalformedPdf once the purse is empty */
  spend(steps: number): void {
    this.#spent += steps
    if (this.#spent > this.#limit) throw new MalformedPdf('too-much-work')
  }
}
