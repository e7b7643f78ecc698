// `ca` over a full queue, as its job does it, until none waits; prints certificates, microseconds of CPU, seconds. What its first turn issues is not counted: the program warms up by it.
import { readConfig } from '../../../src/config.ts'
import { issueWaiting, issuingParts } from '../../../src/jobs/issuing.ts'
import { openServices } from '../../../src/services.ts'
import { openConfiguredToken } from '../../../src/signer/open-token.ts'

const config = readConfig('ca')
const services = openServices(config)
const token = await openConfiguredToken(config)
const parts = issuingParts(services, token)
await parts.trail.firstBreach()
const unmeasured = (await issueWaiting(parts)).length
let made = 0
const began = performance.now()
const cpu = process.cpuUsage()
for (let turns = await issueWaiting(parts); turns.length > 0; turns = await issueWaiting(parts)) made += turns.filter((turn) => turn === 'issued').length
const { user, system } = process.cpuUsage(cpu)
process.stdout.write(JSON.stringify({ made, unmeasured, cpu: user + system, seconds: (performance.now() - began) / 1000 }))
await token.close()
await services.close()
