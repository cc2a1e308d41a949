import { redact } from "../wire/redact.ts";
import { cut, stripInvisible } from "../wire/text.ts";

/**
 * A command of the repository's own settings as one line of inline code, at most `max` characters, to be read and copied as
 * it is: `publishable` would put joiners into it. Secrets go, and backticks, which would end the span. Pure.
 */
export function inlineCode(text: string, max = 200): string {
  const line = redact(stripInvisible(text)).replace(/\s+/g, " ").replaceAll("`", "'").trim();
  return `\`${line.length > max ? `${cut(line, max - 1)}…` : line || "…"}\``;
}
