/** `npm run readme`: prints the parts of README.md that come from the code. */
import { readFileSync, writeFileSync } from 'node:fs'
import { print, README } from './readme-parts.ts'

writeFileSync(README, print(readFileSync(README, 'utf8')))
