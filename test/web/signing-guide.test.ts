import { describe, expect, test } from 'vitest'
import { signingGuide } from '../../src/web/signing-guide.ts'

const FOR = { reference: 'AB12-CD34', sha1: 'ab'.repeat(20) }

describe.each(['en', 'ja'] as const)('TSA-1: the commands for signing (%s)', (language) => {
  test('TSA-1: hold the address of this CA\'s Timestamp Authority, and it is recommended (CSBR 6.8)', () => {
    const guide = signingGuide(language, { ...FOR, timestamps: 'http://status.test/tsa' })
    const commands = guide.tools.flatMap((tool) => tool.commands.map(({ text }) => text))
    expect(commands.filter((text) => text.includes('http://status.test/tsa'))).toHaveLength(3)
    for (const option of ['/tr http://status.test/tsa /td SHA256', '-ts http://status.test/tsa', '-tsa http://status.test/tsa', '-TSA-CAfile root.pem']) expect(commands.join('\n')).toContain(option)
    expect(guide.timestampText).toContain('http://status.test/tsa')
    expect(JSON.stringify(guide)).not.toContain('TIMESTAMP-AUTHORITY')
  })

  test('TSA-1: name a place to put one in where this CA gives none', () => {
    const guide = signingGuide(language, { ...FOR, timestamps: null })
    expect(JSON.stringify(guide.tools).match(/http:\/\/TIMESTAMP-AUTHORITY/g)).toHaveLength(3)
    expect(guide.timestampText).toContain('http://TIMESTAMP-AUTHORITY')
  })
})
