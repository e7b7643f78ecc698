export declare function withLockFile<T>(path: string, work: () => T | Promise<T>, options?: { onWait?: (pid: string) => void; patienceMs?: number }): Promise<T>
