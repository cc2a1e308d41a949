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

/** Takes out every character that shows nothing: joiners, bidirectional marks, fillers, tags, controls. */
export function stripInvisible(text: string): string {
  return (
    text
      // Variation selectors and the tag block are among them, which can carry a whole hidden sentence.
      .replace(/[\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]/gu, "")
      // eslint-disable-next-line no-control-regex -- control characters are what is removed here
      .replace(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, "")
  );
}
