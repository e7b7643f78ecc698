/**
 * What the tools themselves print, where they are on this machine: the AWS CLI against moto, and gcloud against a service of our own that
 * answers as Cloud KMS does. The commands are those that the page shows, run by a shell.
 */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createNetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cloudCommands } from '../../src/key-protection/cloud-report.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { AWS_REGION, GOOGLE_KEY, GOOGLE_LOCATION } from '../support/fake-cloud.ts'
import { APPLIED, judge, TAKING_HISTORICAL, verdictOf } from './cloud-judge.ts'

const present = (...programs: string[]): boolean => programs.every((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0)
const haveAws = present('aws', 'moto_server')
const haveGcloud = present('gcloud')
const SLOW = 180_000
const run = promisify(execFile)
/** The module's certificate has a term of its own, which is not what is tested here. */
const policy = { ...TAKING_HISTORICAL, attestation: { ...TAKING_HISTORICAL.attestation, historicalCertificates: [...TAKING_HISTORICAL.attestation.historicalCertificates, { scheme: 'FIPS 140-3', acceptedUntil: '2099-12-31T23:59:59Z', why: 'test' }] } }

interface Shop {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
}
const sh = ({ folder, env }: Shop, command: string) => run('sh', ['-ec', command], { cwd: folder, env, timeout: SLOW })
const written = ({ folder }: Shop) => readdirSync(folder).filter((name) => /\.(json|pem)$/.test(name)).map((name) => ({ name, bytes: readFileSync(join(folder, name)) }))
const today = () => new Date().toISOString().slice(0, 10)

describe.skipIf(!haveAws)(haveAws ? 'the AWS CLI' : 'skipped: no AWS CLI, or no moto', () => {
  let server: ChildProcess
  let shop: Shop
  let spki: Buffer
  let arn: string
  let trail: string

  beforeAll(async () => {
    const port = await freePort()
    server = spawn('moto_server', ['-p', String(port)], { stdio: 'ignore' })
    const env = { ...process.env, AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`, AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none', AWS_DEFAULT_REGION: AWS_REGION, AWS_PAGER: '', AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' }
    shop = { folder: mkdtempSync(join(tmpdir(), 'cloud-tools-')), env }
    for (let attempt = 0; !(await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false)); attempt++) {
      if (attempt === 200) throw new Error('moto did not start')
      await sleep(250)
    }
    const text = async (command: string) => (await sh(shop, `aws ${command} --output text`)).stdout.trim()
    arn = await text('kms create-key --key-spec RSA_3072 --key-usage SIGN_VERIFY --query KeyMetadata.Arn')
    await text('s3api create-bucket --bucket logs-of-signing --create-bucket-configuration LocationConstraint=ap-northeast-1')
    trail = await text('cloudtrail create-trail --name everything --s3-bucket-name logs-of-signing --is-multi-region-trail --query TrailARN')
    await text('cloudtrail start-logging --name everything')
    await text(`cloudtrail put-event-selectors --trail-name everything --event-selectors '[{"ReadWriteType":"All","IncludeManagementEvents":true}]'`)
    for (const { command } of cloudCommands('aws')) await sh(shop, command.replace('KEY ', `${arn} `).replace('TRAIL ', `${trail} `))
    // moto names the key by its identifier alone.
    spki = Buffer.from((JSON.parse(readFileSync(join(shop.folder, 'public-key.json'), 'utf8')) as { PublicKey: string }).PublicKey, 'base64')
  }, SLOW)
  afterAll(async () => {
    server?.kill()
    if (shop) rmSync(shop.folder, { recursive: true, force: true })
  })

  const details = () => ({ cloud: 'aws', region: AWS_REGION, 'taken-on': today(), 'taken-by': 'Sato Hanako' })
  const ask = () => verdictOf(judge(written(shop), details(), { at: new Date(), publicKeySpki: spki, policy }))

  it('ATT-5: what it prints of a key that KMS made, and of a trail of everything, is verified', () => {
    expect(written(shop)).toHaveLength(5)
    expect(ask()).toBe('verified')
  })

  it('ATT-5: a trail without KMS is refused, and verified after the command that the remedy names', async () => {
    const selectors = cloudCommands('aws').find(({ id }) => id === 'aws-selectors')!.command.replace('TRAIL ', `${trail} `)
    await sh(shop, `aws cloudtrail put-event-selectors --trail-name everything --advanced-event-selectors '[{"Name":"all but KMS","FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]},{"Field":"eventSource","NotEquals":["kms.amazonaws.com"]}]}]' && ${selectors}`)
    expect(ask()).toEqual({ 'everything-logged': 'selectors.excludes-kms' })
    const { findings } = judge(written(shop), details(), { at: new Date(), publicKeySpki: spki, policy })
    const fix = findings!.find(({ question }) => question === 'everything-logged')!.finding.remedy!.values!['command']!
    await sh(shop, `${fix} && ${selectors}`)
    expect(ask()).toBe('verified')
  }, SLOW)

  it('ATT-5: a key whose material is imported is refused', async () => {
    const external = (await sh(shop, 'aws kms create-key --origin EXTERNAL --query KeyMetadata.Arn --output text')).stdout.trim()
    const printed = await sh(shop, `aws kms describe-key --key-id ${external} --output json`)
    const files = written(shop).map((file) => (file.name === 'describe-key.json' ? { ...file, bytes: Buffer.from(printed.stdout.replaceAll(external.split('/')[1]!, arn.split('/')[1]!)) } : file))
    expect(verdictOf(judge(files, details(), { at: new Date(), publicKeySpki: spki, policy }))).toMatchObject({ 'generated-inside': 'origin.imported', 'not-exportable': 'origin.copy-outside' })
  }, SLOW)
})

describe.skipIf(!haveGcloud)(haveGcloud ? 'gcloud' : 'skipped: no gcloud', () => {
  let server: Server
  let shop: Shop

  beforeAll(async () => {
    const name = `${GOOGLE_KEY}/cryptoKeyVersions/1`
    const answers: readonly [RegExp, object][] = [
      [/publicKey$/, { pem: encodePem('PUBLIC KEY', APPLIED), algorithm: 'RSA_SIGN_PKCS1_3072_SHA256', name, protectionLevel: 'HSM' }],
      [/cryptoKeyVersions\/1$/, { name, state: 'ENABLED', protectionLevel: 'HSM', algorithm: 'RSA_SIGN_PKCS1_3072_SHA256', attestation: { format: 'CAVIUM_V2_COMPRESSED', content: 'AAAA' }, createTime: '2026-10-05T01:20:30.456789012Z', generateTime: '2026-10-05T01:20:31.987654321Z' }],
      [/cryptoKeys\/releases$/, { name: GOOGLE_KEY, purpose: 'ASYMMETRIC_SIGN', createTime: '2026-10-05T01:20:30.456789012Z', versionTemplate: { algorithm: 'RSA_SIGN_PKCS1_3072_SHA256', protectionLevel: 'HSM' } }],
      [/:getIamPolicy$/, { version: 1, etag: 'BwXh', bindings: [{ role: 'roles/owner', members: ['user:admin@sample.example'] }], auditConfigs: [{ service: 'allServices', auditLogConfigs: [{ logType: 'ADMIN_READ' }, { logType: 'DATA_READ' }, { logType: 'DATA_WRITE' }] }] }],
    ]
    server = createServer((request, response) => {
      const path = new URL(request.url!, 'http://localhost').pathname
      request.resume().on('end', () => response.setHeader('content-type', 'application/json').end(JSON.stringify(answers.find(([pattern]) => pattern.test(path))?.[1] ?? {})))
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const folder = mkdtempSync(join(tmpdir(), 'cloud-tools-'))
    shop = { folder, env: { ...process.env, CLOUDSDK_CONFIG: join(folder, 'config'), CLOUDSDK_AUTH_DISABLE_CREDENTIALS: 'true', CLOUDSDK_CORE_PROJECT: 'sample-signing', CLOUDSDK_CORE_DISABLE_PROMPTS: '1', CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS: endpoint, CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER: endpoint } }
    for (const { command } of cloudCommands('google')) await sh(shop, command.replace('VERSION', '1').replace('KEY', 'releases').replace('RING', 'signing').replace('LOCATION', GOOGLE_LOCATION).replace('PROJECT', 'sample-signing'))
  }, SLOW)
  afterAll(() => {
    server?.close()
    if (shop) rmSync(shop.folder, { recursive: true, force: true })
  })

  it('ATT-5: what it prints of a key in Cloud HSM is verified', () => {
    const files = written(shop)
    expect(files.map(({ name }) => name).sort()).toEqual(['audit-config.json', 'key-version.json', 'key.json', 'public-key.pem'])
    expect(verdictOf(judge(files, { cloud: 'google', region: GOOGLE_LOCATION, 'taken-on': today(), 'taken-by': 'Sato Hanako' }, { at: new Date() }))).toBe('verified')
  })

  it('ATT-5: a tool that was not told to print JSON is told so', async () => {
    const { stdout } = await sh(shop, `gcloud kms keys versions describe 1 --key releases --keyring signing --location ${GOOGLE_LOCATION}`)
    expect(verdictOf(judge([{ name: 'key-version.yaml', bytes: Buffer.from(stdout) }], { cloud: 'google', region: GOOGLE_LOCATION }))).toEqual({ malformed: 'key-version.yaml', reason: 'malformed.not-json' })
  }, SLOW)
})

async function freePort(): Promise<number> {
  const probe = createNetServer()
  await new Promise<void>((listening) => probe.listen(0, '127.0.0.1', listening))
  const { port } = probe.address() as AddressInfo
  await new Promise((closed) => probe.close(closed))
  return port
}
