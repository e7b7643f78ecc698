export declare const UNPACKED: string
export declare function findSoftHsm(place: { dataDir: string; env?: Readonly<Record<string, string | undefined>> }): string | null
