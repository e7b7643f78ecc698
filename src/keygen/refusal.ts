/** Something that the program can't do, in words of keygen.json; ends it with exit code 1, or 2 for a wrong command line. */
export class Refusal extends Error {
  readonly #refusal = true
  readonly key: string
  readonly values: Readonly<Record<string, string>>
  readonly exitCode: 1 | 2
  constructor(key: string, values: Readonly<Record<string, string>> = {}, exitCode: 1 | 2 = 1) {
    super(key)
    this.name = 'Refusal'
    this.key = key
    this.values = values
    this.exitCode = exitCode
  }
  static is(error: unknown): error is Refusal {
    return typeof error === 'object' && error !== null && #refusal in error
  }
}
