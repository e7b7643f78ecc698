/** Method 3 on the page of key protection: the challenge, the program and the commands; and what the program itself asks for (ATT-3). */
import { saveDraft } from '../../../application/apply.ts'
import { CHALLENGES_AGAIN_SECONDS, giveChallenge, isOpenChallenge, lastChallenge } from '../../../application/challenge.ts'
import { packKeygen, type KeygenPackage } from '../../../keygen/package.ts'
import { LIBRARY } from '../../../key-protection/key-report.ts'
import type { PermittedModule } from '../../../policy/module-certificate.ts'
import type { Services } from '../../../services.ts'
import { readTicket, ticketFor } from '../../keygen-ticket.ts'
import { translate, type Language } from '../../locales.ts'
import type { MethodSection } from '../../method-section.ts'
import { applicationPath, changeDraft, changedMeanwhile } from '../../own-application.ts'
import { redirect, type Reply, type Route } from '../../reply.ts'

const METHOD = 3

let packing: Promise<KeygenPackage> | null = null
/** The program as it is downloaded, packed once for this process; null when it can't be packed here, which a next look tries again. */
async function program(): Promise<KeygenPackage | null> {
  packing ??= packKeygen()
  try {
    return await packing
  } catch {
    packing = null
    return null
  }
}

const modulesOf = ({ policy }: Services, demoHierarchy: boolean): readonly PermittedModule[] => (policy.keyProtection.prescribedLibrary?.modules ?? []).filter(({ demo }) => !demo || demoHierarchy)

function moduleRow(language: Language, { manufacturer, model, firmware, demo, certificates }: PermittedModule) {
  const certificate = demo ? translate(language, 'key-protection-prescribed-library.section.modules-demo') : certificates.map(({ scheme, number, level }) => `${scheme} ${number} (${level})`).join(', ')
  return [{ text: `${manufacturer} ${model}` }, { text: firmware.from === firmware.to ? firmware.from : `${firmware.from}–${firmware.to}`, mono: true }, { text: certificate }]
}

/** What is typed, for each system; npm 12 builds no package that isn't named. The paths and TOKEN are for the applicant to put in. */
function commands(name: string, challenge: readonly string[], language: Language) {
  const rest = ['--token-label "TOKEN"', ...challenge, ...(language === 'ja' ? ['--language ja'] : [])]
  const line = (file: string, module: string) => `npx --yes --allow-scripts=pkcs11js --package=${file} ${LIBRARY.name} --module ${module}`
  const unix = (hash: string, module: string) => ({ check: `${hash} ${name}`, list: `${line(`./${name}`, module)} --list`, run: `${line(`./${name}`, module)} \\\n  ${rest.join(' \\\n  ')}` })
  const windows = 'C:\\path\\to\\module.dll'
  return [
    { system: 'linux', ...unix('sha256sum', '/path/to/module.so') },
    { system: 'macos', ...unix('shasum -a 256', '/path/to/module.dylib') },
    {
      system: 'windows',
      check: `Get-FileHash -Algorithm SHA256 ${name}`,
      list: `${line(`.\\${name}`, `"${windows}"`)} --list`,
      run: `${line(`.\\${name}`, `"${windows}"`)} \`\n  ${rest.join(' `\n  ')}`,
    },
  ]
}

export const prescribedLibrarySection: MethodSection = {
  id: 'prescribed-library',
  async model({ services, language, now, dossier: { application }, facts }) {
    const t = (path: string) => translate(language, `key-protection-prescribed-library.section.${path}`)
    const last = lastChallenge(facts.challenges, METHOD)
    const open = last && isOpenChallenge(last, now) ? last : null
    const packed = await program()
    const ticket = open && ticketFor(services, application, open)
    const modules = modulesOf(services, facts.demoHierarchy)
    return {
      personConfirms: services.policy.keyProtection.personConfirms.includes(METHOD),
      modules: modules.map((row) => moduleRow(language, row)),
      challenge: open && { value: open.value, until: open.expiresAt, ticket },
      standing: open ? null : t(last === null ? 'challenge-none' : last.answered ? 'challenge-answered' : 'challenge-lapsed'),
      answered: last !== null && last.answered !== null,
      action: `${applicationPath(application.reference, 'key-protection')}/challenge`,
      program: packed && { name: packed.name, href: `/keygen/${packed.name}`, sha256: packed.sha256, download: translate(language, 'key-protection-prescribed-library.section.download', { name: packed.name }) },
      systems: packed && ticket ? commands(packed.name, [`--portal ${services.config.portal.url}`, `--ticket ${ticket}`], language).map((each) => ({ ...each, title: t(each.system) })) : [],
      offline: open && `--challenge ${open.value}`,
    }
  },
  routes: (): readonly Route[] => [
    {
      method: 'POST',
      path: '/applications/:reference/key-protection/challenge',
      who: ['subscriber'],
      events: ['application.challenge-given'],
      handle: changeDraft(async ({ services }, { application, account }) => {
        if (application.key?.method !== METHOD) return { kind: 'not-found' }
        const given = await services.work(account.id, async (work) => (await saveDraft(work, application, {})) && (await giveChallenge(work, services.random, application, METHOD, services.policy)))
        if (given === null) return { kind: 'too-many', retryAfterSeconds: CHALLENGES_AGAIN_SECONDS }
        if (!given) return changedMeanwhile(application)
        return redirect(`${applicationPath(application.reference, 'key-protection')}#challenge`, 'key-protection-prescribed-library.notice.challenge')
      }),
    },
    {
      method: 'GET',
      path: '/keygen/challenge/:ticket',
      who: 'anyone',
      events: [],
      stateless: 'The ticket alone says which challenge is told, to whoever holds it; a challenge is no secret, and nothing changes',
      async handle({ services, params, now }): Promise<Reply> {
        const found = await readTicket(services, params['ticket'] ?? '', now)
        if (!found) return { kind: 'json', status: 404, body: { error: 'unknown-ticket' } }
        const { application, challenge } = found
        const { demoHierarchy } = await services.protection.facts(application)
        return {
          kind: 'json',
          status: 200,
          body: {
            challenge: challenge.value,
            expiresAt: challenge.expiresAt,
            reference: application.reference,
            subject: application.organisation?.legalName ?? null,
            libraryVersions: services.policy.keyProtection.prescribedLibrary?.libraryVersions ?? [],
            modules: modulesOf(services, demoHierarchy).map(({ manufacturer, model, firmware }) => ({ manufacturer, model, firmware })),
          },
        }
      },
    },
    {
      method: 'GET',
      path: '/keygen/:file',
      who: 'anyone',
      events: [],
      async handle({ params }): Promise<Reply> {
        const packed = await program()
        return packed && params['file'] === packed.name ? { kind: 'file', bytes: packed.bytes, type: 'application/gzip', name: packed.name } : { kind: 'not-found' }
      },
    },
  ],
}
