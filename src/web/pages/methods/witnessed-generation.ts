/** Method 6 on the page of key protection: the auditors, the challenge, and the template to be filled in and signed (ATT-6). */
import type { Application } from '../../../application/application.ts'
import { saveDraft } from '../../../application/apply.ts'
import { CHALLENGES_AGAIN_SECONDS, giveChallenge, isOpenChallenge, lastChallenge } from '../../../application/challenge.ts'
import { mayWitness } from '../../../key-protection/register.ts'
import { writeWitnessReport } from '../../../key-protection/witness-report.ts'
import { translate, type Language } from '../../locales.ts'
import type { MethodSection } from '../../method-section.ts'
import { applicationPath, changeDraft, changedMeanwhile, ownDraft } from '../../own-application.ts'
import { redirect, type Route } from '../../reply.ts'

const METHOD = 6
const AREA = 'key-protection-witnessed-generation'
const COMMAND = 'openssl cms -sign -binary -md sha256 -outform DER -signer auditor.pem \\\n  -inkey auditor.key -in witness-report.txt -out witness-report.txt.p7s'

const path = (reference: string, rest: string): string => applicationPath(reference, `key-protection/witness/${rest}`)

/** As the template is given out: words in the reader's language around lines that are read back. */
function template(language: Language, { reference, organisation, request }: Application, challenge: string): string {
  const t = (key: string) => translate(language, `${AREA}.template.${key}`)
  const known = { reference, challenge, organisation: organisation?.legalName ?? '', ...(request ? { key: request.spkiSha256 } : {}) }
  return `${t('title')}\n\n${t('intro')}\n\n${t('lines')}\n\n${writeWitnessReport(known)}\n`
}

export const witnessedGenerationSection: MethodSection = {
  id: 'witnessed-generation',
  async model({ services, dossier: { application }, facts, now }) {
    const last = lastChallenge(facts.challenges, METHOD)
    const open = last && isOpenChallenge(last, now) ? last : null
    return {
      hours: String(services.policy.keyProtection.challengeHours),
      auditors: facts.auditors.filter((auditor) => mayWitness(auditor, now)).map(({ name, employer, validUntil }) => ({ name, employer, validUntil })),
      challenge: open && { value: open.value, until: open.expiresAt },
      giveAction: path(application.reference, 'challenge'),
      template: open ? path(application.reference, 'template') : null,
      command: COMMAND,
    }
  },
  routes: (): readonly Route[] => [
    {
      method: 'POST',
      path: '/applications/:reference/key-protection/witness/challenge',
      who: ['subscriber'],
      events: ['application.challenge-given'],
      handle: changeDraft(async ({ services }, { application, account }) => {
        if (application.key?.method !== METHOD) return changedMeanwhile(application)
        const given = await services.work(account.id, async (work) => (await saveDraft(work, application, {})) && (await giveChallenge(work, services.random, application, METHOD, services.policy)))
        if (given === null) return { kind: 'too-many', retryAfterSeconds: CHALLENGES_AGAIN_SECONDS }
        return given ? redirect(`${applicationPath(application.reference, 'key-protection')}#evidence-report`, `${AREA}.challenge-given`) : changedMeanwhile(application)
      }),
    },
    {
      method: 'GET',
      path: '/applications/:reference/key-protection/witness/template',
      who: ['subscriber'],
      events: [],
      handle: ownDraft(async ({ services, language, now }, { application }) => {
        const last = lastChallenge((await services.protection.facts(application)).challenges, METHOD)
        if (!last || !isOpenChallenge(last, now)) return { kind: 'not-found' }
        return { kind: 'file', bytes: Buffer.from(template(language, application, last.value)), type: 'text/plain; charset=utf-8', name: 'witness-report.txt' }
      }),
    },
  ],
}
