/** A portal under the demo hierarchy. */
import type { DemoHierarchy } from './demo-hierarchy.ts'
import { startPortal, type Portal } from './portal.ts'

export async function portalUnder(hierarchy: DemoHierarchy, options?: Parameters<typeof startPortal>[0]): Promise<Portal> {
  const portal = await startPortal(options)
  await hierarchy.services(portal.services.database)
  return portal
}
