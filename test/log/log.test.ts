import { expect, test } from 'vitest'
import { createLog, type Level } from '../../src/log.ts'
import { mailFault } from '../../src/mail/mail-fault.ts'
import { read, SOURCES, withoutComments } from '../structure/source-files.ts'

function written(work: (log: ReturnType<typeof createLog>) => void): Record<string, unknown>[] {
  const lines: string[] = []
  work(createLog((line) => lines.push(line)))
  return lines.map((line) => {
    expect(line.endsWith('\n')).toBe(true)
    return JSON.parse(line) as Record<string, unknown>
  })
}

test('a line says its level, when, which process on which node, and what; no number of a level, no process id of the library', () => {
  expect(
    written(({ log, name }) => {
      name({ process: 'ca', node: 'node-7' })
      for (const level of ['info', 'warning', 'error', 'alert'] satisfies Level[]) log({ level, job: 'crl', error: 'x' })
    }),
  ).toEqual(['info', 'warning', 'error', 'alert'].map((level) => ({ level, at: expect.stringMatching(/^20\d\d-\d\d-\d\dT[\d:.]+Z$/), process: 'ca', node: 'node-7', job: 'crl', error: 'x' })))
})

test('what a line says of itself stands before what the process says of itself', () => {
  expect(written(({ log, name }) => (name({ process: 'status' }), log({ level: 'info', process: 'worker' })))[0]).toMatchObject({ process: 'worker' })
})

test('fields that hold secrets or persons are never written, whoever names them by mistake', () => {
  const [line] = written(({ log }) => log({ level: 'error', job: 'mail', email: 'aoki@example.jp', pin: '1234', cookie: 'portal=s%3A', body: 'x', details: { password: 'hunter2', token: 'abc', kept: 1 } }))
  expect(line).toEqual({ level: 'error', at: expect.any(String), job: 'mail', details: { kept: 1 } })
})

test('what a mail server says is told without the address', () => {
  expect(mailFault(Object.assign(new Error("Can't send mail - all recipients were rejected: 550 <aoki.hanako@example.jp>: user aoki.hanako@example.jp unknown"), { code: 'EENVELOPE', responseCode: 550 }))).toBe(
    "EENVELOPE 550: Can't send mail - all recipients were rejected: 550 (address): user (address) unknown",
  )
  expect(mailFault('gone')).toBe('gone')
})

test('one place writes lines of the log', () => {
  const byHand = SOURCES().filter((file) => /stderr\.write\([^)]*JSON\.stringify/.test(withoutComments(read(file))))
  expect(byHand).toEqual([])
  expect(SOURCES().filter((file) => /from 'pino'/.test(read(file)))).toEqual(['src/log.ts'])
})
