import type { Provider } from "#core/wire/contract.ts";
import { formatUsd, MicroUsd, MINUTE_MS } from "#core/wire/units.ts";
import { minuteOf } from "#core/config/runners.ts";
import { runnerAtMost } from "#core/pool/ledger.ts";
import type { Failure } from "#core/wire/failure.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { CONFIG_FILE, type Policy, POLICY_REPOSITORY } from "#core/config/policy.ts";
import { parsePolicy } from "#core/config/policy-file.ts";
import type { Brief } from "#core/request/brief.ts";
import type { GitHubFailure, SetUp } from "#ports/github.ts";
import type { CurrentPolicy, KeptPolicy } from "#ports/store.ts";
import type { Deps } from "./deps.ts";

export type ReadPolicy = { readonly policy: Policy; readonly text: string; readonly commit: string };

/** The owner's policy as GitHub has it. A broken or missing one is a reason to refuse, never a looser one. */
export function readPolicy(owner: Brief["owner"], found: SetUp["policy"]): Result<ReadPolicy, Failure> {
  const repository = `${owner.login}/${POLICY_REPOSITORY}`;
  if (found === null || found.file === "missing") return err({ reason: "policy-missing", repository, file: CONFIG_FILE });
  if (found.file === "unreadable") return err({ reason: "policy-unreadable", repository, file: CONFIG_FILE });
  const { text } = found.file;
  const policy = parsePolicy(owner.login, text);
  return policy.ok ? ok({ policy: policy.value, text, commit: found.commit }) : policy;
}

/** A policy without either is refused when it is read. */
export function minutePrice({ runner }: Policy): MicroUsd {
  const minute = runner.minute ?? minuteOf(runner["runs-on"]);
  if (minute === undefined) throw new Error(`a policy whose runner, ${runner["runs-on"]}, has no price`);
  return minute;
}

/**
 * How soon an owner's waiting tasks are looked at again when nothing wakes them: a month may have turned, a budget been
 * raised. A policy older than this is read anew first.
 */
export const LOOK_AGAIN_MS = 5 * MINUTE_MS;

/** The owner's policy as it was at most five minutes ago, by way of a task of theirs; or why there is none by now. */
export async function currentPolicy(
  { store, github }: Pick<Deps, "store" | "github">,
  kept: KeptPolicy,
  brief: Brief,
): Promise<Result<CurrentPolicy | { refused: Failure }, GitHubFailure>> {
  if (kept.ageMs < LOOK_AGAIN_MS) {
    const policy = parsePolicy(brief.owner.login, kept.text);
    return ok(policy.ok ? { policy: policy.value, commit: kept.commit } : { refused: policy.error });
  }
  const readAt = await store.now();
  const setUp = await github.readSetUp(brief);
  if (!setUp.ok) return setUp;
  const fresh = readPolicy(brief.owner, setUp.value.policy);
  if (!fresh.ok) return ok({ refused: fresh.error });
  const { text, commit } = fresh.value;
  await store.recordPolicy(brief.owner.id, { text, commit, readAt });
  return ok({ policy: fresh.value.policy, commit });
}

/**
 * A budget that no period can hold: the roomiest credential's, or the owner's with what the runner may cost beside it. A
 * seat costs its runner alone.
 */
export function unholdable(policy: Policy, provider: Provider, budget: MicroUsd): Failure | undefined {
  const pooled = policy.pool.filter((entry) => entry.provider === provider);
  const isBilled = pooled.every((entry) => entry.kind !== "seat");
  const roomiest = MicroUsd(Math.max(0, ...pooled.map((entry) => (entry.budget ?? policy.budget).amount)));
  const inFull = MicroUsd((isBilled ? budget : 0) + runnerAtMost(minutePrice(policy)));
  const short = (needed: MicroUsd, has: MicroUsd): Failure => ({
    reason: "budget-too-small",
    neededUsd: formatUsd(needed),
    budgetUsd: formatUsd(has),
  });
  if (isBilled && budget > roomiest) return short(budget, roomiest);
  return inFull > policy.budget.amount ? short(inFull, policy.budget.amount) : undefined;
}
