/** How a rule of the ledger answers: always with what it saw and what it expected, in words that the locale files hold (ATT-9). */

/** A sentence: its key in the locale files (`file.path.in.file`) and the values of its `{placeholders}`. */
export interface Message {
  readonly key: string
  readonly values?: Readonly<Record<string, string>>
}

export interface RuleVerdict {
  /** The row of the requirements ledger, e.g. KEY-1. */
  readonly row: string
  readonly outcome: 'pass' | 'fail'
  readonly observed: Message
  readonly expected: Message
  /** What the applicant can do about a failure. */
  readonly remedy?: Message
  readonly clause: string
}
