/** What the same octets are read into again and again, read once. */

interface Kept {
  /** Readings kept at once: those asked for last. */
  readonly most: number
  /** Octets of what is kept. What uploads bring may be longer, and is read each time. */
  readonly longest: number
}

/**
 * @param read pure, and of a value that nobody changes: whoever asks with the same octets gets the same one
 * @returns the same, which reads again only what it has not kept; what `read` throws is not kept
 */
export function byOctets<V>(read: (octets: Buffer) => V, { most, longest }: Kept): (octets: Buffer) => V {
  const kept = new Map<string, { readonly value: V }>()
  return (octets) => {
    if (octets.length > longest) return read(octets)
    const name = octets.toString('latin1')
    const found = kept.get(name) ?? { value: read(octets) }
    // The one asked for last stands last.
    kept.delete(name)
    if (kept.size >= most) kept.delete(kept.keys().next().value!)
    kept.set(name, found)
    return found.value
  }
}
