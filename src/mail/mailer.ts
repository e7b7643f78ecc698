/**
 * Mail leaves by an outbox: the note commits with the change it tells of; a sender takes it from there, by SMTP in
 * production, to the terminal and the page /mail in development.
 */
import { randomUUID } from 'node:crypto'
import nodemailer from 'nodemailer'
import type { MailNote } from '../application/ports.ts'
import type { Database, Transaction } from '../database/database.ts'

export type Translate = (language: 'en' | 'ja', key: string, values?: Readonly<Record<string, string>>) => string

/** Who writes: the CA's name in each language, and the portal's address. */
export interface Sender {
  readonly name: Readonly<Record<'en' | 'ja', string>>
  readonly portalUrl: string
}

const INSTANT = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}):\d{2}(\.\d+)?Z$/

/** `2026-11-21T23:05:09.120Z` as `2026-11-21 23:05 UTC`, with the zone, since a mail is read anywhere; all else as it is. */
const readable = (value: string): string => value.replace(INSTANT, '$1 $2 UTC')

/** Puts mails into the outbox, signed by the CA: people get mail from several, and must see whose this is. */
export async function enqueueMail(trx: Transaction, translate: Translate, sender: Sender, notes: readonly MailNote[], now: Date): Promise<void> {
  await trx('mail_outbox').insert(notes.map((note) => outboxRow(translate, sender, note, now)))
}

function outboxRow(translate: Translate, sender: Sender, note: MailNote, now: Date) {
  const values = Object.fromEntries(Object.entries(note.values).map(([name, value]) => [name, readable(value)]))
  return {
    id: randomUUID(),
    recipient: note.to,
    subject: translate(note.language, `mail.${note.name}.subject`, values),
    // The signature's separator of RFC 3676, section 4.3: mail programs know it.
    body: `${translate(note.language, `mail.${note.name}.body`, values)}\n\n-- \n${sender.name[note.language]}\n${sender.portalUrl}`,
    locale: note.language,
    created_at: now.toISOString(),
    failures: 0,
  }
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
  next_attempt_at: string | null
}

/** After so many a mail is given up. */
export const ATTEMPTS = 20

/** Half a minute after the first failure, twice as long after each, an hour at most: 20 attempts take the better part of a day. */
export const pauseAfter = (failures: number): number => Math.min(30_000 * 2 ** (failures - 1), 3_600_000)

export interface Sending {
  /** Whether the text stays in the outbox once it is of no more use there: for the page /mail of development alone. Links in mails are secrets. */
  readonly keepText: boolean
  /** Told of each failure. */
  readonly failed?: (mail: OutboxRow, error: unknown) => void
}

/**
 * Sends what is due, the one that failed least first, so that a dead mailbox holds nobody up.
 * @returns how many were sent
 */
export async function sendWaitingMail(database: Database, transport: (mail: OutboxRow) => Promise<void>, now: () => Date, { keepText, failed }: Sending): Promise<number> {
  const done = keepText ? {} : { body: '' }
  const waiting = await database<OutboxRow>('mail_outbox')
    .whereNull('sent_at')
    .andWhere('failures', '<', ATTEMPTS)
    .andWhere((due) => due.whereNull('next_attempt_at').orWhere('next_attempt_at', '<=', now().toISOString()))
    .orderBy('failures')
    .orderBy('created_at')
    .limit(20)
  let sent = 0
  for (const mail of waiting) {
    // Counted as failed first: of two senders one gets it, and after a crash it is tried again rather than lost.
    const failures = Number(mail.failures) + 1
    const next_attempt_at = new Date(now().getTime() + pauseAfter(failures)).toISOString()
    if ((await database('mail_outbox').where({ id: mail.id, sent_at: null, failures: mail.failures }).update({ failures, next_attempt_at })) !== 1) continue
    try {
      await transport(mail)
      await database('mail_outbox').where({ id: mail.id }).update({ sent_at: now().toISOString(), failures: mail.failures, next_attempt_at: null, ...done })
      sent++
    } catch (error) {
      if (failures >= ATTEMPTS && !keepText) await database('mail_outbox').where({ id: mail.id }).update(done)
      failed?.({ ...mail, failures }, error)
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
