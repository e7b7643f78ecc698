import { describe, expect, test } from 'vitest'
import { closureOf, importsOf, partOf, SOURCES, withoutComments, read } from './source-files.ts'

/**
 * The house, as the README draws it: for each part, the other parts that it may import. An entry with a slash is one file, open where its
 * part is not: plain data or types that rules need.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  // formats and facts
  pki: [],
  policy: [],
  'start-refused': [],
  'instance-lock': ['start-refused', 'src/signer/lock-file.mjs'],
  'no-words': [],
  fault: [],
  config: ['policy'],
  secrets: [],
  'status-client': [],
  'server-limits': [],
  // rules
  attestation: ['pki', 'policy'],
  certificate: ['pki', 'policy'],
  'key-protection': ['attestation', 'certificate', 'pki', 'policy'],
  application: ['attestation', 'key-protection', 'certificate', 'pki', 'policy', 'src/audit/events.ts', 'src/people/roles.ts'],
  revocation: ['application', 'certificate', 'pki', 'policy', 'server-limits', 'timestamp', 'src/signer/signer.ts', 'src/signer/authority.ts'],
  timestamp: ['certificate', 'pki', 'policy', 'src/signer/signer.ts'],
  repository: ['certificate', 'pki', 'policy', 'src/revocation/crl-reader.ts', 'src/revocation/signed-object.ts'],
  specimen: ['pki'],
  people: ['application', 'policy', 'database', 'audit', 'secrets'],
  // adapters
  signer: ['pki', 'config'],
  clock: ['timestamp'],
  audit: ['application', 'src/database/database.ts', 'src/database/gathered.ts'],
  database: ['application', 'attestation', 'key-protection', 'repository', 'revocation', 'timestamp', 'policy', 'audit', 'people', 'secrets', 'src/signer/signer.ts', 'src/signer/authority.ts'],
  mail: ['application', 'database'],
  migrations: [],
  // what runs: it gets its parts from `services`, and its words from web/locales
  services: ['application', 'audit', 'config', 'database', 'mail', 'policy', 'secrets', 'src/web/locales.ts'],
  // what is told to operators
  log: [],
  metrics: ['database', 'revocation'],
  'access-log': ['audit', 'database', 'revocation'],
  process: ['application', 'audit', 'certificate', 'config', 'database', 'fault', 'log', 'metrics', 'no-words', 'policy', 'services', 'start-refused', 'src/signer/signer.ts'],
  ceremony: ['audit', 'certificate', 'database', 'pki', 'policy', 'revocation', 'services', 'start-refused', 'timestamp', 'src/signer/signer.ts', 'src/signer/authority.ts'],
  jobs: ['application', 'audit', 'certificate', 'database', 'log', 'pki', 'policy', 'revocation', 'services', 'src/signer/signer.ts', 'src/signer/authority.ts', 'src/signer/pkcs11.ts', 'specimen', 'status-client', 'timestamp'],
  keygen: ['key-protection', 'pki', 'policy', 'signer', 'src/web/locales.ts', 'src/web/locales/en/keygen.json', 'src/web/locales/ja/keygen.json'],
  web: ['application', 'attestation', 'audit', 'certificate', 'config', 'database', 'fault', 'key-protection', 'log', 'mail', 'people', 'pki', 'policy', 'repository', 'services', 'src/keygen/package.ts', 'src/revocation/answer-times.ts', 'src/revocation/served-crl.ts'],
  commands: ['access-log', 'application', 'attestation', 'audit', 'ceremony', 'certificate', 'config', 'database', 'people', 'pki', 'policy', 'process', 'repository', 'services', 'start-refused', 'signer', 'attestations/demo', 'key-protection', 'src/web/locales.ts', 'src/keygen/package.ts', 'src/jobs/reconciliation.ts', 'status-client'],
  portal: ['attestation', 'database', 'fault', 'mail', 'metrics', 'people', 'process', 'server-limits', 'web'],
  workers: ['metrics', 'process', 'start-refused'],
  'clock-watching': ['audit', 'clock', 'database', 'process', 'services', 'timestamp'],
  ca: ['clock-watching', 'database', 'fault', 'jobs', 'metrics', 'process', 'revocation', 'signer'],
  timestamps: ['audit', 'certificate', 'clock', 'database', 'fault', 'process', 'revocation', 'services', 'timestamp', 'src/signer/signer.ts', 'src/signer/authority.ts'],
  status: ['access-log', 'clock-watching', 'database', 'fault', 'metrics', 'process', 'revocation', 'services', 'config', 'signer', 'timestamps', 'workers'],
  main: ['instance-lock', 'commands', 'config', 'database', 'log', 'no-words', 'people', 'process', 'services'],
}

/** Beyond the arrows of their parts: files that put parts together. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  'src/attestation/makers.ts': ['attestations/'],
  'src/database/migrations.ts': ['migrations/'],
}

/** A maker reads evidence with what is below it; the demo maker signs certificates of a YubiKey's shape, two clouds run one maker's HSMs. */
const MAKER = ['attestation', 'pki']
const MAKERS: Readonly<Record<string, readonly string[]>> = {
  'attestations/demo': ['attestations/yubikey-piv'],
  'attestations/google-cloud-hsm': ['attestations/marvell'],
  'attestations/azure-managed-hsm': ['attestations/marvell'],
}

const isOurs = (target: string): boolean => /^(src|attestations|migrations)\//.test(target)

function broken(file: string, targets: readonly string[]): readonly string[] {
  const part = partOf(file)
  const allowed = part.startsWith('attestations/') ? [...MAKER, ...(MAKERS[part] ?? [])] : ARROWS[part]
  if (!allowed) return [`${file}: ${part} has no arrows yet: give it some in this test and in the README`]
  return targets
    .filter(isOurs)
    .filter((target) => partOf(target) !== part && !allowed.includes(partOf(target)) && !allowed.includes(target) && !(BESIDE[file] ?? []).some((beginning) => target.startsWith(beginning)))
    .map((target) => `${file} imports ${target}`)
}

