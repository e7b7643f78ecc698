/**
 * Mail leaves by an outbox: the note commits with the change it tells of; a sender takes it from there, by SMTP in
 * production, to the terminal and the page /mail in development.
 */
import { randomUUID } from 'node:crypto'
import nodemailer from 'nodemailer'
import type { MailNote } from '../application/ports.ts'
import type { Database, Transaction } from '../database/database.ts'

export type Translate = (language: 'en' | 'ja', key: string, values?: Readonly<Record<string, string>>) => string

export async function enqueueMail(trx: Transaction, translate: Translate, note: MailNote, now: Date): Promise<void> {
  await trx('mail_outbox').insert({
    id: randomUUID(),
    recipient: note.to,
    subject: translate(note.language, `mail.${note.name}.subject`, note.values),
    body: translate(note.language, `mail.${note.name}.body`, note.values),
    locale: note.language,
    created_at: now.toISOString(),
    failures: 0,
  })
}

export interface OutboxRow {
  id: string
  recipient: string
  subject: string
  body: string
  locale: string
  created_at: string
  sent_at: string | null
  failures: number
}

/** Sends what waits, oldest first; a failure is counted and tried again at the next call, at most 20 times. */
export async function sendWaitingMail(database: Database, transport: (mail: OutboxRow) => Promise<void>, now: () => Date): Promise<number> {
  const waiting = await database<OutboxRow>('mail_outbox').whereNull('sent_at').andWhere('failures', '<', 20).orderBy('created_at').limit(20)
  let sent = 0
  for (const mail of waiting) {
    // Taken first, so that two senders never send one mail twice; given back when sending fails.
    const taken = await database('mail_outbox').where({ id: mail.id, sent_at: null }).update({ sent_at: now().toISOString() })
    if (taken !== 1) continue
    try {
      await transport(mail)
      sent++
    } catch {
      await database('mail_outbox').where({ id: mail.id }).update({ sent_at: null, failures: Number(mail.failures) + 1 })
    }
  }
  return sent
}

export function smtpTransport(url: string, from: string): (mail: OutboxRow) => Promise<void> {
  const transport = nodemailer.createTransport(url)
  return async (mail) => {
    await transport.sendMail({ from, to: mail.recipient, subject: mail.subject, text: mail.body })
  }
}

/** Development: the mail in the terminal, as a person would read it. */
export function terminalTransport(print: (text: string) => void): (mail: OutboxRow) => Promise<void> {
  return async (mail) => print(`\n  ✉  ${mail.recipient} — ${mail.subject}\n${mail.body.replace(/^/gm, '     ')}\n`)
}
