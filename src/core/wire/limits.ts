import { record, textOf } from "./json.ts";
import { MAX_SHARE, MAX_SPAN_MS, MAX_TOKENS_A_MINUTE, readingKey, type WindowReading } from "./observation.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "./units.ts";

/**
 * The windows that a provider tells of, by source. Each source has its own units, known by the source and never guessed
 * from a figure's size: Anthropic's headers and Claude Code's events tell fractions and epoch seconds, Codex percent,
 * Anthropic's headers of API keys what remains and RFC 3339. A figure that can't be read is unknown, never 0 or 1.
 *
 * Source: none of the seats' headers are documented; recorded answers in better-ccflare, CLIProxyAPI and teamclaude, and
 * Claude Code 2.1.197 and 2.1.330, Codex 0.169 (test/fixtures/observation), 2026-11-23.
 */

/** What a reading is relative to. */
export type Seen = {
  /** The model that was asked. */
  readonly model: string | null;
  /** By the provider's clock where it told, epoch milliseconds. */
  readonly now: number;
  /** The answer refused the call. */
  readonly refused: boolean;
};

/** An answer's header by its lower-case name; empty where there is none. */
export type Headers = (name: string) => string;

type Claim = { readonly claim: string; readonly header: string | null } & (
  | { readonly window: "five-hour" | "week"; readonly family: null }
  | { readonly window: "week-model"; readonly family: string }
);

/** The windows of a seat. `family`: the word in the names of the models that a window counts, as of 2026-11. */
const CLAIMS: readonly Claim[] = [
  { claim: "five_hour", header: "5h", window: "five-hour", family: null },
  { claim: "seven_day", header: "7d", window: "week", family: null },
  { claim: "seven_day_overage_included", header: "7d_oi", window: "week-model", family: "fable" },
  { claim: "seven_day_opus", header: null, window: "week-model", family: "opus" },
  { claim: "seven_day_sonnet", header: null, window: "week-model", family: "sonnet" },
];

/** `rate_limited` and `blocked`: in older answers. */
const REJECTED: ReadonlySet<string> = new Set(["rejected", "rate_limited", "blocked"]);

/** A reset later than its window is long, by more than clocks differ, is no reset of that window. */
const CLOCKS_DIFFER_MS = 10 * MINUTE_MS;
const LENGTH_MS = { "five-hour": 5 * HOUR_MS, week: 7 * DAY_MS, "week-model": 7 * DAY_MS } as const;

/** What the headers of a seat say; undefined where there are none. */
export type Unified = { readonly readings: readonly WindowReading[]; readonly rejection: Rejection | null };
/** The window that refuses; undefined: one that this file doesn't know. */
export type Rejection = {
  readonly window: "five-hour" | "week" | "week-model" | undefined;
  readonly model: string | null;
  readonly resetsInMs: number | null;
};

const UNIFIED = "anthropic-ratelimit-unified-";
const TELLING = ["status", "reset", "representative-claim", "5h-status", "5h-utilization", "7d-status", "7d-utilization"].map(
  (name) => UNIFIED + name,
);

export function readUnified(header: Headers, seen: Seen): Unified | undefined {
  const of = (name: string): string => header(`${UNIFIED}${name}`);
  if (TELLING.every((name) => header(name) === "")) return undefined;
  const claim = of("representative-claim");
  const windows = CLAIMS.flatMap((row): Window[] => {
    const [status, reset, share] = ["status", "reset", "utilization"].map((it) =>
      row.header === null ? "" : of(`${row.header}-${it}`),
    );
    const governs = row.claim === claim;
    // Older answers name the governing window in the common headers alone.
    const at = toInstant(reset) ?? (governs ? toInstant(of("reset")) : null);
    if (!governs && !status && !reset && !share) return [];
    return [{ row, status: status || (governs ? of("status") : ""), at, share: toNumber(share) }];
  });
  return readClaims(windows, { claim, status: of("status"), at: toInstant(of("reset")) }, seen);
}

/** One window as told, in whatever form. */
type Window = { readonly row: Claim; readonly status: string; readonly at: number | null; readonly share: number | null };
type Verdict = { readonly claim: string; readonly status: string; readonly at: number | null };

