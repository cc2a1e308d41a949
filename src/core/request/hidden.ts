import { blocksOf, COMPLETE_TAG, CONTAINERS, type Span } from "./markdown.ts";

/** Elements whose content no reader sees, whatever their attributes. `rp` is for browsers that don't know `ruby`. */
const UNSEEN_ELEMENTS = ["script", "style", "template", "rp"];
/** Elements without content. */
const VOID = ["img", "br", "hr", "input", "source", "wbr", "area", "col", "embed", "link", "meta", "track"];
/** Elements that end with their paragraph where they have no end tag; of every other the rest of the text is a part. */
const IN_PARAGRAPH = ["p", "span"];
/** The attributes whose values a reader can see, as the place a link or an image leads to. */
const SEEN_ATTRIBUTES = ["href", "src"];
const HIDING_STYLE = /display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0/i;

/**
 * What a reader of the rendered text can't see and a model would read: comments, hidden elements, attributes, unused link
 * and footnote definitions, titles of links, texts of images, invisible formulas, words after a code block's language.
 *
 * Ranges may overlap and come in no order. Linear in the text's length. Pure.
 */
export function hiddenSpans(text: string): Span[] {
  const { code, html, unseen } = blocksOf(text);
  // Of the same length, so that a place in it is a place in the text; nothing is found in code, and much around it.
  const open = masked(text, code);
  return [
    ...unseen,
    ...hiddenHtml(open, html),
    ...hiddenDefinitions(open, text),
    ...hiddenOfLinks(open, text),
    ...hiddenMath(open),
  ];
}

/** `text` without the ranges. Pure. */
export function without(text: string, spans: readonly Span[]): string {
  let out = "";
  let at = 0;
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    if (span.from > at) out += text.slice(at, span.from);
    at = Math.max(at, span.to);
  }
  return out + text.slice(at);
}

function masked(text: string, code: readonly Span[]): string {
  let out = "";
  let at = 0;
  for (const { from, to } of code.toSorted((a, b) => a.from - b.from)) {
    out += text.slice(at, from) + text.slice(from, to).replace(/[^\n]/g, "\uE000");
    at = to;
  }
  return out + text.slice(at);
}

