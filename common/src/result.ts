/**
 * Expected failures are values: a function that can fail for reasons outside the program returns a `Result`.
 * `throw` stays reserved for bugs.
 */

/** Either a value, or a fault that says what is wrong. `F` is a closed union with a `kind`. */
export type Result<T, F> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: F };

/** The success case of a {@link Result}. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** The failure case of a {@link Result}. */
export function fail<F>(fault: F): { readonly ok: false; readonly fault: F } {
  return { ok: false, fault };
}

/** The least that every fault carries: a closed `kind`, what happened, and, where there is one, what to do. */
export interface Fault {
  readonly kind: string;
  /** One clause, lower case, no secret in it: `cannot reach 10.0.42.1 port 22: connection refused`. */
  readonly what: string;
  /** What the reader can do about it. */
  readonly hint?: string;
}