function readClaims(windows: readonly Window[], verdict: Verdict, seen: Seen): Unified {
  const readings = windows.flatMap(({ row, status, at, share }): WindowReading[] => {
    const model = row.family === null ? null : modelOf(row, verdict.claim, seen.model);
    // A window of another model's says nothing of this one.
    if (model === undefined) return [];
    return [reading({ window: row.window, model, share, resetsInMs: spanTo(at, seen.now, LENGTH_MS[row.window]), rejected: REJECTED.has(status) })]; // prettier-ignore
  });
  const rejected = verdict.status === "" ? readings.some((it) => it.rejected) : REJECTED.has(verdict.status);
  const governing = CLAIMS.find((it) => it.claim === verdict.claim);
  return {
    readings: unique(readings),
    rejection: rejected ? whichRejects(readings, governing, { verdict, seen }) : null,
  };
}

/** The one model that a scoped window counts; undefined where it doesn't count the one asked. */
function modelOf(row: Claim, claim: string, asked: string | null): string | undefined {
  if (asked === null) return undefined;
  return row.claim === claim || (row.family !== null && asked.toLowerCase().includes(row.family)) ? asked : undefined;
}

/**
 * Of the windows that refuse, the one that does so longest, and of the governing one's kind: an account that is used up
 * counts for all models, a scoped window for one.
 */
function whichRejects(
  readings: readonly WindowReading[],
  governing: Claim | undefined,
  { verdict, seen }: { readonly verdict: Verdict; readonly seen: Seen },
): Rejection {
  const refusing = readings.filter((it) => it.rejected);
  const scoped = governing === undefined ? refusing.every((it) => it.model !== null) : governing.family !== null;
  const ofItsKind = refusing.filter((it) => (it.model !== null) === scoped);
  const [longest] = (ofItsKind.length > 0 ? ofItsKind : refusing).toSorted((a, b) => (b.resetsInMs ?? -1) - (a.resetsInMs ?? -1));
  if (longest !== undefined && longest.window !== "tokens-minute")
    return { window: longest.window, model: longest.model, resetsInMs: longest.resetsInMs };
  const model = scoped && governing !== undefined ? seen.model : null;
  const resetsInMs = spanTo(verdict.at, seen.now, governing === undefined ? MAX_SPAN_MS : LENGTH_MS[governing.window]);
  return { window: governing?.window, model, resetsInMs };
}

/** Claude Code's `rate_limit_info`: a window with its share each, or, in older ones, the governing window alone. */
export function readRateLimitInfo(info: Record<string, unknown>, seen: Omit<Seen, "refused">): Unified {
  const claim = textOf(info["rateLimitType"]);
  const status = textOf(info["status"]);
  const of = (row: Claim, told: Record<string, unknown>): Window => ({
    row,
    status: textOf(told["status"]),
    at: epoch(told["resetsAt"]),
    share: finite(told["utilization"]),
  });
  const each = record(info["unifiedWindows"]);
  const windows = CLAIMS.flatMap((row): Window[] => {
    const told = record(each?.[row.claim]);
    if (told !== undefined) return [of(row, told)];
    return row.claim === claim ? [of(row, info)] : [];
  });
  return readClaims(windows, { claim, status, at: epoch(info["resetsAt"]) }, { ...seen, refused: REJECTED.has(status) });
}

const KINDS = ["input-tokens", "tokens", "output-tokens"] as const;

/**
 * An API key's tokens a minute, which are the model's own. Input counts, where it is told apart: it is what an agent runs
 * out of. A token bucket: its reset is when it is full again.
 */
export function readMinute(header: Headers, seen: Seen): WindowReading | undefined {
  const kinds = KINDS.flatMap((kind) => {
    const of = (name: string): string => header(`anthropic-ratelimit-${kind}-${name}`);
    const limit = toNumber(of("limit"));
    if (limit === null || limit === 0) return [];
    return [{ limit, remaining: toNumber(of("remaining")), at: toInstant(of("reset")) }];
  });
  const empty = seen.refused ? kinds.find((it) => it.remaining === 0) : undefined;
  const kind = empty ?? kinds[0];
  if (kind === undefined || kinds[0] === undefined) return undefined;
  return reading({
    window: "tokens-minute",
    model: seen.model,
    share: kind.remaining === null ? null : (kind.limit - Math.min(kind.limit, kind.remaining)) / kind.limit,
    limit: Math.min(MAX_TOKENS_A_MINUTE, Math.round(kinds[0].limit)),
    resetsInMs: spanTo(kind.at, seen.now, MAX_SPAN_MS),
    rejected: empty !== undefined,
  });
}

const KEY_LIMITS = [...KINDS, "requests"].map((kind) => `anthropic-ratelimit-${kind}-limit`);

/** True where an answer has the headers of an API key, whose limits are its organisation's. */
export function hasKeyHeaders(header: Headers): boolean {
  return KEY_LIMITS.some((name) => header(name) !== "");
}

