import { parseRecord, record, textOf } from "#core/wire/json.ts";
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

/** opencode, `opencode run --format json`. Stream: notes/harness-clis.md, measured with 1.18.33. */

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
