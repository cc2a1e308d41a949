import * as core from "@actions/core";
import type { Blocked } from "#action/runner/failure.ts";
import { type Claim, type EndingKind, type Outcome, PHASES } from "#core/wire/contract.ts";
import { formatUsd, type MicroUsd, SECOND_MS } from "#core/wire/units.ts";

type Phase = (typeof PHASES)[number];
type Span = { readonly phase: Phase; readonly ms: number };

/** How long each phase took; a repair enters some again. */
export type Phases = { enter(phase: Phase): void; current(): Phase; spans(): readonly Span[] };

export function makePhases(now: () => number, startedAt: number): Phases {
  const entered: { readonly phase: Phase; readonly at: number }[] = [{ phase: "fetch", at: startedAt }];
  return {
    enter: (phase) => void entered.push({ phase, at: now() }),
    current: () => entered.at(-1)?.phase ?? "fetch",
    spans() {
      const spans = entered.map(({ phase, at }, index) => ({ phase, ms: (entered[index + 1]?.at ?? now()) - at }));
      const sum = (phase: Phase): number => spans.reduce((ms, span) => ms + (span.phase === phase ? span.ms : 0), 0);
      return PHASES.map((phase) => ({ phase, ms: sum(phase) })).filter(({ ms }) => ms > 0);
    },
  };
}

export type Told = {
  readonly route: Claim["route"];
  readonly outcome: Outcome;
  readonly costMicroUsd: MicroUsd;
  readonly phases: readonly Span[];
  /** Why the app has not got the outcome, and what to do; undefined when it has. */
  readonly undelivered: string | undefined;
};

/**
 * The job's page for operators, who read this repository and may not see the code: numbers, and words of this program or of
 * the policy. Nothing of the issue, the code, the checks or the model. Pure.
 */
export function renderSummary({ route, outcome, costMicroUsd, phases, undelivered }: Told): string {
  const { usage } = outcome;
  const ended = outcome.kind === "ran" ? outcome.ending.kind : outcome.reason;
  const input = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens + usage.cacheWrite1hTokens;
  const rows = [
    ["ending", word(ended)],
    ["harness", outcome.kind === "ran" ? word(outcome.harnessVersion) : word(route.harness)],
    ["model", `${word(route.model)}, tier ${word(route.tier)}`],
    ["tokens", `${String(input)} in (${String(usage.cacheReadTokens)} from the cache), ${String(usage.outputTokens)} out`],
    ["cost at list price", formatUsd(costMicroUsd)],
    ...(outcome.kind === "ran" ? [["checks", checksOf(outcome)], ["changed files", String(outcome.changes.length)]] : []),
    ["seconds", phases.map(({ phase, ms }) => `${phase} ${(ms / SECOND_MS).toFixed(1)}`).join(", ")],
    ["outcome", undelivered === undefined ? "delivered to the app" : "not delivered"],
  ]; // prettier-ignore
  const table = ["| | |", "|---|---|", ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
  const next = undelivered ?? (outcome.kind === "ran" ? NEXT[outcome.ending.kind] : describeForReaders(outcome));
  return `### agent-pool: ${word(ended)}\n\n${table}\n\n**Next:** ${oneLine(next)}\n`;
}

/** The page of a step that has no figures: one without an attempt, or that reports for another. Pure. */
export function renderNote(title: string, text: string): string {
  return `### agent-pool: ${title}\n\n${oneLine(text)}\n`;
}

/** Effects: writes the step's summary. Where the runner takes none, the log alone tells. */
export async function writeSummary(markdown: string): Promise<void> {
  await core.summary.addRaw(markdown).write().catch(() => {}); // prettier-ignore
}

/** These two details name the repository's own commands and files, and files the model may name as it likes. */
const NOT_FOR_READERS: readonly Blocked["reason"][] = ["setupFailed", "changesUnreadable"];

/** For the job's log and page, whose readers may not see the code. Pure. */
export function describeForReaders({ reason, detail }: Blocked): string {
  if (NOT_FOR_READERS.includes(reason)) return `${reason}: the app's comment on the issue says more.`;
  return `${reason}: ${detail.split("\n", 1)[0] ?? ""}`;
}

const JUDGED = "Nothing here: the app judges the outcome and says on the issue what comes of it.";
const RESTS = "Nothing here: the app lets this credential rest and goes on with another.";
const KEY = "Look at the key in this job's environment and at its account with the provider.";
const NEXT: Readonly<Record<EndingKind, string>> = {
  completed: JUDGED,
  turnLimit: JUDGED,
  budgetExhausted: JUDGED,
  repeating: JUDGED,
  timedOut: JUDGED,
  crashed: `${JUDGED} A job that was cancelled or stopped ends like this as well.`,
  rateLimited: RESTS,
  quotaExhausted: RESTS,
  overloaded: RESTS,
  authFailed: KEY,
  billing: KEY,
  modelNotFound: "See whether this credential may use the model, and which models the policy's routes name.",
  providerError: "See the provider's status page; label the issue again when it is well.",
};

function checksOf({ verification }: Extract<Outcome, { kind: "ran" }>): string {
  const passed = verification.filter(({ exitCode }) => exitCode === 0).length;
  return `${String(passed)} of ${String(verification.length)} passed`;
}

/** A name, as code that ends where it should. */
function word(text: string): string {
  return `\`${text.replaceAll(/[^\w .:/@-]/g, "")}\``;
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, " ").replaceAll(/[<>|]/g, "");
}
