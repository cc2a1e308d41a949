/** Text of others, made such that every store and wire takes it. */

/**
 * At most `max` UTF-16 units, never half of a surrogate pair: a lone half is not UTF-8, and Postgres refuses it in JSON.
 * Pure.
 */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = text.slice(0, max);
  return /[\uD800-\uDBFF]$/.test(end) ? end.slice(0, -1) : end;
}

/** The last `max` units, under the same rule. Pure. */
export function cutFront(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = text.slice(-max);
  return /^[\uDC00-\uDFFF]/.test(end) ? end.slice(1) : end;
}

/** Without NUL, which Postgres has in no text, and with each lone surrogate replaced. Pure. */
export function storable(text: string): string {
  return text.replaceAll("\u0000", "").toWellFormed();
}