/**
 * The two windows of the limit that the call counted against. `x-codex-active-limit` names it: `codex_<name>` is one
 * model's, any other word (`premium`) the account's. Which of the two is which, only their length tells.
 */
export function readCodexHeaders(header: Headers, seen: Seen): WindowReading[] {
  const limit = header("x-codex-active-limit");
  return readCodex(limit, seen, (which) => {
    const of = (name: string): number | null => toNumber(header(`x-codex-${which}-${name}`));
    const at = of("reset-at");
    return {
      percent: of("used-percent"),
      minutes: of("window-minutes"),
      afterS: of("reset-after-seconds"),
      at: at && at * 1_000,
    };
  });
}

/** The same from a line of a session file: `token_count.rate_limits`. */
export function readCodexLimits(limits: Record<string, unknown>, seen: Seen): WindowReading[] {
  return readCodex(textOf(limits["limit_id"]), seen, (which) => {
    const told = record(limits[which]) ?? {};
    return {
      percent: finite(told["used_percent"]),
      minutes: finite(told["window_minutes"]),
      afterS: finite(told["resets_in_seconds"]),
      at: epoch(told["resets_at"]),
    };
  });
}

type CodexWindow = Readonly<Record<"percent" | "minutes" | "afterS" | "at", number | null>>;

function readCodex(limit: string, seen: Seen, read: (which: "primary" | "secondary") => CodexWindow): WindowReading[] {
  const scoped = /^codex[-_]./i.test(limit);
  if (scoped && seen.model === null) return [];
  const readings = (["primary", "secondary"] as const).flatMap((which): WindowReading[] => {
    const { percent, minutes, afterS, at } = read(which);
    // A plan without a second window has one of zeros.
    if (percent === null || minutes === null || minutes === 0) return [];
    const weekly = minutes >= (7 * DAY_MS) / MINUTE_MS;
    if (!weekly && minutes > (5 * HOUR_MS) / MINUTE_MS) return [];
    const lengthMs = Math.min(MAX_SPAN_MS, minutes * MINUTE_MS);
    return [
      reading({
        window: weekly ? (scoped ? "week-model" : "week") : "five-hour",
        model: scoped ? seen.model : null,
        share: percent / 100,
        // The span needs no clock of ours.
        resetsInMs: afterS === null ? spanTo(at, seen.now, lengthMs) : spanTo(seen.now + afterS * 1_000, seen.now, lengthMs),
        rejected: seen.refused && percent >= 100,
      }),
    ];
  });
  return unique(readings);
}

type Told = Omit<WindowReading, "limit"> & { readonly limit?: number };

function reading({ limit = 0, ...told }: Told): WindowReading {
  const share = told.share === null ? null : Math.min(MAX_SHARE, Math.max(0, told.share));
  return { ...told, share, limit: told.window === "tokens-minute" ? limit : null };
}

/** Of two of one window the fuller. */
function unique(readings: readonly WindowReading[]): WindowReading[] {
  const byKey = new Map<string, WindowReading>();
  for (const it of readings) {
    const other = byKey.get(readingKey(it));
    if (other === undefined || (it.share ?? -1) > (other.share ?? -1)) byKey.set(readingKey(it), it);
  }
  return [...byKey.values()];
}

/** Milliseconds until an instant, whole; null where it is unknown or can't be of a span so long. */
export function spanTo(at: number | null, now: number, longest: number): number | null {
  if (at === null || !Number.isFinite(at - now) || at - now > longest + CLOCKS_DIFFER_MS) return null;
  return Math.round(Math.min(longest, Math.max(0, at - now)));
}

/** A number that isn't negative; null for all else. */
export function toNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}(?:\.\d{1,25})?(?:e-?\d{1,2})?$/i.test(text) ? Number(text) : null;
}

/** Epoch seconds or RFC 3339, to epoch milliseconds. 0 is no instant. */
function toInstant(text: string | undefined): number | null {
  if (text !== undefined && /^\d{4}-\d\d-\d\dT/.test(text)) return parseInstant(text);
  return epoch(toNumber(text));
}

/** A date as HTTP's headers have it. */
export function parseHttpDate(text: string): number | null {
  return /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text) ? parseInstant(text) : null;
}

export function parseInstant(text: string): number | null {
  const at = Date.parse(text);
  return Number.isFinite(at) ? at : null;
}

function epoch(seconds: unknown): number | null {
  const s = finite(seconds);
  return s === null || s === 0 ? null : s * 1_000;
}

function finite(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null;
}
