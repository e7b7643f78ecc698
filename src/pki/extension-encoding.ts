/** Certificate extensions of RFC 5280 4.2 written as DER: each function gives one Extension, ready for the list. */
import { boolean, context, contextPrimitive, ia5, ia5String, integer, namedBits, nullValue, octetString, oid, sequence } from './der.ts'
import { OID } from './oids.ts'

/** An Extension around a value; `critical` FALSE is the default and left out (X.690 11.5). */
export const extension = (type: string, critical: boolean, value: Uint8Array): Buffer => sequence(oid(type), ...(critical ? [boolean(true)] : []), octetString(value))

export const keyUsage = (critical: boolean, positions: readonly number[]): Buffer => extension(OID.keyUsage, critical, namedBits([...positions]))

export const extendedKeyUsage = (critical: boolean, purposes: readonly string[]): Buffer => extension(OID.extendedKeyUsage, critical, sequence(...purposes.map(oid)))

export const basicConstraints = (critical: boolean, { cA, pathLength }: { cA: boolean; pathLength?: number }): Buffer =>
  extension(OID.basicConstraints, critical, sequence(...(cA ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)])))

export const subjectKeyIdentifier = (keyIdentifier: Uint8Array): Buffer => extension(OID.subjectKeyIdentifier, false, octetString(keyIdentifier))

export const authorityKeyIdentifier = (keyIdentifier: Uint8Array): Buffer => extension(OID.authorityKeyIdentifier, false, sequence(contextPrimitive(0, keyIdentifier)))

/** One distribution point; its URLs are ways to the same list. */
export const crlDistributionPoint = (...urls: readonly string[]): Buffer =>
  extension(OID.crlDistributionPoints, false, sequence(sequence(context(0, context(0, ...urls.map((url) => contextPrimitive(6, ia5(url))))))))

export const authorityInfoAccess = (...descriptions: readonly { method: string; url: string }[]): Buffer =>
  extension(OID.authorityInfoAccess, false, sequence(...descriptions.map(({ method, url }) => sequence(oid(method), contextPrimitive(6, ia5(url))))))

/** Policies, each with the URL of its practice statement where one is given (RFC 5280 4.2.1.4, id-qt-cps). */
export const certificatePolicies = (...policies: readonly { oid: string; cps?: string }[]): Buffer =>
  extension(
    OID.certificatePolicies,
    false,
    sequence(...policies.map((policy) => sequence(oid(policy.oid), ...(policy.cps === undefined ? [] : [sequence(sequence(oid(OID.cpsQualifier), ia5String(policy.cps)))])))),
  )

/** id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1). */
export const ocspNoCheck = (): Buffer => extension(OID.ocspNoCheck, false, nullValue())
