/** Reading JSON of others, of which nothing is known before. */

/** Undefined when the text is no JSON object. Pure. */
export function parseRecord(text: string): Record<string, unknown> | undefined {
  try {
    return record(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

/** A text, or the empty one: what a provider or a harness says is of any type. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