describe('the arrows of import', () => {
  test('ISS-6: none is reversed, and every part has its own', () => {
    expect(SOURCES().flatMap((file) => broken(file, importsOf(file)))).toEqual([])
  })

  test('a reversed arrow is noticed, in each way of writing an import', () => {
    const seen = (file: string, text: string) => broken(file, importsOf(file, text))
    expect(seen('src/pki/der.ts', "import { x } from '../policy/policy.ts'")).toEqual(['src/pki/der.ts imports src/policy/policy.ts'])
    expect(seen('src/application/vet.ts', "import type {\n  Database,\n} from '../database/database.ts'")).toHaveLength(1)
    expect(seen('src/application/vet.ts', "export * from '../web/form.ts'")).toHaveLength(1)
    expect(seen('src/application/vet.ts', "const x = await import('../signer/pkcs11.ts')")).toHaveLength(1)
    expect(seen('src/people/roles.ts', "import '../web/app.ts'")).toHaveLength(1)
    expect(seen('attestations/demo/index.ts', "import { x } from '../../src/policy/policy.ts'")).toHaveLength(1)
    expect(seen('attestations/yubikey-piv/index.ts', "import { x } from '../demo/make.ts'")).toHaveLength(1)
    expect(seen('src/services.ts', "import { createApp } from './web/app.ts'")).toHaveLength(1)
    expect(seen('src/utils/x.ts', '')).toHaveLength(1)
    expect(seen('src/pki/der.ts', "// import { x } from '../policy/policy.ts'\n/* import '../web/app.ts' */")).toEqual([])
  })

  test('no file imports itself by a ring of parts below the rules: pki and policy import nothing of ours', () => {
    for (const file of SOURCES().filter((each) => ['pki', 'policy'].includes(partOf(each)))) expect(importsOf(file).filter((target) => isOurs(target) && partOf(target) !== partOf(file)), file).toEqual([])
  })

  test('rules reach no web server, database, module or file', () => {
    const RULES = ['application', 'attestation', 'certificate', 'key-protection', 'revocation', 'timestamp']
    const OUTSIDE = /^(express|express-session|knex|pg|sqlite3|graphene-pk11|pkcs11js|nodemailer|ejs|passport|busboy|node:(net|child_process|dns|https|worker_threads))$/
    // Data that ships with the code is read once, at start.
    const READS_ITS_OWN_DATA = ['src/attestation/anchors.ts', 'src/attestation/catalogue.ts', 'src/attestation/commands.ts']
    const found = SOURCES()
      .filter((file) => RULES.includes(partOf(file)) || file.startsWith('attestations/'))
      .flatMap((file) => importsOf(file).filter((target) => OUTSIDE.test(target) || (/^node:fs/.test(target) && !READS_ITS_OWN_DATA.includes(file))).map((target) => `${file} imports ${target}`))
    expect(found).toEqual([])
  })

  test('ISS-6: the PKCS #11 packages are imported by src/signer alone', () => {
    for (const file of SOURCES()) if (importsOf(file).some((target) => /^(graphene-pk11|pkcs11js)/.test(target))) expect(partOf(file), file).toBe('signer')
  })

  test('ISS-6: what `portal` loads reaches no key: of src/signer the interface alone, no PKCS #11, no job, no ceremony, no command', () => {
    const loaded = [...closureOf('src/portal.ts')]
    expect(loaded).toContain('src/web/pages/review.ts')
    expect(loaded.filter((file) => /^src\/(jobs|ceremony|commands)\/|graphene|pkcs11/.test(file))).toEqual([])
    expect(loaded.filter((file) => file.startsWith('src/signer/')).sort()).toEqual(['src/signer/authority.ts', 'src/signer/signer.ts'])
  })

  test('ISS-4: what `ca` and `status` load holds no ceremony, so that neither can have the root sign', () => {
    for (const name of ['ca', 'status']) expect([...closureOf(`src/${name}.ts`)].filter((file) => /^src\/(ceremony|commands)\//.test(file)), name).toEqual([])
    expect([...closureOf('src/status.ts')].filter((file) => file.startsWith('src/jobs/'))).toEqual([])
    // The closure goes all the way down.
    expect([...closureOf('src/main.ts')]).toContain('src/ceremony/ceremony.ts')
  })

  test('rules take the clock and chance as arguments', () => {
    const TAKES = ['application', 'attestation', 'certificate', 'key-protection', 'revocation', 'timestamp', 'pki', 'policy']
    const found = SOURCES()
      .filter((file) => TAKES.includes(partOf(file)) || file.startsWith('attestations/'))
      .filter((file) => /\bnew Date\(\s*\)|\bDate\.now\b|\bDate\(\s*\)|\bMath\.random\b|\bperformance\.now\b|\bsetTimeout\b|\bsetInterval\b/.test(withoutComments(read(file))))
    expect(found).toEqual([])
  })

  test('ISS-3: randomness is drawn where it is made a parameter, and where a secret or an identifier is made, never in a rule about certificates', () => {
    const found = SOURCES().filter((file) => ['certificate', 'attestation', 'revocation', 'key-protection', 'policy', 'timestamp'].includes(partOf(file)) && /\brandom(Bytes|UUID|Int)\b/.test(importLines(file)))
    expect(found).toEqual([])
  })
})

const importLines = (file: string): string => [...withoutComments(read(file)).matchAll(/^import[^;]*?from '[^']+'/gm)].map((match) => match[0]).join('\n')
