import type { HoldFinding } from './issue-ports.ts'

/** A finding with words in the locale area `issuing`. `of` names which of several it is about: each has words of its own. */
export const finding = (code: string, row: string, { of, ...values }: { of?: string; [value: string]: string | undefined } = {}): HoldFinding => ({
  code,
  row,
  message: {
    key: `issuing.finding.${code}${of === undefined ? '' : `.${of}`}`,
    ...(Object.keys(values).length > 0 ? { values: values as Record<string, string> } : {}),
  },
})
