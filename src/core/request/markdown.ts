/** A range of a text, `to` not included. */
export type Span = { readonly from: number; readonly to: number };

/**
 * `code` is shown to a reader letter by letter; in `html` the browser's rules hold and not Markdown's; `unseen` are the
 * words after a code block's language, which nobody is shown.
 */
export type Blocks = { readonly code: readonly Span[]; readonly html: readonly Span[]; readonly unseen: readonly Span[] };

/** What may stand before a block on its line: quotation marks, list marks, the name of a footnote. */
export const CONTAINERS = String.raw`(?:[ \t]*(?:>|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t])|\[\^[^\]\s]+\]:))*[ \t]*`;

/** A complete tag by CommonMark's grammar, the only kind that is one inside a paragraph. */
const ATTRIBUTE = String.raw`\s+[a-z_:][\w.:-]*(?:\s*=\s*(?:[^\s"'=<>\x60]+|'[^']*'|"[^"]*"))?`;
export const COMPLETE_TAG = String.raw`<(?:[a-z][a-z\d-]*(?:${ATTRIBUTE})*\s*\/?|\/[a-z][a-z\d-]*\s*)>`;

/** How an HTML block starts and ends; without an end it ends at a blank line. Source: CommonMark 0.31, "HTML blocks". */
const HTML_BLOCKS: readonly (readonly [start: RegExp, end: RegExp])[] = [
  [/^<(?:script|pre|style|textarea)(?=[\s>]|$)/i, /<\/(?:script|pre|style|textarea)>/i],
  [/^<!--/, /-->/],
  [/^<\?/, /\?>/],
  [/^<!\[CDATA\[/, /\]\]>/],
  [/^<![a-z]/i, />/],
  [
    /^<\/?(?:address|article|aside|base(?:font)?|blockquote|body|caption|center|col(?:group)?|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame(?:set)?|h[1-6]|head(?:er)?|hr|html|iframe|legend|li|link|main|menu(?:item)?|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th(?:ead)?|title|tr(?:ack)?|ul)(?=[\s/>]|$)/i,
    /^[ \t]*$/,
  ],
  [new RegExp(String.raw`^${COMPLETE_TAG}[ \t]*$`, "i"), /^[ \t]*$/],
];

const CONTAINER = new RegExp(`^${CONTAINERS}`);
const FENCE = /^( *|> ?)(`{3,}|~{3,})([^\n]*)$/;
const LIST_ITEM = /^ {0,3}(?:[-*+]|\d{1,9}[.)]) {1,4}(?=\S)/;

type Line = Span & { readonly text: string };

/**
 * Finds the blocks of a text as GitHub does. What is called code here is code for certain: where containers, unbalanced
 * marks or HTML leave a doubt, nothing is, because what is taken for code is not searched for what is hidden.
 *
 * Linear in the text's length. Pure.
 */
export function blocksOf(text: string): Blocks {
  const lines = linesOf(text);
  const code: Span[] = [];
  const html: Span[] = [];
  const unseen: Span[] = [];
  let ending: RegExp | undefined;
  // After a fence that can't be read with certainty, the next one may open a block or close one.
  let certain = true;
  let paragraph: Line[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at];
    if (line === undefined) break;
    const inner = line.text.replace(CONTAINER, "");
    const fence = fenceOf(inner);
    if (fence !== undefined) unseen.push({ from: line.to - line.text.length + unseenFrom(line.text), to: line.to });
    if (ending === undefined) ending = HTML_BLOCKS.find(([start]) => start.test(inner))?.[1];
    const isHtml = ending !== undefined;
    if (isHtml) html.push({ from: line.from, to: Math.min(line.to + 1, text.length) });
    if (ending?.test(line.text) === true) ending = undefined;
    const close = certain && !isHtml && fence !== undefined ? closeOf(lines, at) : undefined;
    if (fence !== undefined && close === undefined) certain = false;
    const end = close === undefined ? undefined : lines[close];
    if (isHtml || fence !== undefined || line.text.trim() === "") {
      code.push(...spansOf(paragraph));
      paragraph = [];
    } else if (certain) paragraph.push(line);
    if (close === undefined || end === undefined) continue;
    // A block of `math` is rendered, and a formula can hide words.
    if (!/^[`~]+\s*math\b/i.test(inner)) code.push({ from: line.to, to: end.to });
    at = close;
  }
  return { code: [...code, ...spansOf(paragraph)], html, unseen };
}

