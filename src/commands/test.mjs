// `npm test`: makes the machine ready, checks the types, runs the tests. Arguments go to vitest: `npm test -- test/pki`.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { command, ROOT, SetUpRefused, setUp } from './setup.mjs'

await command(async () => {
  // Tests choose their mode themselves.
  delete process.env.NODE_ENV
  await setUp({ tests: true })
  const code = await new Promise((resolve, reject) => {
    const tsc = spawn(process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', join(ROOT, 'tsconfig.json')], { stdio: 'inherit' })
    tsc.on('error', reject)
    tsc.on('close', resolve)
  })
  if (code !== 0) throw new SetUpRefused('The types are wrong (above); no test was run')
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  process.argv = [process.execPath, vitest, 'run', '--root', ROOT, ...process.argv.slice(2)]
  await import(pathToFileURL(vitest).href)
})
