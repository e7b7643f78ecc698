/** Whether the native PKCS #11 package can be loaded here: it is built when it is installed, and some computers don't let it. */
import { createRequire } from 'node:module'

/** Why not, in one line; null when it can. Asked before anything imports the package: a failed import of it would end the process in spite of a catch. */
export function nativeFault(): string | null {
  try {
    createRequire(import.meta.url)('graphene-pk11')
    return null
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).split('\n')[0]!
  }
}
