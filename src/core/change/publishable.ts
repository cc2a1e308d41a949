import { stripInvisible } from "../task/brief.ts";
import { redact } from "../wire/redact.ts";

/** Zero-width joiner: keeps a text readable and takes away what it would do. */
const ZWJ = "\u200D";

/**
 * The one function every text passes before it is published: secrets go, and what would act on a reader or on GitHub
 * loses its effect. Model text, issue text and error messages of others are all hostile here. What can be shown well is
 * rewritten; whatever syntax is left over is then broken at its joints, so that nothing rests on parsing Markdown right.
 *
 * `host`: links to it stay links (GitHub itself); every other address becomes text that can be read and not clicked.
 */
export function publishable(text: string, host = "github.com"): string {
  // What shows nothing splits a secret or turns a sentence round.
  let out = redact(stripInvisible(text.replace(/\r\n?/g, "\n")));
  out = out.replace(/<!--[\s\S]*?(?:-->|$)/g, "");
  // Images fetch from wherever they point as soon as the page is opened: the way a prompt injection sends data out.
  out = out.replace(/!\[([^[\]]*)\](?:\([^()]*\)|\[[^[\]]*\])/g, "$1");
  out = out.replace(/\[([^[\]]*)\]\(\s*<?([^()\s>]+)[^()]*\)/g, (whole, label: string, target: string) =>
    isOwnLink(whole.slice(label.length + 1), host) ? whole : `${label} (${target})`,
  );
  // Once more: what stood between two halves of a secret is gone by now.
  out = redact(out);
  out = out.replace(/!(?=\[)/g, `!${ZWJ}`);
  out = out.replace(/\](?=\()/g, (bracket, at: number) => (isOwnLink(out.slice(at), host) ? bracket : `]${ZWJ}`));
  // Definitions of reference links, wherever they stand; without one, `[a][b]` is text.
  out = out.replace(/\](?=:)/g, `]${ZWJ}`);
  out = out.replace(/<(?=[a-z/!?])/gi, "&lt;");
  // A character written as a reference is the character once GitHub has rendered it.
  out = out.replace(/&(?!(?:lt|gt|amp|quot);)(?=#?\w+;)/gi, "&amp;");
  out = asCode(out, host);
  // A mention, a command or a closing keyword needs its characters side by side.
  out = out.replace(/(?<![A-Za-z0-9])@(?=[\w-])/g, `@${ZWJ}`);
  out = out.replace(/^([ \t]*)\/(?=[a-z])/gim, `$1/${ZWJ}`);
  return out.replace(CLOSING, `$1${ZWJ}$2`);
}

/** GitHub's closing keywords before an issue, however it is named. Source: docs.github.com, "Linking a pull request to an issue". */
const CLOSING =
  /(?<![A-Za-z0-9])([cfr])((?:lose[sd]?|ix(?:e[sd])?|esolve[sd]?)(?=[\s:*_~`"'([\]-]{1,10}(?:(?:[\w.-]+\/[\w.-]+)?#\d|GH-\d|https?:\/\/\S+\/\d)))/gi;

/** A text that begins with `](…)` to `host`, a heading or a path of it, in characters no two parsers read differently. */
function isOwnLink(link: string, host: string): boolean {
  const target = /^\]\(([\w./#?=%+~:@,-]+)(?:[ \t]+"[^"\\]*")?\)/.exec(link)?.[1];
  return target !== undefined && (target.startsWith(`https://${host}/`) || /^(?:#|\/(?!\/)|\.{1,2}\/)/.test(target));
}

/**
 * Bare addresses that GitHub would make links of, as code. The run of backticks is longer than any in the text, so that
 * it pairs with its own other end and no stray backtick can open it; a joiner keeps it from growing or being escaped.
 */
function asCode(text: string, host: string): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const mark = "`".repeat(longest + 1);
  const own = `https://${host}/`;
  // Our own host's address is passed over up to its path alone: another address may stand right behind.
  const addresses = new RegExp(
    String.raw`(?<![A-Za-z])(?:${own.replaceAll(".", String.raw`\.`)}|(?:(?:https?|ftp)://|www\.)[^\s<\x60|]+)`,
    "gi",
  );
  return text.replace(addresses, (found, at: number) => {
    if (found.toLowerCase() === own) return found;
    const end = /[\].,;:!?'"*_~)>]*$/.exec(found)?.[0] ?? "";
    const address = found.slice(0, found.length - end.length);
    const before = /[`\\]/.test(text[at - 1] ?? "") ? ZWJ : "";
    const after = end === "" && text[at + found.length] === "`" ? ZWJ : "";
    return `${before}${mark}${address}${mark}${after}${end}`;
  });
}

/** Words by which a commit message switches CI off; our own decision about CI must be the only one. */
const SKIP_WORDS =
  /\[\s*(?:(?:skip|no)[\s_-]*(?:ci|actions|checks)|(?:ci|actions|checks)[\s_-]*skip)\s*\]|\*{3}\s*no_ci\s*\*{3}|^[ \t]*skip-checks\s*:.*$/gim;
const TRAILERS = /^[ \t]*(?:[a-z]+(?:-[a-z]+)*-by|skip-checks)\s*:.*$/gim;

/** Foreign text inside a commit message: publishable, and without skip words and trailers that claim authorship. */
export function commitText(text: string): string {
  // A second time after it, but broken and not taken away: what was written there is of one piece.
  return publishable(withoutEffect(text))
    .replace(SKIP_WORDS, (word) => `${word.slice(0, 1)}${ZWJ}${word.slice(1)}`)
    .replace(TRAILERS, (line) => `${line.slice(0, 1)}${ZWJ}${line.slice(1)}`)
    .trim();
}

/** Again until nothing changes: taking a word away can put another one together. */
function withoutEffect(text: string): string {
  let before: string;
  let after = stripInvisible(text.replace(/\r\n?/g, "\n")).replace(/<!--[\s\S]*?(?:-->|$)/g, "");
  do {
    before = after;
    after = before.replace(SKIP_WORDS, "").replace(TRAILERS, "");
  } while (after !== before);
  return after;
}

/** Foreign text on one line, for a title: publishable, at most `max` characters. */
export function oneLine(text: string, max = 120): string {
  const line = withoutEffect(redact(withoutEffect(text)).replace(/\s+/g, " ")).trim();
  // Cut before it is made publishable: a cut through what that wrote would open it again.
  for (let keep = max; keep > 0; keep -= 8) {
    const cut = line.length > keep ? `${line.slice(0, keep - 1).replace(/[\uD800-\uDBFF]$/, "")}…` : line;
    const out = commitText(cut);
    if (out.length <= max) return out;
  }
  return "";
}
