/** "Check my key": the commands for a device, then the verdict on what came out. Public, and nothing is stored unless the person says so. */
import { checkHere } from '../../database/check-key-here.ts'
import { WITHOUT_ATTESTATION, withoutAttestation } from '../../key-protection/without-attestation.ts'
import { openMethods } from '../../key-protection/methods.ts'
import type { Services } from '../../services.ts'
import { admitCheck, carriesOver, CHECK_UPLOAD, CHECKS_AT_ONCE, methodRows, verdictModel } from '../check-key-model.ts'
import { commandsChoice, commandsModel } from '../commands-model.ts'
import { inWords } from '../findings.ts'
import { translate } from '../locales.ts'
import { page, type FieldError, type PageRequest, type Reply, type Route } from '../reply.ts'
import type { KeyCheck } from '../../key-protection/check-key.ts'

/** Past the limit nobody waits longer than until the first of the counted checks is forgotten. */
const tooMany: Reply = { kind: 'too-many', retryAfterSeconds: CHECKS_AT_ONCE.minutes * 60 }

function checkPage({ services, language, account, now, query }: PageRequest, check: KeyCheck | null, errors: readonly FieldError[] = []): Reply {
  const t = (key: string) => translate(language, key)
  const others = WITHOUT_ATTESTATION.map(({ id }) => ({ value: id, text: t(`check-key.without.${id}.title`) }))
  const choice = commandsChoice(query)
  const chosen = withoutAttestation(choice.device)
  const open = openMethods(services.policy).map(({ number }) => number)
  const subscriber = account?.roles.has('subscriber') ?? false
  return page(
    'check-key/check-key',
    'check-key.title',
    {
      commands: commandsModel(language, choice, others),
      without: chosen && {
        why: t(`check-key.without.${chosen.id}.why`),
        methods: methodRows(language, { methods: chosen.methods, open: chosen.methods.filter((number) => open.includes(number)) }),
      },
      start: subscriber ? '/applications' : account ? null : '/register',
      verdict: check && verdictModel(language, check, now),
      use:
        check && carriesOver(check) && (subscriber || !account)
          ? { files: [{ name: 'request.csr', bytes: check.request!.der.toString('base64url') }, ...(check.without ? [] : check.evidence).map(({ name, bytes }) => ({ name, bytes: bytes.toString('base64url') }))], guest: !account }
          : null,
      needsRequest: check?.verdict === 'verified' && check.request === null,
      limits: { files: String(CHECK_UPLOAD.maxFiles), kilobytes: String(CHECK_UPLOAD.maxBytes / 1024) },
      portalUrl: services.config.portal.url,
    },
    { errors },
  )
}

export function checkKeyRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'GET', path: '/check-key', who: 'anyone', events: [], handle: async (request) => checkPage(request, null) },
    {
      method: 'POST',
      path: '/check-key',
      who: 'anyone',
      events: [],
      upload: CHECK_UPLOAD,
      async handle(request) {
        const { services, files, uploadProblem, now, query, language } = request
        if (!(await admitCheck(request))) return tooMany
        if (uploadProblem) return checkPage(request, null, [{ field: 'files', message: uploadProblem }])
        const dropped = files.filter(({ field }) => field === 'files')
        if (dropped.length === 0) return checkPage(request, null, [{ field: 'files', message: { key: 'forms.upload-missing' } }])
        const check = await checkHere(services, dropped, now, query['device'])
        if (check.verdict !== 'malformed') return checkPage(request, check)
        const reason = inWords(language, check.findings.files!.observed)
        return checkPage(request, check, [{ field: 'files', message: check.file ? { key: 'check-key.in-file', values: { file: check.file, reason } } : check.findings.files!.observed }])
      },
    },
  ]
}
