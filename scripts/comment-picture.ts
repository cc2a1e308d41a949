import { lexer, type Token, type Tokens } from "marked";

/**
 * A comment of the app's as a picture, drawn from its Markdown as GitHub would show it: an SVG without fonts, images or scripts of others.
 * Where a line breaks is reckoned from the usual widths of letters, since no browser is asked; what folds stays folded.
 */
export function drawComment(markdown: string): string {
  const page = new Page();
  drawBlocks(page, lexer(markdown), { x: INSET, width: WIDTH - 2 * INSET });
  const height = page.y + 12;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${String(WIDTH)}" height="${String(height)}" viewBox="0 0 ${String(WIDTH)} ${String(height)}" role="img">`,
    `<title>A comment by agent-pool</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="card" x="0.5" y="0.5" width="${String(WIDTH - 1)}" height="${String(height - 1)}" rx="6"/>`,
    `<path class="head" d="M.5 ${String(HEAD)}V6.5a6 6 0 0 1 6-6H${String(WIDTH - 6.5)}a6 6 0 0 1 6 6V${String(HEAD)}z"/>`,
    `<circle class="face" cx="26" cy="${String(HEAD / 2)}" r="11"/>`,
    `<text x="46" y="25"><tspan class="b">agent-pool[bot]</tspan><tspan class="mute" dx="6">commented</tspan></text>`,
    ...page.drawn,
    `</svg>\n`,
  ].join("\n");
}

const WIDTH = 820;
const INSET = 16;
const HEAD = 40;
const SIZE = 14;
const LINE = 21;
const STYLE = [
  `text{font:${String(SIZE)}px -apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328;white-space:pre}`,
  ".b{font-weight:600}.c{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12px;fill:#6639ba}.a{fill:#0969da}.mute{fill:#59636e}",
  ".card{fill:#fff;stroke:#d1d9e0}.head{fill:#f6f8fa;stroke:#d1d9e0}.face{fill:#1f6feb}.line{fill:none;stroke:#d1d9e0}.bar{fill:#d1d9e0}",
  "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.c{fill:#d2a8ff}.a{fill:#4493f8}.mute{fill:#9198a1}",
  ".card{fill:#0d1117;stroke:#3d444d}.head{fill:#151b23;stroke:#3d444d}.line{stroke:#3d444d}.bar{fill:#3d444d}}",
].join("");

type Place = { readonly x: number; readonly width: number; readonly quoted?: boolean };
/** Text of one look; `style`: classes of STYLE. */
type Run = { readonly text: string; readonly style: string };

class Page {
  y = HEAD + 10;
  readonly drawn: string[] = [];

  /** Wrapped words, the first line at the present height. */
  write(runs: readonly Run[], { x, width, quoted }: Place): void {
    for (const line of wrap(runs, width)) {
      this.y += LINE;
      this.drawn.push(
        `<text x="${String(x)}" y="${String(this.y - 6)}"${quoted === true ? ' class="mute"' : ""}>${line.map(span).join("")}</text>`,
      );
    }
  }
}

function drawBlocks(page: Page, tokens: readonly Token[], place: Place): void {
  let folded = false;
  for (const token of tokens) {
    if (token.type === "html") {
      const summary = /<summary>([^<]*)<\/summary>/.exec(token.raw)?.[1];
      if (summary !== undefined) page.write([{ text: `▸ ${plain(summary)}`, style: "" }], place);
      if (summary !== undefined) page.y += 8;
      folded = token.raw.includes("<details>") || (folded && !token.raw.includes("</details>"));
    } else if (!folded) drawBlock(page, token, place);
  }
}

function drawBlock(page: Page, token: Tokens.Generic, place: Place): void {
  const { x, width } = place;
  switch (token.type) {
    case "paragraph":
    case "text":
      page.write(runsOf(token.tokens ?? [token]), place);
      if (token.type === "paragraph") page.y += 8;
      return;
    case "list":
      for (const item of (token as Tokens.List).items) {
        page.drawn.push(`<text x="${String(x + 8)}" y="${String(page.y + LINE - 6)}">•</text>`);
        drawBlocks(page, item.tokens, { ...place, x: x + 24, width: width - 24 });
      }
      page.y += 8;
      return;
    case "blockquote": {
      const from = page.y;
      drawBlocks(page, token.tokens ?? [], { x: x + 16, width: width - 16, quoted: true });
      page.drawn.push(`<rect class="bar" x="${String(x)}" y="${String(from)}" width="3" height="${String(page.y - from - 6)}"/>`);
      return;
    }
    case "table":
      return drawTable(page, token as Tokens.Table, place);
    case "space":
      return;
    default:
      throw new Error(`a comment has ${token.type}, which no picture shows yet`);
  }
}

