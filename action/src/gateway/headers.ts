import { timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Auth } from "#core/wire/contract.ts";
import type { Shown } from "./credential.ts";
import type { HeaderRules } from "./wires/wire.ts";

export type KeyHeader = "x-api-key" | "authorization";

/** Pure. `header` is the one that the client used for its dummy. */
export function toUpstreamHeaders(
  from: IncomingHttpHeaders,
  header: KeyHeader,
  { rules, auth, ...shown }: Shown & { readonly rules: HeaderRules; readonly auth: Auth },
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(from)) {
    const known = rules.names.has(name) || rules.families.some((family) => name.startsWith(family));
    if (known && typeof value === "string") headers[name] = value;
  }
  Object.assign(headers, rules.checked(from, auth));
  headers["accept-encoding"] = "identity";
  // An API key goes as the client sent its dummy; a token is a bearer's.
  if (auth === "api-key" && header === "x-api-key") headers[header] = shown.key;
  else headers["authorization"] = `Bearer ${shown.key}`;
  Object.assign(headers, shown.headers);
  return headers;
}

/**
 * Which header carries the dummy. SDK 1.12 sends an API key as `Authorization: Bearer`, as all OpenAI's clients do, Claude Code
 * as `x-api-key`; a seat's token is a bearer's with each.
 */
export function dummyHeader(
  headers: IncomingHttpHeaders,
  { dummy, auth }: { readonly dummy: string; readonly auth: Auth },
): KeyHeader | undefined {
  const key = headers["x-api-key"];
  if (auth !== "oauth" && typeof key === "string" && same(key, dummy)) return "x-api-key";
  if (same(headers.authorization ?? "", `Bearer ${dummy}`)) return "authorization";
  return undefined;
}

function same(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
