import { type Ended, quote } from "#action/runner/process.ts";
import type { EndingKind } from "#core/wire/contract.ts";
import { HARNESS_INFO } from "#core/wire/harnesses.ts";
import { record, textOf } from "#core/wire/json.ts";
import type { Harness, HarnessCommand, HarnessRun } from "./harness.ts";
import { countOf, eventsOf, sumOf, toReading, unfinished, type Left, type Reading, type Tokens, type Window } from "./reading.ts";

/**
 * Claude Code, headless. Command line and stream as measured with 2.1.330.
 */
export const claudeCode: Harness = {
  id: "claude-code",
  tool: "claude-code",
  info: HARNESS_INFO["claude-code"],
  command: toCommand,
  read: readClaude,
  limits,
  repeatsRefusals: false,
  hides: [],
  owns: ["claude", ".claude", ".claude.json"],
  session: {
    root: "claude/projects",
    fileEnding: (id) => `/${id}.jsonl`,
    // In a folder that is named like the checkout's, each other sign a dash.
    moved: (path, repo) => `${repo.replaceAll(/[^A-Za-z0-9]/g, "-")}/${path.slice(path.lastIndexOf("/") + 1)}`,
  },
};

/** A hostile checkout's settings, hooks, MCP servers and helpers stay unread only with both of these. */
const IGNORE_CHECKOUT = ["--setting-sources", "user", "--strict-mcp-config"];
/**
 * What the gateway refuses (wires/anthropic-messages.ts): there it would end the session, here the model goes on without. The rule for
 * PDFs counts from the file system's root; the CLI knows one by its name alone, and attaches none that a prompt mentions
 * as `@x.pdf` (2.1.330, tried 2026-11-25).
 */
const OUT_OF_REACH = "WebSearch,WebFetch,Read(//**/*.[pP][dD][fF])";
/** One of them alone: where both are set, the CLI takes the API key (2.1.330). A token is what `claude setup-token` prints. */
function keyVariable({ auth, dummy }: HarnessRun): Record<string, string> {
  return auth === "oauth" ? { CLAUDE_CODE_OAUTH_TOKEN: dummy } : { ANTHROPIC_API_KEY: dummy };
}

function toCommand(run: HarnessRun): HarnessCommand {
  const { route } = run;
  const args = [
    run.executable, "-p", "--output-format", "stream-json", "--verbose", "--model", route.model,
    // srt is the sandbox and no one is there to ask.
    "--dangerously-skip-permissions", "--max-turns", String(run.maxTurns), ...IGNORE_CHECKOUT,
    "--disallowedTools", OUT_OF_REACH,
    ...(route.effort === null ? [] : ["--effort", route.effort]),
    ...(run.guide === undefined ? [] : ["--append-system-prompt-file", run.guide]),
    ...(run.session.kind === "resume" ? ["--resume", run.session.id] : ["--session-id", run.session.id]),
  ]; // prettier-ignore
  const env = {
    ANTHROPIC_BASE_URL: `http://${run.gateway}`,
    ...keyVariable(run),
    CLAUDE_CONFIG_DIR: `${run.home}/claude`,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    CLAUDE_CODE_MAX_RETRIES: "2",
    CLAUDE_CODE_MAX_OUTPUT_TOKENS: String(run.maxTokens),
    DISABLE_AUTOUPDATER: "1",
    // The CLI refuses to skip permissions as root unless told that it is contained.
    ...(process.getuid?.() === 0 ? { IS_SANDBOX: "1" } : {}),
  };
  return { line: `exec ${args.map(quote).join(" ")}`, env, input: run.prompt };
}

/**
 * How the process ended, by its stream, exit code and whether we killed it. Pure. `subtype` stays "success" on API
 * errors: `is_error` decides.
 */
export function readClaude(left: Left): Reading {
  let result: Record<string, unknown> | undefined;
  let sessionId: string | null = null;
  let limit: Record<string, unknown> | undefined;
  let hint = "";
  // The first line names the session; of the others only these matter, and a stream can hold megabytes of them.
  for (const event of eventsOf(left.stdout, ['"result"', '"error"', '"system"', '"rate_limit_event"'])) {
    sessionId ??= textOf(event["session_id"]) || null;
    if (event["type"] === "result") result = event;
    else if (event["type"] === "rate_limit_event") limit = record(event["rate_limit_info"]);
    else if (event["type"] === "assistant" && typeof event["error"] === "string") hint = event["error"];
  }
  const windows = limit === undefined ? [] : toWindows(limit);
  if (result === undefined) return unfinished(left, sessionId, windows);
  const text = textOf(result["result"]);
  const ending = toKind(result, text, hint);
  const errors: readonly unknown[] = Array.isArray(result["errors"]) ? result["errors"] : [];
  const said = ending === "completed" ? text : [text, ...errors.map(textOf)].filter((it) => it !== "").join("\n");
  const turns = result["num_turns"];
  return toReading({
    ending,
    said,
    isBadRequest: result["api_error_status"] === 400 || /prompt is too long/i.test(text),
    resetsAt: countOf(limit?.["resetsAt"]),
    windows,
    usage: toTokens(result),
    costUsd: toCost(result),
    turns: typeof turns === "number" ? Math.min(MAX_TURNS, Math.max(0, Math.trunc(turns))) : null,
    sessionId,
  });
}

