import type { Price, Usage } from "../wire/contract.ts";
import { costOf } from "../wire/cost.ts";
import { MicroUsd, MINUTE_MS } from "../wire/units.ts";

/**
 * A hosted Linux two-core minute, rounded up per job.
 * Source: GitHub's price list since 2026-01-01.
 */
export const RUNNER_MINUTE = MicroUsd(6_000);

export type LedgerEntry =
  | { readonly kind: "model"; readonly amount: MicroUsd; readonly usage: Usage; readonly estimated: boolean }
  | { readonly kind: "runner"; readonly amount: MicroUsd; readonly minutes: number };

/** What an ended attempt cost: its tokens at one price row, and its runner's minutes. Written once per attempt. */
export function settlement(report: { usage: Usage; estimated: boolean; ms: number }, price: Price): readonly LedgerEntry[] {
  const minutes = Math.max(1, Math.ceil(report.ms / MINUTE_MS));
  return [
    { kind: "model", amount: costOf(report.usage, price), usage: report.usage, estimated: report.estimated },
    { kind: "runner", amount: MicroUsd(minutes * RUNNER_MINUTE), minutes },
  ];
}
