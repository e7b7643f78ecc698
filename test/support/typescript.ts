/** What Node is given to run a program of ours, as `npm start` gives it. */
export const TYPESCRIPT: readonly string[] = ['--import', new URL('../../src/commands/typescript.mjs', import.meta.url).href]
