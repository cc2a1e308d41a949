import type { Price, Usage } from "../wire/contract.ts";
import { costOf } from "../wire/cost.ts";
import type { ActorId, RepositoryId } from "../wire/ids.ts";
import { formatUsd, MicroUsd, MINUTE_MS } from "../wire/units.ts";
import { LEASE } from "./lease.ts";
import { subjectId } from "./windows.ts";

export type LedgerEntry = {
  readonly kind: "model" | "runner";
  /** Money spent: nothing where a subscription has paid already. */
  readonly amount: MicroUsd;
  /** What it would cost at list price: what the provider's windows count. */
  readonly listed: MicroUsd;
  /** What the amount was made of, for people. */
  readonly detail: object;
};

/** What a job drew from a subscription. `ofFiveHours`: of its window of that name, as it is learned by now; null: not known. */
export type Drawn = { readonly listed: MicroUsd; readonly ofFiveHours: number | null };

export function drawnOf(lease: {
  readonly billed: boolean;
  readonly costs: { readonly listed: MicroUsd | null; readonly ofFiveHours: number | null };
}): Drawn | null {
  const { listed, ofFiveHours } = lease.costs;
  return lease.billed || listed === null ? null : { listed, ofFiveHours };
}

/** For people, who compare it with what others cost and with what the seat has. */
export function paidBySubscription({ listed, ofFiveHours }: Drawn): string {
  const share = ofFiveHours === null ? "" : `, ≈ ${(100 * ofFiveHours).toPrecision(2)}% of its five-hour window`;
  return `≈ ${formatUsd(listed)} at list price${share}, paid by subscription`;
}

/** What runner minutes cost at most: reserved beside the model's budget. */
export function runnerAtMost(minute: MicroUsd): MicroUsd {
  return runnerCost(LEASE.jobMs, minute).amount;
}

/**
 * What a reported lease cost: its tokens at the price it was granted under, and its runner's minutes,
 * of which there can't be more than a job may last. `used`: what it said before; a smaller figure at the end takes nothing back.
 * Written once.
 */
export function settlement(
  report: { readonly usage: Usage; readonly estimated: boolean; readonly ms: number; readonly used: MicroUsd },
  { price, billed, minute }: { readonly price: Price; readonly billed: boolean; readonly minute: MicroUsd },
): readonly LedgerEntry[] {
  const { usage, estimated, ms, used } = report;
  const cost = costOf(usage, price);
  const listed = cost < used ? used : cost;
  const detail = cost < used ? { usage, estimated: true, because: "the job had reported more before" } : { usage, estimated };
  return [
    { kind: "model", amount: billed ? listed : MicroUsd(0), listed, detail },
    runnerCost(Math.min(ms, LEASE.jobMs), minute),
  ];
}

/**
 * What a lease is charged that ended unheard: all it held of the model's budget, for it may all have been spent, and the
 * minutes since its claim. One that was never claimed cost nothing.
 */
export function conservativeCharge(
  { cap, billed, minute }: { readonly cap: MicroUsd; readonly billed: boolean; readonly minute: MicroUsd },
  sinceClaimMs: number | null,
): readonly LedgerEntry[] {
  if (sinceClaimMs === null) return [];
  const detail = { estimated: true, because: "the run reported nothing" };
  return [
    { kind: "model", amount: billed ? cap : MicroUsd(0), listed: cap, detail },
    runnerCost(Math.min(sinceClaimMs, LEASE.jobMs), minute),
  ];
}

export function runnerCost(ms: number, minute: MicroUsd): LedgerEntry {
  const minutes = Math.max(1, Math.ceil(ms / MINUTE_MS));
  const amount = MicroUsd(minutes * minute);
  return { kind: "runner", amount, listed: amount, detail: { minutes } };
}

/** What the model's use is worth at list price. */
export function listedOf(entries: readonly LedgerEntry[]): MicroUsd {
  return MicroUsd(entries.reduce((sum, entry) => (entry.kind === "model" ? sum + entry.listed : sum), 0));
}

/** Whose spending an entry is: the provider's money is the credential's too, GitHub's is not. */
export function subjectsOf(
  entry: LedgerEntry,
  spender: { readonly credential: string; readonly others: readonly string[] },
): readonly string[] {
  return entry.kind === "runner" ? spender.others : [...spender.others, spender.credential];
}

/** Whose money a task spends, beside its credential's, by `subjectId`. */
export function spendersOf(task: {
  readonly team: string;
  readonly repository: RepositoryId;
  readonly person: ActorId;
}): readonly string[] {
  return [
    subjectId({ kind: "owner" }),
    subjectId({ kind: "team", name: task.team }),
    subjectId({ kind: "repository", id: task.repository }),
    subjectId({ kind: "person", id: task.person }),
  ];
}
