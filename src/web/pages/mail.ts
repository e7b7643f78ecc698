import type { OutboxRow } from '../../mail/mailer.ts'
import type { Services } from '../../services.ts'
import { page, type Route } from '../reply.ts'

/** Development only: the mail that production would send, newest first. */
export function mailRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/mail',
      who: 'anyone',
      events: [],
      developmentOnly: true,
      async handle({ services }) {
        const mails = await services.database<OutboxRow>('mail_outbox').orderBy('created_at', 'desc').limit(50)
        // Addresses in the text become links, so that a newcomer can click through; the text is split, never made HTML here.
        const parts = (body: string) => body.split(/(https?:\/\/[^\s<>"]+)/).map((part) => ({ text: part, link: /^https?:\/\//.test(part) }))
        return page('mail', 'mail-page.title', { mails: mails.map((mail) => ({ recipient: mail.recipient, subject: mail.subject, parts: parts(mail.body), at: mail.created_at, language: mail.locale })) })
      },
    },
  ]
}
