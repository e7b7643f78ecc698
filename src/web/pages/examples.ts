/** Example certificates (REP-2): each with its chain and with what its key signed, and a list for programs. The repository's page links here. */
import { EXAMPLE_KINDS, missingExamples, type ShownExample } from '../../application/example.ts'
import { caPath, OCSP_PATH } from '../../certificate/addresses.ts'
import { mayStillIssue } from '../../certificate/validity.ts'
import { findIssuingAuthority, listAuthorities } from '../../database/authority-store.ts'
import { certificateStore } from '../../database/certificate-store.ts'
import { begunExamples, findExample, listExamples } from '../../database/example-store.ts'
import { certificatePem } from '../../pki/pem.ts'
import type { Services } from '../../services.ts'
import type { PageRequest, Reply, Route } from '../reply.ts'

/** Addresses of the portal. `jar` and `program` were signed by the example's key and time-stamped. */
export const exampleAddresses = (id: string) => ({
  certificate: `/repository/examples/${id}.cer`,
  chain: `/repository/examples/${id}.pem`,
  jar: `/repository/examples/${id}.jar`,
  program: `/repository/examples/${id}.exe`,
})

const FILE = /^([0-9a-f-]{36})\.(cer|pem|jar|exe)$/
const TYPES = { cer: 'application/pkix-cert', pem: 'application/x-pem-file', jar: 'application/java-archive', exe: 'application/vnd.microsoft.portable-executable' } as const

async function sendFile({ services, params }: PageRequest): Promise<Reply> {
  const [, id, extension] = FILE.exec(params['file'] ?? '') ?? []
  const found = id ? await findExample(services.database, id) : null
  if (!found || !extension) return { kind: 'not-found' }
  const name = `example-${found.kind}-${found.serial}.${extension}`
  const send = (bytes: Buffer | null): Reply => (bytes ? { kind: 'file', bytes, type: TYPES[extension as keyof typeof TYPES], name } : { kind: 'not-found' })
  if (extension === 'cer') return send(found.der)
  if (extension === 'jar') return send(found.jar)
  if (extension === 'exe') return send(found.executable)
  // The certificate first, then those above it up to the root.
  const chain = await certificateStore(services.database, services.clock()).chain(found.authorityId)
  return send(Buffer.from([found.der, ...chain].map((der) => certificatePem(der)).join(''), 'latin1'))
}

function describe({ id, kind, state, pending, authorityId, serial, notBefore, notAfter, revokedAt, stampedAt }: ShownExample, { config }: Services) {
  const { certificate, chain, jar, program } = exampleAddresses(id)
  const at = (path: string) => config.portal.url + path
  return {
    kind, state, pending, authority: authorityId, serial,
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
    revokedAt: revokedAt?.toISOString() ?? null,
    timeStamped: stampedAt !== null,
    certificate: at(certificate),
    chain: at(chain),
    jar: at(jar),
    program: at(program),
    ocsp: config.status.url + OCSP_PATH,
    issuer: config.status.url + caPath(authorityId),
  }
}

/** Of the authority that makes examples now: none where the policy file orders none. */
async function describeMissing({ database, policy }: Services, examples: readonly ShownExample[], now: Date) {
  const authority = policy.examples ? await findIssuingAuthority(database) : null
  if (!authority || !mayStillIssue(authority.notAfter, now, policy)) return []
  const own = examples.filter(({ authorityId }) => authorityId === authority.id)
  const signs = [authority.notBefore, ...own.map(({ issuedAt }) => issuedAt), ...(await begunExamples(database, authority.id)).map(({ startedAt }) => startedAt)]
  return missingExamples(new Set(own.map(({ kind }) => kind)), signs, now).map((each) => ({ authority: authority.id, ...each }))
}

export function exampleRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/repository/examples.json',
      who: 'anyone',
      stateless: 'a public list that is the same for everybody',
      events: [],
      async handle({ services, now }) {
        const examples = await listExamples(services.database, now)
        const demo = (await listAuthorities(services.database)).some((authority) => authority.demo)
        return { kind: 'json', status: 200, body: { demo, kinds: EXAMPLE_KINDS, missing: await describeMissing(services, examples, now), examples: examples.map((each) => describe(each, services)) } }
      },
    },
    { method: 'GET', path: '/repository/examples/:file', who: 'anyone', events: [], handle: sendFile },
  ]
}
