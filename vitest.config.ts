import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes longest goes first, so that no long file runs alone at the end; inside a place vitest's own order. */
const FIRST = ['test/journeys/', 'test/processes/', 'test/ca/', 'test/commands/', 'test/ceremony/', 'test/application/issue.', 'test/key-protection/cloud-tools', 'test/fuzz/']

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = FIRST.findIndex((part) => moduleId.includes(part))
      return found === -1 ? FIRST.length : found
    }
    return (await super.sort(files)).sort((one, other) => place(one) - place(other))
  }
}

// One PKCS#11 state per process: files run in forks, never in threads.
export default defineConfig({
  test: {
    pool: 'forks',
    // One more than there are cores: who waits for a browser, a code or a child leaves its core to another.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
