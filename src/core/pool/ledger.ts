import type { Price, Usage } from "../wire/contract.ts";
import { costOf } from "../wire/cost.ts";
import type { CredentialName } from "../wire/ids.ts";
import { MicroUsd, MINUTE_MS } from "../wire/units.ts";
import { LEASE } from "./lease.ts";
import { windowId } from "./windows.ts";

/**
 * A hosted Linux two-core minute, rounded up per job.
 * Source: GitHub's price list since 2026-01-01.
 */
export const RUNNER_MINUTE = MicroUsd(6_000);

export type LedgerEntry = {
  readonly kind: "model" | "runner";
  readonly amount: MicroUsd;
  /** What the amount was made of, for people. */
  readonly detail: object;
};

/** What runner minutes cost at most: reserved beside the model's budget. */
export const RUNNER_AT_MOST: MicroUsd = runnerCost(LEASE.jobMs).amount;

/**
 * What a reported lease cost: its tokens at the price it was granted under, and its runner's minutes,
 * of which there can't be more than a job may last. Written once.
 */
export function settlement(report: { usage: Usage; estimated: boolean; ms: number }, price: Price): readonly LedgerEntry[] {
  const { usage, estimated, ms } = report;
  return [{ kind: "model", amount: costOf(usage, price), detail: { usage, estimated } }, runnerCost(Math.min(ms, LEASE.jobMs))];
}

/**
 * What a lease is charged that ended unheard: all it held of the model's budget, for it may all have been spent, and the
 * minutes since its claim. One that was never claimed cost nothing.
 */
export function conservativeCharge(held: MicroUsd, sinceClaimMs: number | null): readonly LedgerEntry[] {
  if (sinceClaimMs === null) return [];
  return [
    { kind: "model", amount: held, detail: { estimated: true, because: "the run reported nothing" } },
    runnerCost(Math.min(sinceClaimMs, LEASE.jobMs)),
  ];
}

function runnerCost(ms: number): LedgerEntry {
  const minutes = Math.max(1, Math.ceil(ms / MINUTE_MS));
  return { kind: "runner", amount: MicroUsd(minutes * RUNNER_MINUTE), detail: { minutes } };
}

/** The windows an entry counts in: the provider's money in the credential's and the owner's, GitHub's in the owner's alone. */
export function windowsOf(entry: LedgerEntry, credential: CredentialName): readonly string[] {
  const owner = windowId({ name: "usd-month", subject: { kind: "owner" } });
  return entry.kind === "runner"
    ? [owner]
    : [owner, windowId({ name: "usd-month", subject: { kind: "credential", name: credential } })];
}
