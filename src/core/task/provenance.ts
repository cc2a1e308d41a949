import { inlineCode } from "../change/inline-code.ts";
import { paidBySubscription, type Drawn } from "../pool/ledger.ts";
import type { Route } from "../plan/route.ts";
import type { Usage } from "../wire/contract.ts";
import { formatUsd, MicroUsd, MINUTE_MS } from "../wire/units.ts";

/** What one run of the task was made with, and what it took. `usage`, `ms`: null where its job reported nothing. */
export type Run = {
  /** Counts the task's attempts, from 1. */
  readonly attempt: number;
  readonly route: Pick<Route, "tier" | "harness" | "model" | "effort">;
  readonly credential: string;
  readonly usage: Usage | null;
  readonly ms: number | null;
  readonly cost: { readonly model: MicroUsd; readonly runner: MicroUsd };
  /** What a subscription has paid; null where the model was paid by use. */
  readonly drawn: Drawn | null;
};

/** A row a run, and all of them together below where there are several. Markdown. Pure. */
export function describeProvenance(runs: readonly Run[]): string {
  const rows = runs.map(
    ({ attempt, route, credential, usage, ms, cost, drawn }) =>
      `| ${String(attempt)} | ${[route.harness, `${route.model} (${route.tier})`, ...effortOf(route)].join(", ")} | ${inlineCode(credential)} | ${drawn === null ? formatUsd(cost.model) : paidBySubscription(drawn)} | ${tokensOf(usage)} | ${ms === null ? "not reported" : String(minutesOf(ms))} |`,
  );
  return [
    "| attempt | made by | credential | model cost | tokens | minutes |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
    totalOf(runs),
  ].join("\n");
}

function totalOf(runs: readonly Run[]): string {
  const attempts = new Set(runs.map(({ attempt }) => attempt)).size;
  const counted = [count(attempts, "attempt"), count(runs.length - attempts, "move")].join(", ");
  const sum = (of: keyof Run["cost"]) => formatUsd(MicroUsd(runs.reduce((all, { cost }) => all + cost[of], 0)));
  return `${counted}: ${sum("model")} for models and ${sum("runner")} for runners in all.`;
}

function effortOf({ effort }: Run["route"]): string[] {
  return effort === null ? [] : [`effort ${effort}`];
}

/** What was read from the provider's cache costs another price, so it is told apart. */
function tokensOf(usage: Usage | null): string {
  if (usage === null) return "not reported";
  const { inputTokens, cacheWriteTokens, cacheWrite1hTokens, cacheReadTokens, outputTokens } = usage;
  const read = inputTokens + cacheWriteTokens + cacheWrite1hTokens;
  return `${thousands(read)} in, ${thousands(outputTokens)} out, ${thousands(cacheReadTokens)} cached`;
}

function thousands(tokens: number): string {
  return tokens.toLocaleString("en-US");
}

/** As the runner is paid for them. */
function minutesOf(ms: number): number {
  return Math.max(1, Math.ceil(ms / MINUTE_MS));
}

function count(many: number, what: string): string {
  return `${many === 0 ? "no" : String(many)} ${what}${many === 1 ? "" : "s"}`;
}
