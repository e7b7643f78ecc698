import { createServer, type AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { enqueueMail, sendWaitingMail, smtpTransport, terminalTransport, type OutboxRow } from '../../src/mail/mailer.ts'
import { translate } from '../../src/web/locales.ts'
import { connectAgain, describeOnBothDatabases } from '../support/database.ts'

const START = Date.parse('2026-06-01T09:00:00.000Z')
const SENDER = { name: { en: 'Example CA', ja: '例示認証局' }, portalUrl: 'https://portal.test' }
const note = (to: string) => ({ to, language: 'ja' as const, name: 'application-rejected', values: { name: '青木', reference: 'A-1', reason: '住所が違います。', officer: 'Chiba', at: '2026-06-01T08:59:30.250Z', link: 'http://localhost/x' } })

describeOnBothDatabases('the outbox', (open) => {
  async function outbox() {
    const database = await open()
    let now = START
    return {
      database,
      clock: () => new Date(now),
      pass: (milliseconds: number) => void (now += milliseconds),
      put: (...to: string[]) => database.transaction((trx) => enqueueMail(trx, translate, SENDER, to.map(note), new Date(now))),
      row: async (to: string): Promise<OutboxRow> => database<OutboxRow>('mail_outbox').where({ recipient: to }).first() as Promise<OutboxRow>,
    }
  }

  test('VET-7: a mail commits with its change, in the reader’s language, and is sent once', async () => {
    const { database, clock, put, row } = await outbox()
    await expect(database.transaction(async (trx) => {
      await enqueueMail(trx, translate, SENDER, [note('never@example.jp')], clock())
      throw new Error('the change failed')
    })).rejects.toThrow()
    await put('aoki@example.jp', 'beppu@example.jp')
    const sent: OutboxRow[] = []
    const transport = async (mail: OutboxRow) => void sent.push(mail)
    expect([await sendWaitingMail(database, transport, clock, { keepText: false }), await sendWaitingMail(database, transport, clock, { keepText: false })]).toEqual([2, 0])
    expect(sent.map((mail) => mail.recipient).sort()).toEqual(['aoki@example.jp', 'beppu@example.jp'])
    expect(sent[0]!.body).toContain('住所が違います。')
    expect(sent[0]!.body).toContain('Chiba、2026-06-01 08:59 UTC\n')
    expect(sent[0]!.body).toMatch(/\n\n-- \n例示認証局\nhttps:\/\/portal\.test$/)
    expect(await row('aoki@example.jp')).toMatchObject({ sent_at: clock().toISOString(), failures: 0 })
  })

  test('a server that refuses is asked again later and later, and what it took at last is not sent again', async () => {
    const { database, clock, pass, put, row } = await outbox()
    await put('aoki@example.jp')
    const told: unknown[] = []
    let refusing = true
    const attempts: number[] = []
    const transport = async () => {
      attempts.push((clock().getTime() - START) / 1000)
      if (refusing) throw new Error('451 try again later')
    }
    for (let second = 0; second < 240; second++, pass(1000)) await sendWaitingMail(database, transport, clock, { keepText: false, failed: (mail, error) => void told.push([mail.failures, (error as Error).message]) })
    expect(attempts).toEqual([0, 30, 90, 210])
    expect(told.at(-1)).toEqual([4, '451 try again later'])
    expect((await row('aoki@example.jp')).sent_at).toBeNull()
    refusing = false
    pass(3_600_000)
    expect(await sendWaitingMail(database, transport, clock, { keepText: false })).toBe(1)
    expect(await sendWaitingMail(database, transport, clock, { keepText: false })).toBe(0)
  })

  test('a server that is away for hours loses nothing; after twenty refusals a mail is given up', async () => {
    const { database, clock, pass, put, row } = await outbox()
    await put('aoki@example.jp')
    let attempts = 0
    const transport = async () => {
      attempts++
      throw new Error('550 no such person')
    }
    for (let minute = 0; minute < 30 * 60; minute += 10, pass(600_000)) await sendWaitingMail(database, transport, clock, { keepText: false })
    expect([attempts, (await row('aoki@example.jp')).failures]).toEqual([20, 20])
    const { next_attempt_at } = await row('aoki@example.jp')
    // The last attempt was more than half a day after the first.
    expect(Date.parse(next_attempt_at!) - START).toBeGreaterThan(12 * 3_600_000)
  })

  test('dead mailboxes hold nobody up', async () => {
    const { database, clock, pass, put, row } = await outbox()
    for (let dead = 0; dead < 25; dead++) await put(`dead-${dead}@example.jp`)
    const transport = async (mail: OutboxRow) => {
      if (mail.recipient.startsWith('dead')) throw new Error('550')
    }
    for (let turn = 0; turn < 3; turn++) await sendWaitingMail(database, transport, clock, { keepText: false })
    pass(31_000)
    await put('aoki@example.jp')
    await sendWaitingMail(database, transport, clock, { keepText: false })
    expect((await row('aoki@example.jp')).sent_at).not.toBeNull()
  })

  test('ACC-1: in production the text, and with it the secret link, is gone once the mail is sent or given up; before that it is there to be tried again', async () => {
    const { database, clock, pass, put, row } = await outbox()
    await put('aoki@example.jp')
    await put('dead@example.jp')
    const transport = async (mail: OutboxRow) => {
      expect(mail.body).toContain('http://localhost/x')
      if (mail.recipient.startsWith('dead')) throw new Error('550')
    }
    await sendWaitingMail(database, transport, clock, { keepText: false })
    expect((await row('aoki@example.jp')).body).toBe('')
    expect((await row('dead@example.jp')).body).toContain('http://localhost/x')
    for (let attempt = 1; attempt < 20; attempt++, pass(3_600_000)) await sendWaitingMail(database, transport, (pass(3_600_000), clock), { keepText: false })
    expect(await row('dead@example.jp')).toMatchObject({ failures: 20, sent_at: null, body: '' })
  })

  test('ACC-1: in development the text stays, for the page /mail', async () => {
    const { database, clock, put, row } = await outbox()
    await put('aoki@example.jp')
    await sendWaitingMail(database, async () => undefined, clock, { keepText: true })
    expect(await row('aoki@example.jp')).toMatchObject({ sent_at: clock().toISOString(), body: expect.stringContaining('http://localhost/x') })
  })

  test('of two senders one sends', async () => {
    const { database, clock, put } = await outbox()
    for (let each = 0; each < 10; each++) await put(`person-${each}@example.jp`)
    const sent: string[] = []
    const transport = async (mail: OutboxRow) => {
      sent.push(mail.recipient)
      await new Promise((turn) => setTimeout(turn, 5))
    }
    const counts = await Promise.all([database, connectAgain(database)].map((each) => sendWaitingMail(each, transport, clock, { keepText: false })))
    expect(counts[0]! + counts[1]!).toBe(10)
    expect(new Set(sent).size).toBe(10)
    expect(sent).toHaveLength(10)
  })

  test('a sender that died on the way leaves the mail to be sent, not lost', async () => {
    const { database, clock, pass, put, row } = await outbox()
    await put('aoki@example.jp')
    // The process ends while the server is being told: nothing comes back.
    void sendWaitingMail(database, () => new Promise(() => undefined), clock, { keepText: false })
    while ((await row('aoki@example.jp')).failures === 0) await new Promise((turn) => setTimeout(turn, 5))
    pass(31_000)
    const sent: string[] = []
    await sendWaitingMail(database, async (mail) => void sent.push(mail.recipient), clock, { keepText: false })
    expect(sent).toEqual(['aoki@example.jp'])
  })
})

const mail: OutboxRow = { id: '1', recipient: 'aoki@example.jp', subject: '却下されました\r\nBcc: thief@example.com', body: '本文\n.\nhttp://localhost/x', locale: 'ja', created_at: '', sent_at: null, failures: 0, next_attempt_at: null }

test('mail goes out by SMTP: sender, recipient and text as they are, a subject that is one header', async () => {
  let received = ''
  const server = createServer((socket) => {
    let inData = false
    socket.setEncoding('utf8').write('220 test\r\n')
    socket.on('data', (text: string) => {
      received += text
      if (inData) return void (received.endsWith('\r\n.\r\n') && ((inData = false), socket.write('250 ok\r\n')))
      for (const line of text.split('\r\n').filter(Boolean)) {
        if (line === 'DATA') inData = true
        socket.write(line === 'DATA' ? '354 go on\r\n' : line.startsWith('QUIT') ? '221 bye\r\n' : '250 ok\r\n')
      }
    })
    socket.on('error', () => undefined)
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  try {
    await smtpTransport(`smtp://127.0.0.1:${(server.address() as AddressInfo).port}`, 'ca@example.jp')(mail)
  } finally {
    await new Promise((done) => server.close(done))
  }
  expect(received).toContain('MAIL FROM:<ca@example.jp>')
  expect(received).toContain('RCPT TO:<aoki@example.jp>')
  expect(received.match(/^RCPT TO/gm)).toHaveLength(1)
  expect(received).not.toMatch(/^Bcc:/m)
})

test('in development the mail stands in the terminal', async () => {
  const printed: string[] = []
  await terminalTransport((text) => void printed.push(text))(mail)
  expect(printed.join('')).toContain('aoki@example.jp')
  expect(printed.join('')).toContain('     http://localhost/x')
})
