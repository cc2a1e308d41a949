import { timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Auth } from "#core/wire/contract.ts";

/**
 * What of a request's headers goes upstream beside the real key. Allow-lists: an organisation's proxy (Portkey, Helicone,
 * LiteLLM) takes orders in headers, some of which would send the key to another host (`x-portkey-custom-host`,
 * `helicone-target-url`).
 *
 * Source: what Claude Code 2.1.330 sent on 2026-11-25, with Haiku, Sonnet and Opus 5.5 and Sonnet 4.5, at each effort,
 * with sub-agents (`x-claude-code-agent-id`), deferred tools, images, retries and `--resume`. Of what it sent, `connection`, `host`,
 * `accept-encoding` and `content-length` are this hop's own. Check again whenever the pinned version in tools.ts is raised.
 */
const HEADERS = new Set([
  "accept", "content-type", "user-agent", "anthropic-version", "anthropic-dangerous-direct-browser-access", "x-app",
]); // prettier-ignore
const HEADER_FAMILIES = ["x-stainless-", "x-claude-code-"];

/**
 * The nine betas of those runs, and the one that `ENABLE_PROMPT_CACHING_1H` adds. Left out is `fallback-credit-2026-06-01`,
 * sent with the CLI's own summary of a full context: it is about a second model, which an attempt doesn't have. Others
 * would let the provider fetch, run or bill what isn't metered here (`mcp-client-*`, `code-execution-*`, `compact-*`,
 * `context-1m-*`, `fast-mode-*`).
 */
const BETAS = new Set([
  "claude-code-20250219", "interleaved-thinking-2025-05-14", "context-management-2025-06-27", "per-turn-control-2026-07-01",
  "mid-conversation-tool-changes-2026-07-01", "thinking-token-count-2026-05-13", "advanced-tool-use-2025-11-20",
  "effort-2025-11-24", "thinking-display-updates-2026-08-18", "extended-cache-ttl-2025-04-11",
]); // prettier-ignore

/** Says that the bearer's token is a subscription's. The CLI adds it to a seat's requests itself; nothing here does. */
const OAUTH_BETA = "oauth-2025-04-20";

export type KeyHeader = "x-api-key" | "authorization";

/** Pure. `header` is the one that the client used for its dummy. */
export function toUpstreamHeaders(
  from: IncomingHttpHeaders,
  header: KeyHeader,
  { key, auth }: { readonly key: string; readonly auth: Auth },
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(from)) {
    const known = HEADERS.has(name) || HEADER_FAMILIES.some((family) => name.startsWith(family));
    if (known && typeof value === "string") headers[name] = value;
  }
  const betas = String(from["anthropic-beta"] ?? "").split(",").map((it) => it.trim()).filter((it) => BETAS.has(it) || (auth === "oauth" && it === OAUTH_BETA)); // prettier-ignore
  if (betas.length > 0) headers["anthropic-beta"] = betas.join(",");
  headers["accept-encoding"] = "identity";
  headers[header] = header === "authorization" ? `Bearer ${key}` : key;
  return headers;
}

/**
 * Which header carries the dummy. SDK 1.12 sends an API key as `Authorization: Bearer`, Claude Code as `x-api-key`; a seat's
 * token is a bearer's with both.
 */
export function dummyHeader(
  headers: IncomingHttpHeaders,
  { dummy, auth }: { readonly dummy: string; readonly auth: Auth },
): KeyHeader | undefined {
  const key = headers["x-api-key"];
  if (auth === "api-key" && typeof key === "string" && same(key, dummy)) return "x-api-key";
  if (same(headers.authorization ?? "", `Bearer ${dummy}`)) return "authorization";
  return undefined;
}

function same(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