function hiddenHtml(text: string, html: readonly Span[]): Span[] {
  const spans: Span[] = [];
  // Of ASCII alone: other letters change their length, and every place with it.
  const lower = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  const last = new Map<string, number>();
  // Where there is none left nothing is searched, so that a text of many beginnings isn't read once for each of them.
  const find = (mark: string, from: number): number => {
    if (!last.has(mark)) last.set(mark, lower.lastIndexOf(mark));
    return (last.get(mark) ?? -1) < from ? -1 : lower.indexOf(mark, from);
  };
  let block = 0;
  const isHtml = (at: number): boolean => {
    while ((html[block]?.to ?? Number.POSITIVE_INFINITY) <= at) block += 1;
    return (html[block]?.from ?? Number.POSITIVE_INFINITY) <= at;
  };
  const opening = /<(?:!--|!\[CDATA\[|\?|![a-z]|\/?[a-z]|[!/])/gi;
  for (let found = opening.exec(text); found !== null; found = opening.exec(text)) {
    const from = found.index;
    const inHtml = isHtml(from);
    const mark = DECLARATIONS[found[0].toUpperCase()] ?? (/^<![a-z]$/i.test(found[0]) || inHtml ? ">" : undefined);
    let to = from + found[0].length;
    if (/^<\/?[a-z]$/i.test(found[0])) {
      const tag = tagAt(text, from, inHtml);
      if (tag === undefined) continue;
      spans.push(...tag.hidden);
      to = tag.to;
      if (tag.isHiding) {
        to = endOfElement(text, tag.name, to, find);
        spans.push({ from, to });
      }
    } else if (mark !== undefined) {
      // `<!-->` is a whole comment.
      const end = find(mark, mark === "-->" ? from + 2 : to);
      if (end < 0 && mark !== "-->" && !inHtml) continue;
      to = end < 0 ? text.length : end + mark.length;
      spans.push({ from, to });
    }
    opening.lastIndex = to;
  }
  return spans;
}

const DECLARATIONS: Readonly<Record<string, string>> = { "<!--": "-->", "<![CDATA[": "]]>", "<?": "?>" };

type Tag = { readonly name: string; readonly to: number; readonly isHiding: boolean; readonly hidden: readonly Span[] };

const COMPLETE = new RegExp(COMPLETE_TAG, "iy");

/** A tag, as Markdown has it in a paragraph and as a browser has it in HTML: there, one without an end hides all the rest. */
function tagAt(text: string, from: number, inHtml: boolean): Tag | undefined {
  COMPLETE.lastIndex = from;
  if (!inHtml && !COMPLETE.test(text)) return undefined;
  const start = /<\/?([a-z][^\s/>]*)/iy;
  start.lastIndex = from;
  const name = (start.exec(text)?.[1] ?? "").toLowerCase();
  let at = start.lastIndex;
  const hidden: Span[] = [];
  let isHiding = UNSEEN_ELEMENTS.includes(name);
  const attribute = /[\s/]*([^\s/>][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?/y;
  attribute.lastIndex = at;
  for (let found = attribute.exec(text); found !== null; found = attribute.exec(text)) {
    const key = (found[1] ?? "").toLowerCase();
    const value = found[2] ?? found[3] ?? found[4];
    at = attribute.lastIndex;
    if (value !== undefined && SEEN_ATTRIBUTES.includes(key)) continue;
    hidden.push({ from: found.index, to: at });
    isHiding ||= key === "hidden" || (key === "style" && HIDING_STYLE.test(value ?? ""));
  }
  const space = /[\s/]*/y;
  space.lastIndex = at;
  space.exec(text);
  if (text[space.lastIndex] !== ">") {
    // Only a browser comes here: what Markdown takes for a tag has an end.
    return { name, to: text.length, isHiding: false, hidden: [{ from, to: text.length }] };
  }
  const isClosed = text.startsWith("</", from) || text.slice(at, space.lastIndex).includes("/") || VOID.includes(name);
  const to = space.lastIndex + 1;
  // In HTML a name goes on to the next space, and may hold any text: `<x<!--obey>`.
  if (!/^[a-z][a-z\d-]*$/.test(name)) hidden.push({ from, to });
  return { name, to, isHiding: isHiding && !isClosed, hidden };
}

function endOfElement(text: string, name: string, from: number, find: (mark: string, from: number) => number): number {
  if (find(`</${name}`, from) < 0) {
    const blank = /\n[ \t]*\n/g;
    blank.lastIndex = from;
    return IN_PARAGRAPH.includes(name) ? (blank.exec(text)?.index ?? text.length) : text.length;
  }
  let depth = 1;
  const tags = new RegExp(String.raw`<(/?)${name.replace(/[^a-z\d-]/g, String.raw`\$&`)}(?=[\s/>])[^>]*>`, "gi");
  tags.lastIndex = from;
  for (let found = tags.exec(text); found !== null; found = tags.exec(text)) {
    depth += found[1] === "/" ? -1 : 1;
    if (depth === 0) return tags.lastIndex;
  }
  return text.length;
}

const DESTINATION = String.raw`(?:<[^<>\n]*>|[^\s<]\S*)`;
const TITLE = String.raw`(?:"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|\((?:[^()\\]|\\[\s\S])*\))`;
const DEFINITION = new RegExp(
  String.raw`^(${CONTAINERS})\[(?!\^)((?:[^\\[\]]|\\[\s\S])+)\]:[ \t]*(?:\n${CONTAINERS})?${DESTINATION}((?:[ \t]+|[ \t]*\n[ \t>]*)${TITLE})?[ \t]*(?=\n|$)`,
  "gmd",
);
/** With the lines of its paragraph, and the indented ones after it. */
const FOOTNOTE = new RegExp(
  String.raw`^([ \t>]*)\[\^([^\]\s]+)\]:[^\n]*(?:\n(?![ \t]*(?:\n|$)|[ \t]*\[\^[^\]\s]+\]:)[^\n]+)*(?:(?:\n[ \t]*)+\n(?: {4}|\t)[^\n]*)*`,
  "gm",
);

function hiddenDefinitions(open: string, text: string): Span[] {
  const spans: Span[] = [];
  const uses = new Map<string, number>();
  for (const found of open.matchAll(LABEL)) {
    const label = fold(text.slice(found.index + 1, found.index + found[0].length - 1));
    uses.set(label, (uses.get(label) ?? 0) + 1);
  }
  const links = [...open.matchAll(DEFINITION)].map((found) => {
    const from = found.index + (found[1] ?? "").length;
    const label = fold(text.slice(from + 1, from + 1 + (found[2] ?? "").length));
    return { label, from, to: found.index + found[0].length, title: found.indices?.[3] };
  });
  const notes = [...open.matchAll(FOOTNOTE)].map((found) => ({
    label: fold(`^${found[2] ?? ""}`),
    from: found.index + (found[1] ?? "").length,
    to: found.index + found[0].length,
  }));
  const defined = Map.groupBy([...links, ...notes], ({ label }) => label);
  const isUsed = (label: string): boolean => (uses.get(label) ?? 0) > (defined.get(label)?.length ?? 0);
  for (const { label, from, to, title } of links) {
    if (!isUsed(label)) spans.push({ from, to });
    else if (title !== undefined) spans.push({ from: title[0], to: title[1] });
  }
  for (const { label, from, to } of notes) if (!isUsed(label)) spans.push({ from, to });
  return spans;
}

/** Escaped characters are read as well, so that no escaped bracket begins a label and each letter belongs to one. */
const LABEL = /\\[\s\S]|\[(?:[^\\[\]]|\\[\s\S])+\]/g;

function fold(label: string): string {
  return label.trim().replace(/\s+/g, " ").toLowerCase();
}

const LINK_TITLE = new RegExp(String.raw`\]\(\s*(?:<[^<>\n]*>|(?=\S)[^\s()<]*(?:\([^\s()]*\)[^\s()]*)*)(\s+${TITLE})\s*\)`, "gd");

/** Titles of links, and what an image is called, which is shown where it can't be. */
function hiddenOfLinks(open: string, text: string): Span[] {
  const spans = [...open.matchAll(LINK_TITLE)].flatMap(({ indices }) => {
    const title = indices?.[1];
    return title === undefined ? [] : [{ from: title[0], to: title[1] }];
  });
  const defined = new Set([...open.matchAll(DEFINITION)].map(([, , label]) => fold(label ?? "")));
  const starts: number[] = [];
  for (const { 0: sign, index } of open.matchAll(/\\[\s\S]|[[\]]/g)) {
    if (sign === "[") starts.push(index);
    const start = sign === "]" ? starts.pop() : undefined;
    if (start === undefined || open[start - 1] !== "!") continue;
    const label = text.slice(start + 1, index);
    if (/[([]/.test(open[index + 1] ?? "") || defined.has(fold(label))) spans.push({ from: start + 1, to: index });
  }
  return spans;
}

/** Formulas that take up room and show nothing, are drawn in a colour of their own, or only name something. */
function hiddenMath(open: string): Span[] {
  const spans: Span[] = [];
  const command = /\\(?:[hv]?phantom|textcolor|colorbox|fcolorbox|label|(?:re)?newcommand|def|color)(?![a-z])\s*/gi;
  const closes = closingBraces(open);
  for (let found = command.exec(open); found !== null; found = command.exec(open)) {
    let to = command.lastIndex;
    // What follows up to the first brace is the name that \def gives.
    if (/def/i.test(found[0])) to += /^\\[a-z]+/i.exec(open.slice(to, to + 100))?.[0].length ?? 0;
    for (let close = closes.get(to); close !== undefined; close = closes.get(to)) to = close + 1;
    // A colour that is switched on lasts as long as its formula.
    if (/color\s*$/i.test(found[0]) && !/text/i.test(found[0]))
      to += /^(?:[^$`\n]|\n(?![ \t]*\n))*/.exec(open.slice(to))?.[0].length ?? 0;
    spans.push({ from: found.index, to });
    command.lastIndex = Math.max(to, found.index + 1);
  }
  return spans;
}

function closingBraces(text: string): Map<number, number> {
  const closes = new Map<number, number>();
  const starts: number[] = [];
  for (const { 0: sign, index } of text.matchAll(/\\[{}]|[{}]/g)) {
    if (sign === "{") starts.push(index);
    const start = sign === "}" ? starts.pop() : undefined;
    if (start !== undefined) closes.set(start, index);
  }
  return closes;
}
