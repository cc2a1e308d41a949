/** A text as a stream sends it. Splits on code points, so that no piece holds half a character. */
export function pieces(text: string): string[] {
  return text.match(/[\s\S]{1,400}/gu) ?? [];
}
