// `npm start`: makes the machine ready, then runs all three processes' work (src/main.ts).
import { join } from 'node:path'
import { become, command, ROOT, setUp } from './setup.mjs'

await command(async () => {
  await setUp()
  await become(join(ROOT, 'src', 'main.ts'), process.argv.slice(2))
})
