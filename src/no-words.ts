/** Programs that go on until they are stopped take no words: who gives one meant something else, and nothing is opened or started for it. */

const SETTINGS = 'What it does is set by environment variables: DATA_DIR, PORTAL_URL, STATUS_URL, DATABASE_URL and others. The README has them all, under “Configuration”.'
const ENDS = 'It runs until Ctrl-C or SIGTERM. Exit code: 0 stopped, 1 it could not start or broke off, 2 a word that it does not know.'

const PROGRAMS = {
  start: ['npm start', 'Installs what is missing, makes a demo hierarchy where there is none, and runs portal, ca and status together.'],
  portal: ['npm run portal', 'Runs the web pages. It holds no signing key.'],
  ca: ['npm run ca', 'Runs the process that issues what was approved, signs revocation lists and renews responder certificates.'],
  status: ['npm run status', 'Runs the process that answers OCSP and gives out revocation lists, CA certificates and time-stamps.'],
} as const

/** Answers `--help`, and refuses any other word in one line; ends the process for either. */
export function takesNoWords(name: keyof typeof PROGRAMS, words: readonly string[] = process.argv.slice(2)): void {
  if (words.length === 0) return
  const [call, does] = PROGRAMS[name]
  if (words.some((word) => word === '--help' || word === '-h')) {
    process.stdout.write(`${call}\n\n${does}\n${SETTINGS}\n${ENDS}\n`)
    process.exit(0)
  }
  process.stderr.write(`${call} takes no words, was given '${words[0]}'; --help tells more\n`)
  process.exit(2)
}
