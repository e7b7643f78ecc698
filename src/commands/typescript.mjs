// `node --import ./src/commands/typescript.mjs FILE.ts` runs a program written in TypeScript.
import { register } from 'node:module'

register('./typescript-hooks.mjs', import.meta.url)
process.setSourceMapsEnabled(true)
