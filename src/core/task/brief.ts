import type { ActorId, InstallationId, OwnerId, RepositoryId } from "../wire/ids.ts";

/**
 * The request as it stood when it was made: title and body out of the webhook's own payload, cleaned, never read
 * again from GitHub. What remains is still hostile data; it is only data a reader of the issue could see.
 */
export type Brief = {
  readonly installation: InstallationId;
  readonly owner: { readonly id: OwnerId; readonly login: string };
  readonly repository: {
    readonly id: RepositoryId;
    readonly name: string;
    readonly private: boolean;
  };
  readonly issue: {
    readonly number: number;
    readonly title: string;
    readonly body: string;
    readonly labels: readonly string[];
  };
  /** Who wrote the issue: its text is theirs, whoever asked for the work. */
  readonly author: { readonly id: ActorId; readonly login: string };
  /** The event's `sender`: who asked. */
  readonly requester: Requester;
  /** The comment that asked, when it was a comment and not a label. */
  readonly comment: string | null;
};

export type Requester = { readonly id: ActorId; readonly login: string };

/** The largest body kept, in characters. GitHub's own limit for an issue is 65,536. */
const MAX_BODY = 65_536;

/**
 * Removes what a reader of the rendered issue can't see but a model would read: HTML comments, elements with hidden
 * attributes, zero-width, bidirectional and tag characters, and control characters. Source: the instruction-smuggling
 * incidents of 2026 (issue text hidden in comments and invisible Unicode, later obeyed by an agent).
 */
export function cleanText(text: string): string {
  let after = stripInvisible(text.slice(0, MAX_BODY).replace(/\r\n?/g, "\n"));
  // Again until nothing changes, so that removal can't assemble what it removes; a text that goes on changing is an
  // attack, and without `<` nothing in it is hidden any more.
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const before = after;
    after = stripTags(before.replace(/<!--[\s\S]*?(?:-->|$)/g, "").replace(HIDDEN_ELEMENTS, ""));
    if (after === before) return after;
  }
  return after.replaceAll("<", "");
}

const MAX_PASSES = 10;

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

const HIDDEN_ELEMENTS = /<(script|style|template)\b[\s\S]*?(?:<\/\1\s*>|$)/gi;

/** Attributes that carry text nobody sees, or make an element so. */
const HIDING = /[\s/"'](?:hidden|style|alt|title|aria-[a-z]+)(?![\w-])/i;
const HIDDEN =
  /[\s/"'](?:hidden(?![\w-])|style\s*=[^>]*(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0))/i;

/** The longest tag looked at: bounds the work on a text made of `<` alone. */
const MAX_TAG = 4_000;

/** Tags with hiding attributes go; an element that is hidden itself goes with its content, to its end or its block's. */
function stripTags(text: string): string {
  let out = "";
  let at = 0;
  for (const open of text.matchAll(/<([a-z][a-z\d-]*)(?=[\s/])/gi)) {
    if (open.index < at) continue;
    const rest = text.slice(open.index, open.index + MAX_TAG);
    // A quoted value may hold `>`. What has no end within the bound is a tag to its first `>`.
    const tag = (/^<(?:"[^"]*"|'[^']*'|[^'">])*>/.exec(rest) ?? /^<[^>]*>/.exec(rest))?.[0];
    if (tag === undefined || !HIDING.test(tag)) continue;
    out += text.slice(at, open.index);
    at = open.index + tag.length;
    if (HIDDEN.test(tag) && !VOID.test(tag)) {
      const end = new RegExp(String.raw`</${open[1] ?? ""}\s*>|\n[ \t]*\n`, "gi");
      end.lastIndex = at;
      const found = end.exec(text);
      at = found === null ? text.length : found.index + (found[0].startsWith("<") ? found[0].length : 0);
    }
  }
  return out + text.slice(at);
}

const VOID = /^<(?:img|br|hr|input|source|wbr|area|col|embed|link|meta|track)\b|\/>$/i;
