import { quote } from "#action/runner/process.ts";
import type { Provider } from "#core/wire/contract.ts";
import { HARNESS_INFO } from "#core/wire/harnesses.ts";
import { parseRecord, record, textOf } from "#core/wire/json.ts";
import type { Harness, HarnessCommand, HarnessRun } from "./harness.ts";
import {
  countOf,
  eventsOf,
  kindOfRefusal,
  NO_TOKENS,
  sumOf,
  toReading,
  unfinished,
  type Left,
  type Reading,
  type Tokens,
} from "./reading.ts";

/** opencode, `opencode run --format json`. Command line and stream as measured with 1.18.33. */
export const opencode: Harness = {
  id: "opencode",
  tool: "opencode",
  info: HARNESS_INFO.opencode,
  command: toCommand,
  read: readOpencode,
  repeatsRefusals: true,
  // `OPENCODE_DISABLE_PROJECT_CONFIG` keeps out opencode.json and AGENTS.md, and runs plugins all the same. It reads the skills
  // of others too.
  hides: [".opencode", ".claude", ".agents"],
  owns: [
    ".config/opencode", ".local/share/opencode", ".local/state/opencode", ".cache/opencode", ".opencode", ".claude", ".agents",
  ], // prettier-ignore
};

/** The bundled library that speaks each provider's format (core/wire/harnesses.ts). */
const LIBRARY: Readonly<Record<Provider, string>> = {
  anthropic: "@ai-sdk/anthropic",
  openai: "@ai-sdk/openai",
  openrouter: "@ai-sdk/openai-compatible",
};
/** Where it begins to sum up what came before; it doesn't know its model. */
const CONTEXT_TOKENS = 200_000;

function toCommand(run: HarnessRun): HarnessCommand {
  const { route, session } = run;
  const model = `pool/${route.model}`;
  const config = {
    autoupdate: false,
    share: "disabled",
    snapshot: false,
    // Both would be downloaded.
    lsp: false,
    formatter: false,
    provider: {
      pool: {
        npm: LIBRARY[run.provider],
        options: { baseURL: `http://${run.gateway}/v1`, apiKey: "{env:RUN_KEY}" },
        models: { [route.model]: { limit: { context: CONTEXT_TOKENS, output: run.maxTokens } } },
      },
    },
    model,
    small_model: model,
    agent: { build: { steps: run.maxTurns }, title: { disable: true } },
    permission: { "*": "allow", webfetch: "deny", websearch: "deny" },
    ...(run.guide === undefined ? {} : { instructions: [run.guide] }),
  };
  const args = [
    run.executable, "run", "--format", "json", "-m", model,
    ...(route.effort === null ? [] : ["--variant", route.effort]),
    ...(session.kind === "resume" ? ["-s", session.id] : []),
  ]; // prettier-ignore
  const env = {
    RUN_KEY: run.dummy,
    OPENCODE_CONFIG_CONTENT: JSON.stringify(config),
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    OPENCODE_DISABLE_PROJECT_CONFIG: "1",
    OPENCODE_PURE: "1",
    OPENCODE_EXPERIMENTAL_DISABLE_FILEWATCHER: "1",
    // At each start it would have npm fetch plugins, which without a network takes npm's own retries to give up.
    npm_config_offline: "true",
  };
  return { line: `exec ${args.map(quote).join(" ")}`, env, input: run.prompt };
}

/**
 * How a run ended. There is no last event: it ended well where it stopped by itself after a step and reported no error. An
 * error brings the provider's whole answer.
 */
export function readOpencode(left: Left): Reading {
  let sessionId: string | null = null;
  let message: string | null = null;
  let error: Record<string, unknown> | undefined;
  const steps: Record<string, unknown>[] = [];
  for (const event of eventsOf(left.stdout, ['"sessionID"'])) {
    sessionId ??= textOf(event["sessionID"]) || null;
    const part = record(event["part"]);
    if (event["type"] === "error") error = record(event["error"]);
    else if (event["type"] === "step_finish" && part !== undefined) steps.push(part);
    else if (event["type"] === "text") message = textOf(part?.["text"]);
  }
  const told = {
    usage: toTokens(steps),
    costUsd: sumOf(steps.map(({ cost }) => (typeof cost === "number" ? cost : null))),
    turns: steps.length === 0 ? null : steps.length,
    sessionId,
    windows: [],
  };
  if (error !== undefined) return toReading({ ...told, ...readError(error) });
  if (left.killed || left.exitCode !== 0 || steps.length === 0) return { ...unfinished(left, sessionId), ...told };
  return { ...toReading({ ...told, ending: "completed", said: message ?? "" }), finalMessage: message };
}

function readError(error: Record<string, unknown>) {
  const data = record(error["data"]);
  const message = textOf(data?.["message"]) || textOf(error["message"]);
  const answer = parseRecord(textOf(data?.["responseBody"]));
  const refusal = record(answer?.["error"]);
  const words = [refusal?.["type"], refusal?.["code"], error["name"]].map(textOf).filter((word) => word !== "");
  const status = countOf(data?.["statusCode"]);
  const reset = record(data?.["responseHeaders"])?.["anthropic-ratelimit-unified-reset"];
  return {
    ...kindOfRefusal({ status, words, message }),
    said: message,
    resetsAt: countOf(refusal?.["resets_at"]) ?? countOf(typeof reset === "string" && reset !== "" ? Number(reset) : reset),
  };
}

function toTokens(steps: readonly Record<string, unknown>[]): Tokens {
  if (steps.length === 0) return NO_TOKENS;
  const sum = (of: (tokens: Record<string, unknown> | undefined) => unknown) =>
    sumOf(steps.map((step) => countOf(of(record(step["tokens"])))));
  const reasoning = sum((tokens) => tokens?.["reasoning"]);
  const output = sum((tokens) => tokens?.["output"]);
  return {
    inputTokens: sum((tokens) => tokens?.["input"]),
    outputTokens: output === null ? null : output + (reasoning ?? 0),
    cacheReadTokens: sum((tokens) => record(tokens?.["cache"])?.["read"]),
    cacheWriteTokens: sum((tokens) => record(tokens?.["cache"])?.["write"]),
    reasoningTokens: reasoning,
  };
}
