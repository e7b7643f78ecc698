/** Parts of CMS signatures as they are written (RFC 5652 5). */
import { oid, sequence, setOf } from './der.ts'

/** An Attribute with one value. @param type dotted */
export const attribute = (type: string, value: Buffer): Buffer => sequence(oid(type), setOf(value))

/** A SET under an implicit tag: its first octet alone differs. */
export const implicitSet = (number: number, set: Buffer): Buffer => Buffer.concat([Buffer.from([0xa0 | number]), set.subarray(1)])
