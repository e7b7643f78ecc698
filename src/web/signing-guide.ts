/** The exact commands for a subscriber's own hardware: the words come from the locale files, the commands are the tools'. */
import { translate, type Language } from './locales.ts'

export interface GuideTool {
  readonly id: string
  readonly title: string
  readonly text: string
  readonly commands: readonly { readonly label: string; readonly text: string }[]
}

/** Where Yubico's PKCS #11 module lies after installation. */
const YKCS11 = {
  windows: 'C:\\Program Files\\Yubico\\Yubico PIV Tool\\bin\\libykcs11.dll',
  linux: '/usr/lib/x86_64-linux-gnu/libykcs11.so',
  macos: '/usr/local/lib/libykcs11.dylib',
}
/** Where this CA gives no time-stamps: an address for the subscriber to put in. */
const PLACEHOLDER = 'http://TIMESTAMP-AUTHORITY'

export function signingGuide(
  language: Language,
  { reference, sha1, timestamps }: { reference: string; sha1: string; /** The address of this CA's Timestamp Authority, or null. */ timestamps: string | null },
): {
  /** CSBR 6.8: the CA recommends its own authority. */
  readonly timestampText: string
  readonly modules: readonly { readonly term: string; readonly text: string; readonly mono: boolean; readonly copy: boolean }[]
  readonly tools: readonly GuideTool[]
} {
  const t = (path: string) => translate(language, `delivery.guide.${path}`)
  const chain = `${reference}.chain.pem`
  const tsa = timestamps ?? PLACEHOLDER
  const tool = (id: string, commands: readonly (readonly [label: string, text: string])[]): GuideTool => ({
    id,
    title: t(`${id}.title`),
    text: t(`${id}.text`),
    commands: commands.map(([label, text]) => ({ label: t(`${id}.${label}`), text })),
  })
  return {
    timestampText: timestamps === null ? t('time-stamp.text') : translate(language, 'delivery.guide.time-stamp.own', { address: timestamps }),
    modules: Object.entries(YKCS11).map(([system, text]) => ({ term: t(`module.${system}`), text, mono: true, copy: true })),
    tools: [
      tool('import', [['command', `ykman piv certificates import --verify 9c ${reference}.pem`]]),
      tool('signtool', [
        ['command', `signtool sign /sha1 ${sha1.toUpperCase()} /fd SHA256 /tr ${tsa} /td SHA256 app.exe`],
        ['check', 'signtool verify /pa /all /v app.exe'],
      ]),
      tool('osslsigncode', [
        [
          'command',
          [
            'osslsigncode sign \\',
            '  -pkcs11engine /usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so \\',
            `  -pkcs11module ${YKCS11.linux} \\`,
            "  -key 'pkcs11:id=%02;type=private' \\",
            `  -certs ${chain} -h sha256 -ts ${tsa} \\`,
            '  -in app.exe -out app-signed.exe',
          ].join('\n'),
        ],
        ['check', `osslsigncode verify -CAfile root.pem -TSA-CAfile ${timestamps === null ? 'tsa-root.pem' : 'root.pem'} -in app-signed.exe`],
      ]),
      tool('jarsigner', [
        ['config', ['name = YubiKey', `library = ${YKCS11.linux}`].join('\n')],
        [
          'command',
          [
            'jarsigner -keystore NONE -storetype PKCS11 \\',
            '  -providerClass sun.security.pkcs11.SunPKCS11 -providerArg yubikey.cfg \\',
            `  -certchain ${chain} -tsa ${tsa} \\`,
            "  app.jar 'X.509 Certificate for Digital Signature'",
          ].join('\n'),
        ],
        ['check', 'jarsigner -verify -strict -revCheck app.jar'],
      ]),
    ],
  }
}
