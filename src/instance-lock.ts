/** One `npm start` for one data folder: a second one would issue for the first, with its own addresses in the certificates. */
import { join } from 'node:path'
import { LockHeld, takeLockFile } from './signer/lock-file.mjs'
import { StartRefused } from './start-refused.ts'

/**
 * Takes the data folder for this process until it ends.
 * @throws StartRefused while another process has it
 */
export async function holdDataFolder(dataDir: string): Promise<void> {
  try {
    process.on('exit', await takeLockFile(join(dataDir, 'instance'), { patienceMs: 0 }))
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error
    throw new StartRefused(`Another instance (process ${error.pid}) runs on ${dataDir}: stop it, or give this one a folder of its own with DATA_DIR`)
  }
}
