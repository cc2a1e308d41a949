import type { Waiting } from "../pool/decision.ts";
import type { Expected } from "../pool/expected.ts";
import { WHY_NOT } from "../pool/words.ts";
import type { Heartbeat } from "../wire/contract.ts";
import { formatUsd, MINUTE_MS, type MicroUsd } from "../wire/units.ts";

/** How far a run had come when it was last heard. */
export type Progress = {
  readonly phase: Heartbeat["phase"];
  /** Calls of its model. */
  readonly steps: number;
  /** At list price, which is what is paid where `billed`. */
  readonly spent: MicroUsd;
  readonly billed: boolean;
  /** Since its job took the work. */
  readonly ms: number;
};

const DOING: Record<Progress["phase"], string> = {
  fetch: "fetching the repository",
  setup: "setting up",
  harness: "writing",
  verify: "checking the result",
  report: "reporting",
};

/** One line; it is true when it is written, and the next edit replaces it. */
export function progressText({ phase, steps, spent, billed, ms }: Progress): string {
  const minutes = Math.floor(ms / MINUTE_MS);
  const cost = billed ? `${formatUsd(spent)} so far` : `${formatUsd(spent)} so far at list price, paid by a subscription`;
  const age = minutes === 0 ? "within its first minute" : `after ${counted(minutes, "minute")}`;
  return `${DOING[phase]}: ${counted(steps, "step")} of the model, ${cost}, ${age}.`.replace(/^./, (first) =>
    first.toUpperCase(),
  );
}

function counted(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** What time may mend, another job's end, or a person. */
const IN_THE_WAY = [
  "runners-busy",
  "budget",
  "cooling",
  "busy",
  "window",
  "kept-free",
  "quarantined",
  "nothing-expires",
  "others-first",
] as const;

/** What being on standby means, what stands in its way, and when the next of the windows ends. */
export function standbyText(waiting: Pick<Waiting, "until" | "whyNot" | "of">, hasBegun: boolean): string {
  const next = waiting.until === null ? "" : ` The next window ends at ${utc(waiting.until)} UTC.`;
  // What has begun goes on as it began.
  const otherwise = hasBegun
    ? ""
    : " To have it done as other work is, comment `/agent use standard`, or name what else it should use.";
  return `It is on standby: it runs on what a seat's windows would lose unused, after all other work, and is stopped first. ${reasonsText(waiting)}${next}${otherwise}`;
}

/** What stands in the way of a task that waits, and when it probably starts. */
export function waitingText(waiting: Pick<Waiting, "until" | "whyNot" | "of">, expected: Expected | null): string {
  const { until } = waiting;
  const first = until === null ? "" : ` The first of this ends at ${utc(until)} UTC.`;
  const start =
    expected === null
      ? ""
      : ` By what the last ${counted(expected.of, "job")} like this took, it starts between ${utc(expected.from)} and ${utc(expected.to)} UTC, eight times in ten.`;
  return `${reasonsText(waiting)}${first}${start}`;
}

function reasonsText({ whyNot, of }: Pick<Waiting, "whyNot" | "of">): string {
  const reasons = IN_THE_WAY.flatMap((why) => {
    const count = whyNot[why];
    const named = why === "kept-free" || of[why] === undefined ? "" : ` (${of[why]})`;
    return count === undefined ? [] : [`${String(count)} ${WHY_NOT[why]}${named}`];
  });
  return `Of the pool's credentials: ${reasons.length === 0 ? "none can serve this yet" : reasons.join(", ")}.`;
}

function utc(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace("T", " ");
}
