import type { Services } from '../../services.ts'
import type { Language } from '../locales.ts'
import { page, type Route } from '../reply.ts'

const list = (language: Language, type: 'conjunction' | 'disjunction', items: readonly string[]): string => new Intl.ListFormat(language, { type }).format(items)

export function homeRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/',
      who: 'anyone',
      events: [],
      async handle({ services: { policy }, language, account }) {
        const country = new Intl.DisplayNames(language, { type: 'region' })
        const start = !account ? 'register' : account.roles.has('subscriber') ? 'applications' : account.roles.has('administrator') ? 'people' : account.roles.has('auditor') ? 'audit' : 'review'
        return page('home', 'home.title', {
          start,
          signedIn: account !== null,
          policy: policy.title[language],
          bits: list(language, 'disjunction', policy.keys.subscriber.rsaBits.map(String)),
          days: String(policy.periods.subscriberDays),
          years: String(policy.periods.statusYearsAfterExpiry),
          countries: list(language, 'conjunction', policy.subject.countries.map((code) => country.of(code) ?? code)),
          schemes: policy.attestation.schemes.map(({ scheme, minimumLevel }) => ({ scheme, level: String(minimumLevel) })),
        })
      },
    },
  ]
}
