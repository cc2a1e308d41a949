import { stripInvisible } from "../wire/text.ts";
import { redact } from "../wire/redact.ts";

/** Zero-width joiner: keeps a text readable and takes away what it would do. */
const ZWJ = "\u200D";

/**
 * The one function every text passes before it is published: secrets go, and what would act on a reader or on GitHub
 * loses its effect. Model text, issue text and error messages of others are all hostile here. What can be shown well is
 * rewritten; whatever syntax is left over is then broken at its joints, so that nothing rests on parsing Markdown right.
 *
 * Links to GitHub itself stay links, but for pages that ask for rights; every other address becomes text that can be read
 * and not clicked.
 */
export function publishable(text: string): string {
  // What shows nothing splits a secret or turns a sentence round.
  let out = redact(stripInvisible(text.replace(/\r\n?/g, "\n")));
  out = out.replace(/<!--[\s\S]*?(?:-->|$)/g, "");
  // Images fetch from wherever they point as soon as the page is opened: the way a prompt injection sends data out.
  out = out.replace(/!\[([^[\]]*)\](?:\([^()]*\)|\[[^[\]]*\])/g, "$1");
  out = out.replace(/\[([^[\]]*)\]\(\s*<?([^()\s>]+)(?![^()\s>])[^()]*\)/g, (whole, label: string, target: string) =>
    isOwnLink(whole.slice(label.length + 1)) ? whole : `${label} (${target})`,
  );
  // Once more: what stood between two halves of a secret is gone by now.
  out = redact(out);
  out = out.replace(/!(?=\[)/g, `!${ZWJ}`);
  out = out.replace(/\](?=\()/g, (bracket, at: number) => (isOwnLink(out.slice(at)) ? bracket : `]${ZWJ}`));
  // Definitions of reference links, wherever they stand; without one, `[a][b]` is text.
  out = out.replace(/\](?=:)/g, `]${ZWJ}`);
  out = out.replace(/<(?=[a-z/!?])/gi, "&lt;");
  // A character written as a reference is the character once GitHub has rendered it.
  out = out.replace(/&(?!(?:lt|gt|amp|quot);)(?=#?\w+;)/gi, "&amp;");
  out = out.replace(DRAWN, "$1text").replace(FORMULA, `\\${ZWJ}`);
  out = asCode(out).replace(MENTIONED_PAGE, "https://redirect.github.com/");
  // A mention, a command, a reference or a closing keyword needs its characters side by side.
  out = out.replace(/(?<![A-Za-z0-9])@(?=[\w-])/g, `@${ZWJ}`);
  out = out.replace(/^([ \t]*)\/(?=[a-z])/gim, `$1/${ZWJ}`);
  out = out.replace(/(?<=\/[\w.-]{1,100})#(?=\d)/g, `#${ZWJ}`);
  return out.replace(CLOSING, `$1${ZWJ}$2`);
}

/**
 * GitHub's closing keywords before an issue, however it is named. What stands between is read once: a lookahead is not
 * entered again. Source: docs.github.com, "Linking a pull request to an issue".
 */
const CLOSING =
  /(?<![A-Za-z0-9])([cfr])((?:lose[sd]?|ix(?:e[sd])?|esolve[sd]?)(?=(?=((?:[\s:*_~`"'([\]\\-]|\u200D)+))\3(?:(?:[\w.-]{1,100}\/[\w.-]{1,100})?#\u200D?\d|GH-\d|https?:\/\/\S{1,300}?\/\d)))/gi;

/** Languages of code blocks that GitHub draws, with links and requests of their own. Source: docs.github.com, "Creating diagrams". */
const DRAWN = /((?<!`)`{3,}[ \t]*|(?<!~)~{3,}[ \t]*)(?:mermaid|geojson|topojson|stl|math)(?![\w-])/gi;

/** What makes a part of a formula a link, or gives it a look or a name of its own. */
const FORMULA = /\\(?=(?:href|url|require|style|class|cssId)(?![a-z]))/gi;

/**
 * A page that says on its timeline who named it. GitHub's own redirecting host leads there without; Dependabot and Renovate
 * write it for the same reason.
 */
const MENTIONED_PAGE = /https:\/\/github\.com\/(?=[\w.-]{1,100}\/[\w.-]{1,100}\/(?:issues|pull|pulls|discussions)\/\d)/gi;

const OWN = String.raw`https:\/\/(?:redirect\.)?github\.com\/`;

/**
 * Paths of GitHub that are no place to be led to: where rights are given away, and whatever may be one of them in another
 * spelling (`..`, `%6Cogin`, two slashes).
 */
const ASKING = String.raw`(?=\/|(?:login|logout|session|sessions|settings|apps|github-apps|marketplace|account|join|new|organizations)(?![\w.-])|[\w.-]{1,100}\/[\w.-]{1,100}\/settings(?![\w.-])|(?:orgs|enterprises)\/[\w.-]{1,100}\/settings(?![\w.-])|[^\s<\x60|?#]{0,2000}?(?:%|(?<=\/)\.{1,2}(?![\w.-])|\/installations(?![\w.-]))|[^\s<\x60|]{2000})`;

const OWN_LINK = new RegExp(String.raw`^(?:${OWN}|\/(?!\/)|(?:\.{1,2}\/)+)(?!${ASKING})`, "i");

/** A text that begins with `](…)` to GitHub, a heading or a path, in characters no two parsers read differently. */
function isOwnLink(link: string): boolean {
  const target = /^\]\(([\w./#?=%+~:@,-]+)(?:[ \t]+"[^"\\]*")?\)/.exec(link)?.[1];
  return target !== undefined && (target.startsWith("#") || OWN_LINK.test(target));
}

/**
 * Bare addresses that GitHub would make links of, as code. The run of backticks is longer than any in the text, so that
 * it pairs with its own other end and no stray backtick can open it; a joiner keeps it from growing or being escaped.
 */
function asCode(text: string): string {
  const longest = (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
  const mark = "`".repeat(longest + 1);
  return text.replace(ADDRESS, (found: string, own: string | undefined, at: number) => {
    if (own !== undefined) return found;
    const end = /[\].,;:!?'"*_~)>]*$/.exec(found)?.[0] ?? "";
    const address = found.slice(0, found.length - end.length);
    const before = /[`\\]/.test(text[at - 1] ?? "") ? ZWJ : "";
    const after = end === "" && text[at + found.length] === "`" ? ZWJ : "";
    return `${before}${mark}${address}${mark}${after}${end}`;
  });
}

/** GitHub's own is passed over up to its path alone: another address may stand right behind. After `](` only such are left. */
const ADDRESS = new RegExp(
  String.raw`(?<![A-Za-z])(?:((?<=\]\()${OWN}|${OWN}(?!${ASKING}))|(?:(?:https?|ftp)://|www\.)[^\s<\x60|]+)`,
  "gi",
);

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

/**
 * Again until nothing changes: taking a word away can put another one together. A text that goes on is left to what breaks
 * such words, which takes nothing away.
 */
function withoutEffect(text: string): string {
  let after = stripInvisible(text.replace(/\r\n?/g, "\n")).replace(/<!--[\s\S]*?(?:-->|$)/g, "");
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const before = after;
    after = before.replace(SKIP_WORDS, "").replace(TRAILERS, "");
    if (after === before) return after;
  }
  return after;
}

const MAX_PASSES = 5;

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
