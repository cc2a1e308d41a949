import { quote } from "#action/runner/process.ts";
import { HARNESS_INFO } from "#core/wire/harnesses.ts";
import { record, textOf } from "#core/wire/json.ts";
import type { Harness, HarnessCommand, HarnessRun } from "./harness.ts";
import {
  countOf,
  eventsOf,
  kindOfRefusal,
  NO_TOKENS,
  toReading,
  unfinished,
  type Left,
  type Reading,
  type Tokens,
  type Window,
} from "./reading.ts";

/** Codex, `codex exec --json`. Command line, stream and session file as measured with 0.169.0. */
export const codex: Harness = {
  id: "codex",
  tool: "codex",
  info: HARNESS_INFO.codex,
  command: toCommand,
  read: readCodex,
  repeatsRefusals: false,
  // Skills, which no setting shuts out (0.169.0, tried 2026-11-25).
  hides: [".agents", ".codex"],
  owns: ["codex", ".codex", ".agents"],
  session: { root: "codex/sessions", fileEnding: (id) => `-${id}.jsonl`, moved: (path) => path },
};

/**
 * `danger-full-access`: its own Linux sandbox needs namespaces within ours, which srt forbids. A checkout's `.codex/` is ignored
 * where the folder isn't trusted, which in `exec` none is; its AGENTS.md by `project_doc_max_bytes=0`, since the guide holds
 * base's. It retries nothing by itself but one broken stream: the gateway does.
 */
function toCommand(run: HarnessRun): HarnessCommand {
  const { route, session } = run;
  const home = `${run.home}/codex`;
  const provider = {
    name: "pool",
    base_url: `http://${run.gateway}/v1`,
    env_key: "RUN_KEY",
    wire_api: "responses",
    supports_websockets: false,
    request_max_retries: 0,
    stream_max_retries: 1,
  };
  const settings = {
    model_provider: "pool",
    "model_providers.pool": provider,
    web_search: "disabled",
    project_doc_max_bytes: 0,
    check_for_update_on_startup: false,
    ...(route.effort === null ? {} : { model_reasoning_effort: route.effort }),
  };
  const args = [
    run.executable, "exec", "--json", "--ignore-user-config", "--skip-git-repo-check", "-m", route.model, "-s", "danger-full-access",
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${toToml(value)}`]),
    ...(session.kind === "resume" ? ["resume", session.id, "-"] : ["-"]),
  ]; // prettier-ignore
  // What stands in its own home holds for every session; an argument could not be as long as a guide.
  const guide = run.guide === undefined ? "" : `cp -f ${quote(run.guide)} ${quote(`${home}/AGENTS.md`)} && `;
  return {
    line: `mkdir -p ${quote(home)} && ${guide}exec ${args.map(quote).join(" ")}`,
    env: { CODEX_HOME: home, RUN_KEY: run.dummy },
    input: run.prompt,
  };
}

/** A TOML value of these is JSON, but for tables. */
function toToml(value: unknown): string {
  const table = record(value);
  if (table === undefined) return JSON.stringify(value);
  return `{${Object.entries(table).map(([name, each]) => `${name}=${toToml(each)}`).join(",")}}`; // prettier-ignore
}

/**
 * How a run ended, by its stream, its exit and its session file. Only `turn.*` ends it: an `item` of type `error` is a warning,
 * and a line of type `error` a retry, or said again by `turn.failed`. Its failures are sentences, which name the status alone.
 */
export function readCodex(left: Left): Reading {
  let sessionId: string | null = null;
  let last: Record<string, unknown> | undefined;
  let message = "";
  for (const event of eventsOf(left.stdout, ['"thread.started"', '"turn.', '"agent_message"'])) {
    if (event["type"] === "thread.started") sessionId ??= textOf(event["thread_id"]) || null;
    else if (event["type"] === "turn.completed" || event["type"] === "turn.failed") last = event;
    else if (event["type"] === "item.completed") {
      const item = record(event["item"]);
      if (item?.["type"] === "agent_message") message = textOf(item["text"]);
    }
  }
  const windows = readWindows(left.rollout ?? "");
  if (last === undefined) return unfinished(left, sessionId, windows);
  const told = { costUsd: null, turns: null, sessionId, windows };
  if (last["type"] === "turn.completed")
    return toReading({ ...told, ending: "completed", said: message, usage: toTokens(record(last["usage"])) });
  const said = textOf(record(last["error"])?.["message"]);
  const status = /\b(?:unexpected|last) status:? (\d{3})\b/.exec(said)?.[1];
  const failed = kindOfRefusal({ status: status === undefined ? null : Number(status), words: [], message: said });
  return toReading({ ...told, ...failed, said, usage: NO_TOKENS, resetsAt: resetOf(windows) });
}

/** Of the windows that are full, the one that is so longest. */
function resetOf(windows: readonly Window[]): number | null {
  const full = windows.flatMap(({ utilization, resetsAt }) => ((utilization ?? 0) >= 1 && resetsAt !== null ? [resetsAt] : []));
  return full.length === 0 ? null : Math.max(...full);
}

function toTokens(usage: Record<string, unknown> | undefined): Tokens {
  const input = countOf(usage?.["input_tokens"]);
  const read = countOf(usage?.["cached_input_tokens"]);
  const write = countOf(usage?.["cache_write_input_tokens"]);
  return {
    inputTokens: input === null ? null : Math.max(0, input - (read ?? 0) - (write ?? 0)),
    outputTokens: countOf(usage?.["output_tokens"]),
    cacheReadTokens: read,
    cacheWriteTokens: write,
    reasoningTokens: countOf(usage?.["reasoning_output_tokens"]),
  };
}

const NAMES: Readonly<Record<number, string>> = { 300: "five_hour", 10_080: "seven_day" };

/** The last word of the session file on its plan's windows. */
function readWindows(rollout: string): readonly Window[] {
  const told = [...eventsOf(rollout, ['"rate_limits"'])].flatMap((event) => {
    const payload = record(event["payload"]);
    return payload?.["type"] === "token_count" ? (record(payload["rate_limits"]) ?? []) : [];
  });
  const last = record(told.at(-1));
  return [last?.["primary"], last?.["secondary"]].flatMap((window) => toWindow(record(window)) ?? []);
}

function toWindow(window: Record<string, unknown> | undefined): Window | undefined {
  const minutes = countOf(window?.["window_minutes"]);
  const percent = window?.["used_percent"];
  if (minutes === null || typeof percent !== "number") return undefined;
  return { name: NAMES[minutes] ?? `${String(minutes)}m`, utilization: percent / 100, resetsAt: countOf(window?.["resets_at"]) };
}
