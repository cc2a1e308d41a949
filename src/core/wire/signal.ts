import { parseRecord, record, textOf } from "./json.ts";
import { type Headers, parseHttpDate, parseInstant, type Rejection, spanTo, toNumber } from "./limits.ts";
import { MAX_SPAN_MS, type Signal, type WindowReading } from "./observation.ts";
import { cut } from "./text.ts";
import { SECOND_MS } from "./units.ts";

/**
 * What a failed answer means. Two mistakes cost most: to take what is used up for revoked, which a person must then undo, and
 * what is revoked or used up for a moment's haste, which is then tried again and again. So: an overload is never the
 * credential's fault, whatever its headers say; what says that it is used up is so under any status; only then do 401 and
 * 403 count. `x-should-retry` is not read: it says true on a quota that comes back in days.
 *
 * Sources: docs "Errors" and "Rate limits"; recorded answers in better-ccflare, CLIProxyAPI, teamclaude (2026-11-23);
 * pmatos/jsse#535 (a "bad token" that was used up).
 */
export type Failed = {
  readonly status: number;
  readonly header: Headers;
  readonly body: string;
  /** By the provider's clock where it told. */
  readonly now: number;
  /** What the headers of a seat refuse. */
  readonly rejection: Rejection | null;
  /** What else the headers say. */
  readonly readings: readonly WindowReading[];
};

const OVERLOADED: ReadonlySet<string> = new Set(["overloaded_error", "server_is_overloaded"]);
const USED_UP: ReadonlySet<string> = new Set([
  "usage_limit_reached", "insufficient_quota", "enforced_spend_limit_reached", "organization_spend_limit_exceeded",
  "project_spend_limit_exceeded", "organization_usage_limit_exceeded",
]); // prettier-ignore
const UNPAID: ReadonlySet<string> = new Set([
  "billing_error", "credit_balance_exhausted", "billing_not_active", "billing_hard_limit_reached", "insufficient_credits",
]); // prettier-ignore

/** How a message begins, not what it holds: further on, one may quote the call, which the sandbox wrote. */
const SPEND_LIMIT = /^you have reached your (?:specified )?(?:workspace )?api usage limits/i;
const NO_CREDIT = /^your credit balance is too low/i;
const DISABLED = /^this organization has been disabled/i;
/** A refused key's message never quotes a call: it was not read. */
const SAYS_USED_UP = /exhausted|usage limit|quota|limit reached|rate limit|too many requests/i;
const NO_MODEL = /\bmodel\b.*\b(?:access|permission|available)|(?:access|permission) to (?:use )?(?:the |this )?model/i;
const SAYS_UNPAID = /credit balance|out of credits|insufficient (?:credits?|balance|funds)/i;

/** Total: any status, headers and body give a signal. Pure. */
export function readSignal(failed: Failed): Signal {
  const { status } = failed;
  const said = readError(failed.body);
  const is = (words: ReadonlySet<string>): boolean => said.words.some((word) => words.has(word));
  if (status === 529 || status === 503 || is(OVERLOADED)) return { kind: "overload" };
  if (status >= 500) return { kind: "unknown" };
  if (failed.rejection !== null) return toQuota(failed, failed.rejection);
  // A workspace whose credits are gone answers as one that waits for its window.
  if (header(failed, "x-codex-rate-limit-reached-type").endsWith("credits_depleted")) return { kind: "billing" };
  if (is(USED_UP) || SPEND_LIMIT.test(said.message)) return usedUp(failed, said);
  if (status === 402 || is(UNPAID) || NO_CREDIT.test(said.message)) return { kind: "billing" };
  if (status === 429 || said.words.includes("rate_limit_error")) return { kind: "throttle", retryAfterMs: retryAfter(failed) };
  if (status === 401 || status === 403) return readRefusedKey(failed, said);
  if (DISABLED.test(said.message) || said.words.includes("organization_on_hold")) return { kind: "auth" };
  return { kind: "unknown" };
}

function readRefusedKey(failed: Failed, said: Said): Signal {
  if (SAYS_UNPAID.test(said.message)) return { kind: "billing" };
  if (SAYS_USED_UP.test(said.message)) return usedUp(failed, said);
  // Of one model that the key may not use: refused for it, the key would be lost to all.
  if (failed.status === 403 && NO_MODEL.test(said.message)) return { kind: "unknown" };
  // A page of something on the way (a proxy, a firewall) is not the provider's word on the key.
  return failed.status === 403 && !said.isError ? { kind: "unknown" } : { kind: "auth" };
}

function toQuota(failed: Failed, { window, model, resetsInMs }: Rejection): Signal {
  return { kind: "quota", window: window ?? "unknown", scope: model, resetsInMs: resetsInMs ?? retryAfter(failed) };
}

/** Used up by the body's word. Codex's headers tell which window: the one that is full, of two the one that is so longer. */
function usedUp(failed: Failed, said: Said): Signal {
  const [full] = failed.readings
    .filter((it) => it.rejected && it.window !== "tokens-minute")
    .toSorted((a, b) => (b.resetsInMs ?? -1) - (a.resetsInMs ?? -1));
  const resetsInMs = said.resetsIn(failed.now) ?? full?.resetsInMs ?? retryAfter(failed);
  return { kind: "quota", window: full?.window ?? "unknown", scope: full?.model ?? null, resetsInMs };
}

function header({ header }: Failed, name: string): string {
  return header(name);
}

/** `retry-after`: seconds, or a date of HTTP's. */
function retryAfter({ header, now }: Failed): number | null {
  const text = header("retry-after");
  const seconds = toNumber(text);
  if (seconds !== null) return spanTo(now + seconds * SECOND_MS, now, MAX_SPAN_MS);
  return spanTo(parseHttpDate(text), now, MAX_SPAN_MS);
}

type Said = {
  /** Type and codes. */
  readonly words: readonly string[];
  readonly message: string;
  /** The body is an error of a provider's, whatever it says. */
  readonly isError: boolean;
  readonly resetsIn: (now: number) => number | null;
};

const REGAIN = /regain access on (\d{4}-\d\d-\d\d)(?: at (\d\d:\d\d) UTC)?/;

/** Anthropic's `{error: {type, message, details: {error_code}}}`, OpenAI's `{error: {type, code, message}}`, Codex's `{detail}`. */
function readError(body: string): Said {
  const root = parseRecord(body);
  const error = record(root?.["error"]) ?? root;
  const words = [error?.["type"], error?.["code"], record(error?.["details"])?.["error_code"]]
    .map(textOf)
    .filter((it) => it !== "");
  const message = cut(textOf(error?.["message"]) || textOf(root?.["error"]) || textOf(root?.["detail"]), 2_000);
  return {
    words,
    message,
    isError: root !== undefined && (words.length > 0 || message !== ""),
    resetsIn(now) {
      const seconds = error?.["resets_in_seconds"];
      if (typeof seconds === "number") return spanTo(now + seconds * SECOND_MS, now, MAX_SPAN_MS);
      const at = error?.["resets_at"];
      if (typeof at === "number") return spanTo(at * SECOND_MS, now, MAX_SPAN_MS);
      const [, day, time = "00:00"] = SPEND_LIMIT.test(message) ? (REGAIN.exec(message) ?? []) : [];
      return day === undefined ? null : spanTo(parseInstant(`${day}T${time}:00Z`), now, MAX_SPAN_MS);
    },
  };
}
