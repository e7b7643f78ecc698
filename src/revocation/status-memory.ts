/** Statuses and responders read lately, so that an answer with a nonce for a certificate that is asked about often costs a signature and no query. */
import type { Responder } from '../signer/authority.ts'
import { AnswerCache, changeTag, type Kept } from './answer-cache.ts'
import type { CertificateStatus } from './ocsp-response.ts'
import type { ResponderParts } from './responder.ts'
import type { StatusWatch } from './status-watch.ts'

type Reading = Pick<ResponderParts, 'readStatus' | 'findResponder'>

/** What the changes were read more lately than: else the database is asked, and what it can't say is tryLater. */
const TRUSTED_MS = 2000
const RESPONDER_MS = 60_000
const STATUS_OCTETS = 250
const MEMORY = 8 << 20

class StatusUnknown extends Error {}

/**
 * @param watch what drops a status when it changes; when it has been blind for too long nothing is read any more (OCS-3)
 * @param elapsed milliseconds that only go forward
 */
export function remembering(reading: Reading, watch: Pick<StatusWatch, 'version' | 'fresh' | 'age' | 'onChange'>, elapsed: () => number): Reading {
  const statuses = new AnswerCache<Kept & { readonly status: CertificateStatus }>(MEMORY)
  const responders = new Map<string, { readonly responder: Responder; readonly readAt: number }>()
  watch.onChange((changes) => {
    responders.clear()
    if (changes === 'everything') statuses.clear()
    else for (const { authorityId, serial } of changes) statuses.drop(changeTag(authorityId, serial))
  })
  const refuseWhenBlind = () => {
    if (!watch.fresh) throw new StatusUnknown('changes of status have not been read for too long: tryLater (OCS-3)')
  }
  return {
    async readStatus(authorityId, serial) {
      refuseWhenBlind()
      const tag = changeTag(authorityId, serial)
      const known = watch.age <= TRUSTED_MS ? statuses.get(tag) : undefined
      if (known) return known.status
      const { version } = watch
      const status = await reading.readStatus(authorityId, serial)
      if (version === watch.version) statuses.set(tag, { status, tags: [tag], size: STATUS_OCTETS, dropped: false })
      return status
    },
    async findResponder(authorityId, now) {
      const known = responders.get(authorityId)
      if (known && elapsed() - known.readAt < RESPONDER_MS && known.responder.notBefore <= now && known.responder.notAfter > now) return known.responder
      const { version } = watch
      const readAt = elapsed()
      const responder = await reading.findResponder(authorityId, now)
      if (responder && version === watch.version) responders.set(authorityId, { responder, readAt })
      return responder
    },
  }
}
