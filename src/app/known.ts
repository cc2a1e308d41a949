import { SIZES } from "#core/wire/contract.ts";
import type { RepositoryId } from "#core/wire/ids.ts";
import { MicroUsd } from "#core/wire/units.ts";
import type { Policy } from "#core/config/policy.ts";
import { runnerCost } from "#core/pool/ledger.ts";
import { estimateOf, NOTHING_SEEN, type Seen } from "#core/pool/estimator.ts";
import { priorOf } from "#core/pool/priors.ts";
import { kindsOf } from "#core/pool/snapshot.ts";
import type { Known } from "#core/plan/route.ts";
import type { Score } from "#core/plan/score.ts";
import type { Store, TaskRow } from "#ports/store.ts";
import { minutePrice } from "./policy.ts";

/** What an owner's own ledger tells of routes, nearest first: the repository's attempts, and all of the owner's. `seed`: `Known`. */
export type Ledger = {
  readonly seen: ReadonlyMap<string, Seen>;
  readonly scores: readonly (readonly Score[])[];
  readonly seed: string;
};

export const NOTHING_KNOWN: Ledger = { seen: new Map(), scores: [], seed: "" };

export async function readLedger(store: Store, { id, brief }: Pick<TaskRow, "id" | "brief">, policy: Policy): Promise<Ledger> {
  const { owner, repository } = brief;
  const choices = Object.values(policy.tiers).flat();
  const kinds = SIZES.flatMap((size) => choices.flatMap((choice) => kindsOf(size, choice, repository.id)));
  const scores = await store.readScores(owner.id, repository.id);
  return { seen: await store.readSeen(owner.id, kinds), scores: [scores.repository, scores.owner], seed: id };
}

/** The same as the router takes it: costs are estimated as the pool estimates them. */
export function knownOf({ seen, scores, seed }: Ledger, repository: RepositoryId, policy: Policy): Omit<Known, "checking"> {
  const minute = minutePrice(policy);
  return {
    scores,
    seed,
    costOf(size, route, price) {
      const levels = kindsOf(size, route, repository).map((kind) => seen.get(kind) ?? NOTHING_SEEN);
      const { mean, ms } = estimateOf(levels, priorOf(size, price));
      return { model: MicroUsd(Math.round(mean)), runner: runnerCost(ms, minute).amount };
    },
  };
}
