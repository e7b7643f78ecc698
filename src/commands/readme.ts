/** `npm run readme`: prints the parts of README.md, and of the makers' READMEs, that come from the code and its data. */
import { readFileSync, writeFileSync } from 'node:fs'
import { MAKER_READMES, printMakerReadme } from './maker-readme.ts'
import { print, README } from './readme-parts.ts'
import { answerHelp } from './words.ts'

answerHelp("npm run readme\n\nPrints the parts of README.md, and of the makers' READMEs, that come from the code and its data.")
writeFileSync(README, print(readFileSync(README, 'utf8')))
for (const [maker, file] of MAKER_READMES) writeFileSync(file, printMakerReadme(maker, readFileSync(file, 'utf8')))
