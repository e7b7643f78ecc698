/** What the audit log names as the actor when `ca` acts by itself. */
export const CA_ACTOR = 'process:ca'
