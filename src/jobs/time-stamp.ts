/** Asks the product's own Timestamp Authority, by the address that everybody asks. */
import { TSA_PATH } from '../certificate/addresses.ts'
import { MalformedDer } from '../pki/der.ts'
import type { Services } from '../services.ts'
import { readTimestamp, timestampRequest } from '../specimen/time-stamping.ts'
import { type StatusClient, StatusUnanswered } from '../status-client.ts'

/** A function that gets a token over a signature; null when none is to be had now: it is asked for again later. */
export const timestamper =
  (client: StatusClient, random: Services['random']) =>
  async (signature: Buffer): Promise<{ readonly token: Buffer; readonly at: Date } | null> => {
    const nonce = random(8)
    try {
      return readTimestamp(await client.post(TSA_PATH, 'application/timestamp-query', timestampRequest(signature, nonce)), signature, nonce)
    } catch (error) {
      if (StatusUnanswered.is(error) || MalformedDer.is(error)) return null
      throw error
    }
  }
