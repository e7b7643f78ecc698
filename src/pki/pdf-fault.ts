/** What is wrong with a PDF. */

/** Octets that are no PDF, or one that is not read here; `code` names which, for words. */
export class MalformedPdf extends Error {
  readonly #malformedPdf = true
  readonly code: PdfFault
  constructor(code: PdfFault) {
    super(`PDF: ${code}`)
    this.name = 'MalformedPdf'
    this.code = code
  }
  static is(error: unknown): error is MalformedPdf {
    return typeof error === 'object' && error !== null && #malformedPdf in error
  }
}
export type PdfFault = 'not-a-pdf' | 'cut-short' | 'structure' | 'encrypted' | 'too-large' | 'too-much-work' | 'signature'
