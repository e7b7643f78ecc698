/** Tokens that only one function can make: what needs one can't be given a look-alike, a copy or a stored record instead. */
declare const kind: unique symbol

/** Facts that were proven, by the function that keeps `make` to itself. */
export type Proof<Kind extends string, Facts extends object> = Readonly<Facts> & { readonly [kind]: Kind }

/** A kind of proof. `make` is never exported: whoever holds it decides what is proven. */
export function proofs<Kind extends string, Facts extends object>(): { make(facts: Facts): Proof<Kind, Facts>; is(value: unknown): value is Proof<Kind, Facts> } {
  const made = new WeakSet<object>()
  return {
    make(facts) {
      const proof = Object.freeze({ ...facts }) as unknown as Proof<Kind, Facts>
      made.add(proof)
      return proof
    },
    is: (value): value is Proof<Kind, Facts> => typeof value === 'object' && value !== null && made.has(value),
  }
}