/** Of this attempt: since it was resumed, where it was. */
const sinceResume = (result: Record<string, unknown>) => recordsIn(result["model_usage_since_last_result"]);

function recordsIn(value: unknown): readonly Record<string, unknown>[] {
  return Object.values(record(value) ?? {}).flatMap((each): Record<string, unknown>[] => {
    const found = record(each);
    return found === undefined ? [] : [found];
  });
}

function toTokens(result: Record<string, unknown>): Tokens {
  const since = sinceResume(result);
  if (since.length > 0) return ofModels(since);
  const usage = record(result["usage"]);
  const told: Tokens = {
    inputTokens: countOf(usage?.["input_tokens"]),
    outputTokens: countOf(usage?.["output_tokens"]),
    cacheReadTokens: countOf(usage?.["cache_read_input_tokens"]),
    cacheWriteTokens: countOf(usage?.["cache_creation_input_tokens"]),
    reasoningTokens: countOf(record(usage?.["output_tokens_details"])?.["thinking_tokens"]),
  };
  const models = recordsIn(result["modelUsage"]);
  return models.length > 0 && Object.values(told).every((count) => (count ?? 0) === 0) ? ofModels(models) : told;
}

function ofModels(models: readonly Record<string, unknown>[]): Tokens {
  const sum = (key: string) => sumOf(models.map((model) => countOf(model[key])));
  return {
    inputTokens: sum("inputTokens"),
    outputTokens: sum("outputTokens"),
    cacheReadTokens: sum("cacheReadInputTokens"),
    cacheWriteTokens: sum("cacheCreationInputTokens"),
    reasoningTokens: sum("thinkingTokens"),
  };
}

/** After a resume the total is the session's. */
function toCost(result: Record<string, unknown>): number | null {
  const dollars = (value: unknown) => (typeof value === "number" && Number.isFinite(value) ? value : null);
  const since = sinceResume(result);
  return since.length > 0 ? sumOf(since.map((model) => dollars(model["costUSD"]))) : dollars(result["total_cost_usd"]);
}

/** Older versions (2.1.197) name the one window that they speak of. */
function toWindows(limit: Record<string, unknown>): readonly Window[] {
  const fraction = (value: unknown) => (typeof value === "number" && Number.isFinite(value) ? value : null);
  const unified = record(limit["unifiedWindows"]);
  if (unified !== undefined)
    return Object.entries(unified).flatMap(([name, each]) => {
      const window = record(each);
      if (window === undefined) return [];
      return [{ name, utilization: fraction(window["utilization"]), resetsAt: countOf(window["resetsAt"]) }];
    });
  const name = textOf(limit["rateLimitType"]);
  return name === "" ? [] : [{ name, utilization: fraction(limit["utilization"]), resetsAt: countOf(limit["resetsAt"]) }];
}

/**
 * With a seat's token the CLI tells its windows after the first answer and when they change (2.1.330). Only a line of its own
 * counts: what the model says or a tool prints is a text within another event.
 */
function limits({ stdout }: Pick<Ended, "stdout">): Record<string, unknown> | undefined {
  return [...eventsOf(stdout, ['"rate_limit_event"'])].findLast((event) => event["type"] === "rate_limit_event");
}

/** No run has as many turns; a forged figure must not make the whole outcome unreadable, nor the sum of two rounds. */
const MAX_TURNS = 1_000_000;

const NO_SUCH_MODEL = /\bmodel\b.*(not (exist|available|supported|found)|access)|access to (the |this )?model/i;

function toKind(result: Record<string, unknown>, text: string, hint: string): EndingKind {
  if (result["subtype"] === "error_max_turns") return "turnLimit";
  if (result["subtype"] === "error_max_budget_usd") return "budgetExhausted";
  if (result["is_error"] !== true) return "completed";
  const status = typeof result["api_error_status"] === "number" ? result["api_error_status"] : 0;
  const type = textOf(result["api_error_type"]);
  if (type === "budget_exhausted") return "budgetExhausted"; // the gateway's own words
  if (type === "deadline_passed") return "timedOut";
  if (result["api_error"] === "usage_limit_reached" || (status === 429 && /hit your .*limit/i.test(text)))
    return "quotaExhausted";
  if (status === 402 || type === "billing_error" || hint === "billing_error" || /credit balance is too low/i.test(text))
    return "billing";
  if (status === 429 || (status === 0 && hint === "rate_limit")) return "rateLimited";
  // Of a model that the key may not use: the key is as good as before for others.
  if (status === 404 || hint === "model_not_found" || ((status === 400 || status === 403) && NO_SUCH_MODEL.test(text)))
    return "modelNotFound";
  if (status === 401 || status === 403 || (status === 0 && hint === "authentication_failed")) return "authFailed";
  if (status === 529 || status === 503 || type === "overloaded_error" || /overloaded|at capacity/i.test(text))
    return "overloaded";
  return "providerError";
}
