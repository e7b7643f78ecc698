/** `npm run demo:key -- --subject "CN=…, O=…, C=JP" [--bits 3072|4096] [--out DIR]` */
import { join, resolve } from 'node:path'
import { say, StartRefused } from '../process.ts'
import { runDemoCommand } from './demo-command.ts'
import { makeDemoKey, parseSubject } from './make-demo-key.ts'

const USAGE = `npm run demo:key -- --subject "CN=…, O=…, C=JP" [--bits 3072|4096] [--out DIR]

Makes an RSA key in a SoftHSM token of its own, a certificate request, and the attestation of a demo maker.`

await runDemoCommand('demo:key', USAGE, ['subject', 'bits', 'out'], async (services, given) => {
  if (!given.subject) throw new StartRefused('give the subject:  npm run demo:key -- --subject "CN=Example K.K., O=Example K.K., C=JP"')
  if (given.bits !== undefined && given.bits !== '3072' && given.bits !== '4096') throw new StartRefused('--bits is 3072 or 4096')
  const subject = parseSubject(given.subject)
  const folder = given.out ? resolve(given.out) : join(services.config.dataDir, 'demo-keys', services.random(4).toString('hex'))
  say('DEMO: this key lives in software and its attestation is by a demo maker. It proves nothing; only a demo hierarchy accepts it.')
  const key = await makeDemoKey(services, { subject, bits: Number(given.bits ?? '3072'), folder })
  say(
    [
      '',
      `Certificate request   ${join(key.folder, 'request.pem')}`,
      `Attestation           ${join(key.folder, 'attestation.pem')}`,
      `Intermediate (f9)     ${join(key.folder, 'intermediate.pem')}`,
      '',
      `The key: token ${key.tokenLabel}, label ${key.keyLabel}, id ${key.keyId}; PIN in ${key.pinFile}`,
      `  SOFTHSM2_CONF=${key.softHsmConf}`,
      `  PKCS#11 module ${key.module}`,
      '',
      `Next: sign in at ${services.config.portal.url}, start an application, paste the request, upload the two other files.`,
    ].join('\n'),
  )
})
