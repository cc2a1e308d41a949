import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseRecord } from "#core/wire/json.ts";
import type { Observed, Signal, WindowReading } from "#core/wire/observation.ts";
import { observeAnswer, observeEvent } from "#core/wire/observe.ts";
import { EpochMs } from "#core/wire/units.ts";

type Capture = {
  readonly case: string;
  readonly model: string;
  readonly ending: string;
  readonly windows: readonly { readonly name: string; readonly utilization: number; readonly resetsAt: number }[];
  readonly lines: readonly string[];
};

/** Of real runs of the CLIs: the lines that speak of limits, and their last words. */
function captures(cli: string): Capture[] {
  const text = readFileSync(new URL(`../fixtures/observation/${cli}.jsonl`, import.meta.url), "utf8");
  return text.trimEnd().split("\n").map((line) => JSON.parse(line) as Capture); // prettier-ignore
}

const AT = EpochMs(Date.UTC(2026, 10, 23, 7, 20));

function heard({ lines, model }: Capture): Observed {
  const all = lines
    .map(parseRecord)
    .filter((it) => it !== undefined)
    .map((event) => observeEvent(event, { model, now: AT }));
  return {
    readings: all.findLast((it) => it.readings.length > 0)?.readings ?? [],
    signal: all.findLast((it) => it.signal !== null)?.signal ?? null,
    upstream: null,
  };
}

const NAMES: Readonly<Record<string, WindowReading["window"]>> = { five_hour: "five-hour", seven_day: "week" };

/** What the ending of a run says of its last answer. */
const KINDS: Readonly<Record<string, Signal["kind"] | null>> = {
  completed: null, turnLimit: null, budgetExhausted: null, repeating: null, timedOut: null, crashed: null, quotaExhausted: "quota", rateLimited: "throttle",
  overloaded: "overload", authFailed: "auth", billing: "billing", modelNotFound: "unknown", providerError: "unknown",
}; // prettier-ignore

describe.each(["claude", "codex"])("a recorded run of %s", (cli) => {
  test.each(captures(cli).map((it) => [it.case, it] as const))("%s tells its windows", (_name, capture) => {
    expect(heard(capture).readings).toMatchObject(
      capture.windows.map((it) => ({
        window: NAMES[it.name],
        share: it.utilization,
        resetsInMs: it.resetsAt * 1_000 - AT,
      })),
    );
  });

  test.each(captures(cli).map((it) => [it.case, it] as const))("%s ends as its last answer says", (_name, capture) => {
    const last = parseRecord(capture.lines.at(-1) ?? "") ?? {};
    const failed = JSON.stringify(last["error"] ?? "");
    const status = Number(last["api_error_status"] ?? /status:? (\d{3})/.exec(failed)?.[1] ?? STATUS[`${cli}/${capture.case}`] ?? 200); // prettier-ignore
    const error = { type: last["api_error_type"] ?? TYPE[capture.case], message: last["result"] };
    const body = status === 200 ? "" : JSON.stringify({ error });
    // Claude Code's own words of a limit hold no type of the provider's: its event does.
    const signal = heard(capture).signal ?? observeAnswer({ status, headers: {}, body, model: capture.model, now: AT }).signal;

    expect(signal?.kind ?? null).toBe(KINDS[capture.ending]);
  });
});

/** What the server of those runs answered, where the CLI didn't print it. */
const STATUS: Readonly<Record<string, number>> = { "codex/404-model": 404, "codex/insufficient-quota": 429, "codex/usage-limit-5h": 429 }; // prettier-ignore
const TYPE: Readonly<Record<string, string>> = { "insufficient-quota": "insufficient_quota", "usage-limit-5h": "usage_limit_reached" }; // prettier-ignore