/** Columns as wide as they want to be, or less of those that can break, so that all fit. */
function drawTable(page: Page, { header, rows }: Tokens.Table, { x, width }: Place): void {
  const grid = [header, ...rows].map((cells, at) => cells.map((cell) => runsOf(cell.tokens, at === 0 ? "b" : "")));
  const PAD = 11;
  const wanted = header.map((_, at) => 2 * PAD + Math.ceil(Math.max(...grid.map((row) => widthOf(row[at] ?? []))) + 4));
  const over = Math.max(0, wanted.reduce((sum, each) => sum + each, 0) - width);
  const widest = wanted.indexOf(Math.max(...wanted));
  const widths = wanted.map((each, at) => (at === widest ? each - over : each));
  page.y += 2;
  for (const row of grid) {
    const top = page.y;
    let bottom = top;
    let left = x;
    for (const [at, cell] of row.entries()) {
      page.y = top + 5;
      page.write(cell, { x: left + PAD, width: (widths[at] ?? 0) - 2 * PAD });
      bottom = Math.max(bottom, page.y + 5, top + LINE + 10);
      left += widths[at] ?? 0;
    }
    left = x;
    for (const each of widths) {
      page.drawn.push(
        `<rect class="line" x="${String(left + 0.5)}" y="${String(top + 0.5)}" width="${String(each)}" height="${String(bottom - top)}"/>`,
      );
      left += each;
    }
    page.y = bottom;
  }
  page.y += 12;
}

function runsOf(tokens: readonly Token[], style = ""): Run[] {
  return (tokens as readonly Tokens.Generic[]).flatMap((token) => {
    switch (token.type) {
      case "strong":
        return runsOf(token.tokens ?? [], `${style} b`.trim());
      case "link":
        return runsOf(token.tokens ?? [], `${style} a`.trim());
      case "codespan":
        return [{ text: plain(String(token["text"]), false), style: `${style} c`.trim() }];
      case "br":
        return [{ text: "\n", style }];
      case "text":
      case "escape":
        return token.tokens === undefined ? [{ text: plain(String(token["text"])), style }] : runsOf(token.tokens, style);
      default:
        throw new Error(`a comment has ${token.type} in a line, which no picture shows yet`);
    }
  });
}

const ENTITIES: Readonly<Record<string, string>> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&" };

/** What is seen of a text: no entities, no letters that show nothing. */
function plain(text: string, hasEntities = true): string {
  const shown = text.replace(/\p{Cf}/gu, "");
  return hasEntities ? shown.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => ENTITIES[entity] ?? entity) : shown;
}

/** Lines no wider than that. A line break of Markdown's source is a space, as GitHub's comments have it but for two spaces before it. */
function wrap(runs: readonly Run[], width: number): Run[][] {
  const lines: Run[][] = [[]];
  let used = 0;
  for (const { text, style } of runs) {
    for (const word of text === "\n" ? ["\n"] : text.replaceAll("\n", " ").split(/(?<= )/)) {
      const wide = widthOf([{ text: word.trimEnd(), style }]);
      if (word === "\n" || (used > 0 && used + wide > width)) {
        lines.push([]);
        used = 0;
      }
      if (word === "\n" || (used === 0 && word === " ")) continue;
      const line = lines.at(-1) ?? [];
      const before = line.at(-1);
      if (before?.style === style) line.splice(-1, 1, { text: before.text + word, style });
      else line.push({ text: word, style });
      used += widthOf([{ text: word, style }]);
    }
  }
  return lines.filter((line, at) => line.length > 0 || at === 0);
}

/** A little more than browsers need, so that no line runs out of the card. */
function widthOf(runs: readonly Run[]): number {
  return runs.reduce((sum, { text, style }) => {
    const classes = style.split(" ");
    if (classes.includes("c")) return sum + text.length * 7.4;
    const ems = Array.from(text, (letter) => (/[ijlftr.,:;'|!()[\] `]/.test(letter) ? 0.34 : /[mwMW@%—]/.test(letter) ? 0.9 : /[A-Z0-9_$#]/.test(letter) ? 0.66 : 0.57)); // prettier-ignore
    return sum + ems.reduce((all, em) => all + em, 0) * SIZE * (classes.includes("b") ? 1.06 : 1);
  }, 0);
}

function span({ text, style }: Run): string {
  return style === "" ? escape(text) : `<tspan class="${style}">${escape(text)}</tspan>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
