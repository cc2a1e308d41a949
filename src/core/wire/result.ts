/**
 * Expected outcomes are values. A function that can fail in a way its caller must think about returns a
 * `Result`; a bug throws, and is caught only at the four seams (webhook, worker step, web route, action main).
 */
export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function err<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}

/** Closes an exhaustive `switch`: does not compile while a case is missing, throws if data broke its type. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
