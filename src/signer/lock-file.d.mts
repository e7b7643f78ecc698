interface Waiting {
  onWait?: (pid: string) => void
  patienceMs?: number
}
export declare class LockHeld extends Error {
  readonly pid: string
}
export declare function takeLockFile(path: string, options?: Waiting): Promise<() => void>
export declare function withLockFile<T>(path: string, work: () => T | Promise<T>, options?: Waiting): Promise<T>
