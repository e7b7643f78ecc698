// A thread doesn't inherit the loader of TypeScript: it loads it itself, then the program.
import { register } from 'tsx/esm/api'

register()
await import('./worker.ts')
