/** `POST /api/check-key`: the answer of "Check my key" for programs, and its description. */
import { checkHere } from '../../database/check-key-here.ts'
import { readFileSync } from 'node:fs'
import { checkKeyJson } from '../../key-protection/check-key-json.ts'
import { readMoment } from '../../key-protection/moment.ts'
import type { Services } from '../../services.ts'
import { admitCheck, CHECK_UPLOAD, CHECKS_AT_ONCE } from '../check-key-model.ts'
import { inWords } from '../findings.ts'
import { LANGUAGES, translate, type Language, type Message } from '../locales.ts'
import type { PageRequest, Reply, Route } from '../reply.ts'

const OPENAPI = JSON.parse(readFileSync(new URL('../openapi.json', import.meta.url), 'utf8')) as { servers: { url: string }[] }

const STATELESS = 'judges what is sent and stores nothing: there is nothing that somebody else could have done in a person’s name'

function refuse(language: Language, status: 405 | 413 | 415 | 422 | 429, code: string, message: Message, headers: Readonly<Record<string, string>> = {}): Reply {
  return { kind: 'json', status, headers, body: { error: { code, message: translate(language, message.key, message.values) } } }
}

async function answer(request: PageRequest): Promise<Reply> {
  const { services, form, files, uploadProblem, now } = request
  const language = LANGUAGES.find((each) => each === form['language']) ?? request.language
  if (!(await admitCheck(request))) {
    const seconds = String(CHECKS_AT_ONCE.minutes * 60)
    return refuse(language, 429, 'too-many', { key: 'check-key.api.too-many', values: { seconds } }, { 'Retry-After': seconds })
  }
  if (uploadProblem?.key === 'forms.upload-not-multipart') return refuse(language, 415, 'not-multipart', { key: 'check-key.api.not-multipart' })
  if (uploadProblem?.key === 'forms.upload-too-large' || uploadProblem?.key === 'forms.upload-too-many')
    return refuse(language, 413, 'too-large', { key: 'check-key.api.too-large', values: { files: String(CHECK_UPLOAD.maxFiles), kilobytes: String(CHECK_UPLOAD.maxBytes / 1024) } })
  if (uploadProblem) return refuse(language, 422, 'broken', { key: 'check-key.api.broken' })
  if (form['language'] !== undefined && form['language'] !== language) return refuse(language, 422, 'field', { key: 'check-key.api.field', values: { field: 'language', expected: LANGUAGES.join(' / ') } })
  const at = form['at'] === undefined ? now : readMoment(form['at'])
  if (!at) return refuse(language, 422, 'field', { key: 'check-key.api.field', values: { field: 'at', expected: '2026-11-22 / 2026-11-22T09:30:00Z' } })
  const check = await checkHere(services, files, at, form['device'])
  const body = checkKeyJson(check, (message) => inWords(language, message))
  return check.verdict === 'malformed'
    ? { kind: 'json', status: 422, body: { error: { code: 'malformed', message: body.findings.files!.observed.text }, ...body } }
    : { kind: 'json', status: 200, body }
}

export function checkKeyApiRoutes(services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/api/check-key',
      who: 'anyone',
      events: [],
      stateless: 'a text that is the same for everybody',
      handle: async ({ language }) => refuse(language, 405, 'method', { key: 'check-key.api.method' }, { Allow: 'POST' }),
    },
    { method: 'POST', path: '/api/check-key', who: 'anyone', events: [], stateless: STATELESS, upload: CHECK_UPLOAD, handle: answer },
    {
      method: 'GET',
      path: '/api/openapi.json',
      who: 'anyone',
      events: [],
      stateless: 'a text that is the same for everybody',
      handle: async () => ({ kind: 'json', status: 200, body: { ...OPENAPI, servers: [{ url: services.config.portal.url }] } }),
    },
  ]
}
