// The npm package `ocsp` as a responder. PORT, PEM of the issuing CA, PEM of its key, serial number in hex.
import { readFileSync } from 'node:fs'
import ocsp from 'ocsp'

const [port, certificate, key, serial] = process.argv.slice(2)
const server = ocsp.Server.create({ cert: readFileSync(certificate), key: readFileSync(key) })
server.addCert(BigInt(`0x${serial}`), 'good')
server.listen(Number(port), '127.0.0.1')
