/** Ends the process with one line and exit code 1: what is wrong, and what to do. */
export class StartRefused extends Error {
  readonly #startRefused = true
  static is(error: unknown): error is StartRefused {
    return typeof error === 'object' && error !== null && #startRefused in error
  }
}
