// The least that signing takes: asynchronous C_Sign of a digest on a few sessions. LIBRARY TOKEN PIN KEY SECONDS [SESSIONS, 2]; prints signatures, microseconds of CPU, seconds.
import { createHash } from 'node:crypto'
import graphene from 'graphene-pk11'

const [library, token, pin, label, seconds, count = 2] = process.argv.slice(2)
const module = graphene.Module.load(library)
module.initialize({ flags: 2 })
const slots = module.getSlots(true)
const slot = Array.from({ length: slots.length }, (_, index) => slots.items(index)).find((each) => each.getToken().label.trim() === token)
const digest = Buffer.concat([Buffer.from('3031300d060960864801650304020105000420', 'hex'), createHash('sha256').update('x').digest()])
const sessions = Array.from({ length: Number(count) }, (_, number) => {
  const session = slot.open()
  if (number === 0) session.login(pin)
  return { session, key: session.find({ class: graphene.ObjectClass.PRIVATE_KEY, label }).items(0).toType() }
})
let made = 0
const sign = ({ session, key }) => new Promise((done, failed) => session.createSign('RSA_PKCS', key).once(digest, (error) => (error ? failed(error) : done(made++))))
await Promise.all(sessions.map(sign))
made = 0
const began = performance.now()
const cpu = process.cpuUsage()
await Promise.all(sessions.map(async (one) => {
  while (performance.now() - began < Number(seconds) * 1000) await sign(one)
}))
const { user, system } = process.cpuUsage(cpu)
console.log(JSON.stringify({ made, cpu: user + system, seconds: (performance.now() - began) / 1000 }))
module.finalize()
