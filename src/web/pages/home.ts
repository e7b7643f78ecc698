import type { Services } from '../../services.ts'
import { page, type Route } from '../reply.ts'

export function homeRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/',
      who: 'anyone',
      events: [],
      handle: async ({ services, language }) => page('home', 'home.title', { operator: services.policy.operator.name[language], policy: services.policy.title[language] }),
    },
  ]
}
