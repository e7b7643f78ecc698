// Plain JavaScript without dependencies: this runs before any package is installed.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { inPath } from './install-step.mjs'

const anyBelow = (folder, ...rest) => existsSync(folder) && readdirSync(folder).some((name) => existsSync(join(folder, name, ...rest)))

/** The programs that judge our certificates from outside, and the browser. */
const TOOLS = [
  { name: 'openssl', package: 'openssl', tests: 'certificates, OCSP and CRLs judged by OpenSSL', present: () => inPath('openssl') },
  { name: 'curl', package: 'curl', tests: 'OCSP over GET', present: () => inPath('curl') },
  { name: 'certtool', package: 'gnutls-bin', tests: 'certificates judged by GnuTLS', present: () => inPath('certtool') },
  { name: 'osslsigncode', package: 'osslsigncode', tests: 'signing Windows programs', present: () => inPath('osslsigncode') },
  { name: 'the PKCS #11 engine of OpenSSL', package: 'libengine-pkcs11-openssl', tests: 'signing Windows programs', present: () => ['engines-3', 'engines-1.1'].some((engines) => anyBelow('/usr/lib', engines, 'pkcs11.so') || existsSync(`/usr/lib64/${engines}/pkcs11.so`)) },
  { name: 'a compiler for Windows programs', package: 'gcc-mingw-w64-x86-64', tests: 'signing Windows programs', present: () => inPath('x86_64-w64-mingw32-gcc') },
  { name: 'jarsigner', package: 'default-jdk-headless', tests: 'signing Java archives', present: () => inPath('jarsigner') },
  { name: 'PostgreSQL', package: 'postgresql', tests: 'the second database', present: () => inPath('initdb') || anyBelow('/usr/lib/postgresql', 'bin', 'initdb') },
  { name: 'nginx', package: 'nginx-light', tests: 'several machines behind one address', present: () => inPath('nginx') || existsSync('/usr/sbin/nginx') },
  { name: 'Chromium', package: 'chromium', tests: 'the journeys in a browser', present: () => inPath('chromium', 'chromium-browser', 'google-chrome') },
]

/** @returns {{ name: string, package: string, tests: string }[]} what is not on this machine */
export const missingTestTools = () => TOOLS.filter(({ present }) => !present())
