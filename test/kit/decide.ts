import type { Decision, PoolSnapshot } from "#core/pool/decision.ts";
import type { OwnerId } from "#core/wire/ids.ts";
import type { CurrentPolicy, Store } from "#ports/store.ts";

/** What is decided in a pool that nobody has paused. */
export async function decide(
  store: Store,
  owner: OwnerId,
  policy: CurrentPolicy,
  choose: (snapshot: PoolSnapshot) => Decision,
): Promise<Decision> {
  const decision = await store.admit(owner, policy, choose);
  if (decision.kind === "paused") throw new Error("the pool is paused");
  return decision;
}