function linesOf(text: string): Line[] {
  let from = 0;
  return text.split("\n").map((line) => {
    const span = { from, to: from + line.length, text: line };
    from = span.to + 1;
    return span;
  });
}

/** The marks that open a code block: no backtick may follow a run of backticks. */
function fenceOf(line: string): string | undefined {
  return /^(?:(`{3,})[^`]*$|(~{3,}))/
    .exec(line)
    ?.slice(1)
    .find((mark) => mark !== undefined);
}

/** Where the part of an opening line begins that says nothing to a reader: all but a short language's name. */
function unseenFrom(line: string): number {
  return /^.*?(?:`{3,}|~{3,})[ \t]*\S{0,20}/u.exec(line)?.[0].length ?? line.length;
}

/** The line that closes the block opened at `at`, where every reading of the lines between leads to the same one. */
function closeOf(lines: readonly Line[], at: number): number | undefined {
  const opening = FENCE.exec(lines[at]?.text ?? "");
  const [, prefix = "", mark = ""] = opening ?? [];
  if (opening === null) return undefined;
  const quoted = prefix.startsWith(">");
  const indent = quoted ? 0 : prefix.length;
  const before = lines[at - 1]?.text ?? "";
  const item = LIST_ITEM.exec(before)?.[0].length ?? Number.NaN;
  // Further in than three spaces it may be a paragraph's next line.
  if (indent > 3 && before.trim() !== "" && !(indent >= item && indent <= item + 3)) return undefined;
  const closing = new RegExp(`^( *)${mark}${mark.slice(0, 1)}*[ \\t]*$`);
  for (let next = at + 1; next < lines.length; next += 1) {
    const line = lines[next]?.text ?? "";
    if (quoted && !line.startsWith(">")) return undefined;
    const inner = quoted ? line.replace(/^> ?/, "") : line;
    if (indent > 0 && inner.trim() !== "" && !inner.startsWith(" ".repeat(indent))) return undefined;
    const closes = closing.exec(inner)?.[1]?.length;
    if (closes === undefined) continue;
    if (indent > 0) return closes === indent ? next : undefined;
    if (closes <= 3) return next;
  }
  return undefined;
}

/** The code spans of a paragraph: all of them, when each begins and ends on its own line, otherwise none. */
function spansOf(paragraph: readonly Line[]): Span[] {
  const spans: Span[] = [];
  for (const line of paragraph) {
    const found = spansOfLine(line);
    if (found === undefined) return [];
    spans.push(...found);
  }
  return spans;
}

/** What may stand between code spans and holds no backtick: a tag, a comment, a link's target, any other character. */
const BETWEEN =
  /<\/?[a-z](?:[^"'`<>]|"[^"`<>]*"|'[^'`<>]*')*>|<!--[^`<>]*-->|\]\([^`()<>]*\)|<(?![a-z/!?])|\](?!\()|\\(?!`)|[^`<$\]\\]/iy;

function spansOfLine({ text, from }: Line): Span[] | undefined {
  if (!text.includes("`")) return [];
  const lengths = new Map<number, number>();
  const closes = new Map<number, number>();
  const nextOfLength = new Map<number, number>();
  for (const { index, 0: run } of [...text.matchAll(/`+/g)].toReversed()) {
    lengths.set(index, run.length);
    const close = nextOfLength.get(run.length);
    if (close !== undefined) closes.set(index, close);
    nextOfLength.set(run.length, index);
  }
  const spans: Span[] = [];
  let at = 0;
  let end = 0;
  while (at < text.length) {
    if (text[at] !== "`") {
      BETWEEN.lastIndex = at;
      const found = BETWEEN.exec(text)?.[0];
      if (found === undefined) return undefined;
      at += found.length;
      continue;
    }
    const close = closes.get(at);
    // A bar divides a table's cells before anything else is read, and an address takes a backtick for its own.
    if (close === undefined || text.slice(at, close).includes("|") || isAddress(text.slice(end, at))) return undefined;
    end = close + (lengths.get(close) ?? 1);
    spans.push({ from: from + at, to: from + end });
    at = end;
  }
  return spans;
}

/** Whether a text ends in what GitHub makes a link of. */
function isAddress(text: string): boolean {
  const word = text.slice(Math.max(text.lastIndexOf(" "), text.lastIndexOf("\t")) + 1);
  return /:\/\/|www\.|@|mailto:|xmpp:/i.test(word);
}
