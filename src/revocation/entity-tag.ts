/** RFC 9110 13.1.2: whether an If-None-Match has this tag: one of a list, compared weakly since a cache on the way may have weakened it, or any. */
export const hasTag = (ifNoneMatch: string, etag: string): boolean => ifNoneMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
