/** The CRLReason codes (RFC 5280 5.3.1) that may be published. An attribute authority does not exist here, so aACompromise (10) has no meaning. */
export const PUBLISHED_REASONS = { keyCompromise: 1, cACompromise: 2, affiliationChanged: 3, superseded: 4, cessationOfOperation: 5, privilegeWithdrawn: 9 } as const
export type PublishedReason = keyof typeof PUBLISHED_REASONS
