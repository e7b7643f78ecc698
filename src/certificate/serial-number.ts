/** Certificate serial numbers (RFC 5280 4.1.2.2; CP 3.1.5; CSBR 7.1; ISS-3). */

/** Gives `size` octets of a CSPRNG: node:crypto's randomBytes in production. */
export type RandomBytes = (size: number) => Buffer

/** Octets drawn for each serial number: twice what CSBR 7.1 asks for. */
const RANDOM_OCTETS = 16

/**
 * A serial number as the content octets of its INTEGER: a leading 01, then 128 random bits. The leading octet makes every draw positive,
 * in its shortest form and 17 octets long, of the 20 that RFC 5280 allows, without giving up a random bit.
 */
export function drawSerialNumber(randomBytes: RandomBytes): Buffer {
  const drawn = randomBytes(RANDOM_OCTETS)
  if (drawn.length !== RANDOM_OCTETS) throw new RangeError(`asked for ${RANDOM_OCTETS} random octets, got ${drawn.length}`)
  return Buffer.concat([Buffer.from([1]), drawn])
}
