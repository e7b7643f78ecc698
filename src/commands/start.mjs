// `npm start`: makes the machine ready, then runs all three processes' work (src/main.ts).
import { join } from 'node:path'
import { asksForHelp, become, command, ROOT, setUp } from './setup.mjs'

await command(async () => {
  const words = process.argv.slice(2)
  // For its help it needs its packages alone.
  await setUp(asksForHelp(words) ? { system: false, folder: false } : {})
  await become(join(ROOT, 'src', 'main.ts'), words)
})
