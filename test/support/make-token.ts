/** Started as a process of its own by test/signer/token.test.ts: makes one token and prints whether it did. */
import { initialiseToken, type NewToken } from '../../src/signer/token.ts'

console.log(await initialiseToken(JSON.parse(process.argv[2]!) as NewToken))
