// Plain JavaScript without dependencies: this runs before any package is installed.
import { inPath, run, step } from './install-step.mjs'

/** Debian or Ubuntu, and allowed to install there. */
export const mayInstallPackages = () => process.getuid?.() === 0 && inPath('apt-get') && inPath('dpkg')

/**
 * Installs Debian packages, as far as the archive has them. Whether what was wanted is there is for the caller to look.
 * @param {string[]} packages
 * @param {{ log: string }} place
 */
export async function installPackages(packages, { log }) {
  if (packages.length === 0) return
  await step(`Installing Debian packages: ${packages.join(' ')}`, async () => {
    const place = { log, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
    const wait = ['-o', 'DPkg::Lock::Timeout=300']
    // Offline the lists on the machine may still do.
    await run('apt-get', [...wait, 'update', '-q'], place)
    const known = []
    for (const name of packages) if ((await run('apt-cache', ['show', '--no-all-versions', name], place)).ok) known.push(name)
    if (known.length > 0) await run('apt-get', [...wait, 'install', '-y', '-q', '--no-install-recommends', ...known], place)
  })
}
