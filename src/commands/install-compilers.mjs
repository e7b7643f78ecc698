// Plain JavaScript without dependencies: this runs before any package is installed.
import { inPath } from './install-step.mjs'

const COMPILERS = [
  { programs: ['python3', 'python'], package: 'python3' },
  { programs: ['make', 'gmake'], package: 'make' },
  { programs: ['c++', 'g++', 'clang++'], package: 'g++' },
]

/** The Debian packages that building sqlite3 and pkcs11js still needs. */
export const missingCompilers = () => COMPILERS.filter(({ programs }) => !inPath(...programs)).map((row) => row.package)
